"""Site → its own certificate authority: one certificate and one key, as PEM."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from dicos_site.model import Site

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.x509 import Certificate, KeyUsage, Name

LIFETIME = timedelta(days=3653)
# A host whose clock is behind must not refuse what was signed a minute ago.
_BACKDATED = timedelta(days=1)


def make_authority(site: Site) -> tuple[str, str]:
    """Return certificate and key of a new authority, valid for ten years, for signing leaves only."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    certificate = _certificate(_name(site), key)
    return certificate.public_bytes(serialization.Encoding.PEM).decode(), pem.decode()


def _name(site: Site) -> "Name":
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "DiCOS"),
            x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, site.domain[:64]),
            x509.NameAttribute(NameOID.COMMON_NAME, f"{site.site} site CA"),
        ]
    )


def _certificate(name: "Name", key: "EllipticCurvePrivateKey") -> "Certificate":
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes

    now = datetime.now(UTC).replace(microsecond=0)
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATED)
        .not_valid_after(now + LIFETIME)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_signing_only(), critical=True)
        .add_extension(identifier, critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False
        )
    )
    return builder.sign(key, hashes.SHA256())


def _signing_only() -> "KeyUsage":
    from cryptography import x509

    return x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
