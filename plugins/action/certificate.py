"""A host's requests → certificates signed on the controller; the CA's key never leaves it."""

from __future__ import annotations

import datetime
import ipaddress
from collections.abc import Mapping, Sequence

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from dicos_site.certificate_state import fingerprint, reason

IssuerKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

LIFETIME = datetime.timedelta(days=397)
# A host's clock may be behind the controller's before chrony has set it.
_BACKDATED = datetime.timedelta(hours=1)
_ENTRY_KEYS = ("name", "names", "addresses", "owner", "group", "mode")
# What decides whether a certificate is good; a task with another option of the module asks the host.
_REPORTED = frozenset(("certificates", "ca"))
RENEW_BEFORE = datetime.timedelta(days=30)


class ActionModule(ActionBase):
    """Asks the host what it lacks, signs that, and installs it."""

    _requires_connection = True

    def run(self, tmp: str | None = None, task_vars: dict[str, object] | None = None) -> dict[str, object]:
        """Return {changed, changed_certificates, reasons}.

        No round trip where the preflight's report says that all is good, one where nothing is to be done.
        """
        super().run(tmp, task_vars)
        variables = task_vars or {}
        arguments = self._arguments(variables)
        if _all_good(arguments, variables):
            return {"changed": False, "changed_certificates": [], "reasons": {}}
        result: dict[str, object] = self._execute_module(
            module_name="certificate", module_args=arguments, task_vars=variables
        )
        requests = result.pop("requests", None)
        if not isinstance(requests, dict) or not requests:
            return result
        arguments["signed"] = self._signed(requests, arguments, variables)
        installed = self._execute_module(
            module_name="certificate", module_args=arguments, task_vars=variables
        )
        return installed if installed.get("failed") else result

    def _arguments(self, variables: Mapping[str, object]) -> dict[str, object]:
        arguments = dict(self._task.args)
        single = {key: arguments.pop(key) for key in _ENTRY_KEYS if key in arguments}
        if bool(single) == ("certificates" in arguments):
            raise AnsibleActionFail(
                _problem("name and certificates exclude each other", "give exactly one of them")
            )
        arguments.setdefault("certificates", [single])
        arguments["ca"] = self._secret("pki_ca_certificate", variables)
        return arguments

    def _secret(self, name: str, variables: Mapping[str, object]) -> str:
        if name not in variables:
            raise AnsibleActionFail(
                _problem(f"{name} is not set", "use the inventory of rack.yml, or set it")
            )
        return str(self._templar.template(variables[name]))

    def _signed(
        self, requests: Mapping[str, str], arguments: Mapping[str, object], variables: Mapping[str, object]
    ) -> dict[str, str]:
        issuer = x509.load_pem_x509_certificates(str(arguments["ca"]).encode())[0]
        key = issuer_key(self._secret("pki_ca_key", variables))
        entries = arguments["certificates"]
        now = datetime.datetime.now(datetime.UTC)
        return {
            entry["name"]: signed(requests[entry["name"]], entry, issuer, key, now)
            for entry in (entries if isinstance(entries, list) else [])
            if entry["name"] in requests
        }


def _all_good(arguments: Mapping[str, object], variables: Mapping[str, object]) -> bool:
    """Return whether this run's preflight has seen every wanted certificate, good for long enough."""
    facts = variables.get("ansible_facts")
    reported = facts.get("host_certificates") if isinstance(facts, Mapping) else None
    entries = arguments["certificates"]
    if not isinstance(reported, Mapping) or not isinstance(entries, list) or set(arguments) != _REPORTED:
        return False
    issuer = fingerprint(x509.load_pem_x509_certificates(str(arguments["ca"]).encode())[0])
    deadline = datetime.datetime.now(datetime.UTC) + RENEW_BEFORE
    return all(_good(reported.get(entry["name"]), entry, issuer, deadline) for entry in entries)


def _good(
    found: object, wanted: Mapping[str, Sequence[str]], issuer: str, deadline: datetime.datetime
) -> bool:
    if not isinstance(found, Mapping):
        return False
    key = {"owner": "root", "group": "root", "mode": "0600"}
    key |= {name: str(wanted[name]) for name in key if name in wanted}
    lacking = reason(found, wanted["names"], wanted.get("addresses") or (), issuer, deadline)
    return not lacking and found["key"] == key


def issuer_key(encoded: str) -> IssuerKey:
    """Return the CA's key."""
    key = serialization.load_pem_private_key(encoded.encode(), password=None)
    if not isinstance(key, IssuerKey):
        raise AnsibleActionFail(_problem("pki_ca_key is of an unknown kind", "use an EC or RSA key"))
    return key


def signed(
    request: str,
    wanted: Mapping[str, Sequence[str]],
    issuer: x509.Certificate,
    key: IssuerKey,
    now: datetime.datetime,
) -> str:
    """Return the chain, leaf first, as PEM.

    Of the request only its key and common name are taken: which names a host gets is said by the task.
    """
    asked = x509.load_pem_x509_csr(request.encode())
    if not asked.is_signature_valid:
        raise AnsibleActionFail(_problem("the request's signature is wrong", "run again"))
    leaf = _builder(asked, issuer, now).add_extension(_alternative_names(wanted), critical=False)
    certificate = leaf.sign(key, hashes.SHA256())
    return "".join(part.public_bytes(serialization.Encoding.PEM).decode() for part in (certificate, issuer))


def _builder(
    asked: x509.CertificateSigningRequest, issuer: x509.Certificate, now: datetime.datetime
) -> x509.CertificateBuilder:
    usages = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    return (
        x509.CertificateBuilder()
        .subject_name(asked.subject)
        .issuer_name(issuer.subject)
        .public_key(asked.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(max(now - _BACKDATED, issuer.not_valid_before_utc))
        .not_valid_after(min(now + LIFETIME, issuer.not_valid_after_utc))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(), critical=True)
        .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(asked.public_key()), critical=False)
        .add_extension(_authority(issuer), critical=False)
    )


def _key_usage() -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


def _authority(issuer: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    own = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(own)


def _alternative_names(wanted: Mapping[str, Sequence[str]]) -> x509.SubjectAlternativeName:
    addresses = [x509.IPAddress(ipaddress.ip_address(str(entry))) for entry in wanted.get("addresses") or ()]
    return x509.SubjectAlternativeName([*(x509.DNSName(str(name)) for name in wanted["names"]), *addresses])


def _problem(what: str, fix: str) -> str:
    return f"{what}\n  at:  certificate\n  fix: {fix}"
