"""A host's certificate → what it is, and why it is not the wanted one. Shipped with the modules."""

from __future__ import annotations

import datetime
import grp
import pwd
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path

try:
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes, serialization

    CRYPTOGRAPHY = True
except ImportError:
    CRYPTOGRAPHY = False

State = Mapping[str, object]


def state(directory: Path, name: str) -> State:
    """Return {"fault"}, or {"fault": "", "issuer", "ends", "names", "addresses"}: times in ISO 8601, UTC.

    The issuer is the fingerprint of the CA that has signed it and follows it in the file, or nothing.
    """
    try:
        chain = x509.load_pem_x509_certificates((directory / f"{name}.crt").read_bytes())
        key = serialization.load_pem_private_key((directory / f"{name}.key").read_bytes(), password=None)
    except FileNotFoundError:
        return {"fault": "there is none"}
    except ValueError:
        return {"fault": "it cannot be read"}
    if chain[0].public_key() != key.public_key():
        return {"fault": "its key does not fit"}
    names, addresses = _names(chain[0])
    issued = len(chain) == 2 and _issued_by(chain[0], chain[1])
    return {
        "fault": "",
        "issuer": fingerprint(chain[1]) if issued else "",
        "ends": chain[0].not_valid_after_utc.isoformat(),
        "names": names,
        "addresses": addresses,
    }


def reason(
    found: State, names: Sequence[str], addresses: Sequence[str], issuer: str, deadline: datetime.datetime
) -> str:
    """Return why a certificate must be made anew, or nothing where it is good until the deadline."""
    if found["fault"]:
        return str(found["fault"])
    if found["issuer"] != issuer:
        return "it is not from this CA"
    ends = datetime.datetime.fromisoformat(str(found["ends"]))
    if ends < deadline:
        return f"it ends on {ends:%Y-%m-%d}"
    same = found["names"] == sorted(set(names)) and found["addresses"] == sorted(set(addresses))
    return "" if same else "its names differ"


def key_owner(directory: Path, name: str) -> dict[str, str]:
    """Return the owner, group and mode of a certificate's key as a task writes them, if it has them all."""
    try:
        found = (directory / f"{name}.key").stat()
        owner, group = pwd.getpwuid(found.st_uid).pw_name, grp.getgrgid(found.st_gid).gr_name
    except (OSError, KeyError):
        return {}
    return {"owner": owner, "group": group, "mode": f"{stat.S_IMODE(found.st_mode):04o}"}


def fingerprint(certificate: x509.Certificate) -> str:
    """Return what no other certificate has."""
    return certificate.fingerprint(hashes.SHA256()).hex()


def _issued_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _names(certificate: x509.Certificate) -> tuple[list[str], list[str]]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return [], []
    addresses = {str(address) for address in names.get_values_for_type(x509.IPAddress)}
    return sorted(set(names.get_values_for_type(x509.DNSName))), sorted(addresses)
