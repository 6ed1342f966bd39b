"""Certificates: real keys, real signatures; the host's part as a process, the controller's part as a call."""

import datetime
import ipaddress
import json
import subprocess
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from dicos_site import description
from dicos_site.authority import make_authority
from plugins.action.certificate import LIFETIME, signed
from tests.modules import OWN, PROJECT, Result, run_module, run_play

NOW = datetime.datetime.now(datetime.UTC)
PEM = serialization.Encoding.PEM
Key = ec.EllipticCurvePrivateKey
Entry = Mapping[str, Sequence[str]]
WANTED: Entry = {
    "name": "mariadb",
    "names": ["ctl1.lab.test", "api.lab.test"],
    "addresses": ["10.83.0.11"],
    **OWN,
}


@cache
def authority(number: int = 1, name: str = "TW-LAB") -> tuple[x509.Certificate, Key]:
    """Return the certificate and key of a site's CA; another number has another key."""
    site = description.read(PROJECT / "inventories" / "lab").model_copy(update={"site": name})
    certificate, encoded = make_authority(site)
    key = serialization.load_pem_private_key(encoded.encode(), password=None)
    assert isinstance(key, Key)
    return x509.load_pem_x509_certificate(certificate.encode()), key


def pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(PEM).decode()


def ask(
    directory: Path, entry: Entry = WANTED, *, ca: x509.Certificate | None = None, check_mode: bool = False
) -> Result:
    """Return what the host says to a wanted certificate."""
    issuer = ca or authority()[0]
    arguments: Result = {"certificates": [entry], "directory": str(directory), "ca": pem(issuer)}
    return run_module("certificate", arguments, check_mode=check_mode)


def make(
    directory: Path,
    entry: Entry = WANTED,
    *,
    ca: tuple[x509.Certificate, Key] | None = None,
    at: datetime.datetime = NOW,
) -> Result:
    """Ask, sign and install; return what the host asked for."""
    certificate, key = ca or authority()
    result = ask(directory, entry, ca=certificate)
    requests = result["requests"]
    assert isinstance(requests, dict), result
    chains = {name: signed(request, entry, certificate, key, at) for name, request in requests.items()}
    arguments: Result = {"certificates": [entry], "directory": str(directory), "ca": pem(certificate)}
    if chains:
        installed = run_module("certificate", {**arguments, "signed": chains})
        assert "failed" not in installed, installed
    return result


def leaf(directory: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificates((directory / "mariadb.crt").read_bytes())[0]


def test_a_certificate_is_made_once(tmp_path: Path) -> None:
    assert make(tmp_path)["reasons"] == {"mariadb": "there is none"}
    again = ask(tmp_path)
    assert (again["changed"], again["requests"], again["changed_certificates"]) == (False, {}, [])


def test_the_certificate_says_what_the_task_said(tmp_path: Path) -> None:
    make(tmp_path)
    extensions = leaf(tmp_path).extensions
    names = extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    usage = extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert names.get_values_for_type(x509.DNSName) == ["ctl1.lab.test", "api.lab.test"]
    assert names.get_values_for_type(x509.IPAddress) == [ipaddress.ip_address("10.83.0.11")]
    assert set(usage) == {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH}
    assert extensions.get_extension_for_class(x509.BasicConstraints).value.ca is False
    assert leaf(tmp_path).not_valid_after_utc == (NOW + LIFETIME).replace(microsecond=0)


def test_openssl_trusts_the_chain(tmp_path: Path) -> None:
    make(tmp_path)
    (tmp_path / "ca.crt").write_text(pem(authority()[0]))
    options = ["-x509_strict", "-purpose", "sslserver", "-verify_hostname", "api.lab.test"]
    command = [
        "openssl",
        "verify",
        "-CAfile",
        str(tmp_path / "ca.crt"),
        *options,
        str(tmp_path / "mariadb.crt"),
    ]
    assert subprocess.run(command, capture_output=True, text=True, check=False).returncode == 0


def test_only_its_owner_reads_the_key(tmp_path: Path) -> None:
    make(tmp_path)
    assert (tmp_path / "mariadb.key").stat().st_mode & 0o7777 == 0o600
    assert (tmp_path / "mariadb.crt").stat().st_mode & 0o7777 == 0o644


def test_another_mode_needs_no_new_key(tmp_path: Path) -> None:
    make(tmp_path)
    before = leaf(tmp_path)
    assert make(tmp_path, {**WANTED, "mode": "0640"})["reasons"] == {
        "mariadb": "its key has another owner or mode"
    }
    assert (tmp_path / "mariadb.key").stat().st_mode & 0o7777 == 0o640
    assert leaf(tmp_path) == before


@pytest.mark.parametrize("changes", [{"names": ["ctl1.lab.test"]}, {"addresses": []}])
def test_a_certificate_with_other_names_is_renewed(tmp_path: Path, changes: Entry) -> None:
    make(tmp_path)
    entry = {**WANTED, **changes}
    assert make(tmp_path, entry)["reasons"] == {"mariadb": "its names differ"}
    assert ask(tmp_path, entry)["changed"] is False


@pytest.mark.parametrize(("number", "name"), [(2, "TW-LAB"), (1, "TW-OTHER")])
def test_a_certificate_of_another_ca_is_renewed(tmp_path: Path, number: int, name: str) -> None:
    make(tmp_path)
    other = authority(number, name)
    assert make(tmp_path, ca=other)["reasons"] == {"mariadb": "it is not from this CA"}
    assert ask(tmp_path, ca=other[0])["changed"] is False


@pytest.mark.parametrize(("days_left", "renewed"), [(29, True), (31, False)])
def test_a_certificate_is_renewed_in_its_last_thirty_days(
    tmp_path: Path, days_left: int, renewed: bool
) -> None:
    make(tmp_path, at=NOW - LIFETIME + datetime.timedelta(days=days_left))
    assert ask(tmp_path)["changed"] is renewed


def test_a_renewal_brings_a_new_key_and_leaves_no_old_one(tmp_path: Path) -> None:
    make(tmp_path)
    before = (tmp_path / "mariadb.key").read_text()
    make(tmp_path, {**WANTED, "addresses": []})
    assert (tmp_path / "mariadb.key").read_text() != before
    assert sorted(path.name for path in (tmp_path / ".mariadb").iterdir()) == sorted(
        ["current", f"{leaf(tmp_path).serial_number:x}"]
    )


def test_an_interrupted_renewal_leaves_the_old_pair(tmp_path: Path) -> None:
    make(tmp_path)
    before = (tmp_path / "mariadb.key").read_text()
    assert ask(tmp_path, {**WANTED, "addresses": []})["requests"]
    assert ((tmp_path / "mariadb.key").read_text(), ask(tmp_path)["changed"]) == (before, False)


def test_a_key_that_does_not_fit_is_noticed(tmp_path: Path) -> None:
    make(tmp_path)
    other = ec.generate_private_key(ec.SECP256R1())
    (tmp_path / "mariadb.key").write_bytes(
        other.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    assert make(tmp_path)["reasons"] == {"mariadb": "its key does not fit"}


def test_broken_files_are_made_anew(tmp_path: Path) -> None:
    make(tmp_path)
    (tmp_path / "mariadb.crt").write_text("broken")
    assert make(tmp_path)["reasons"] == {"mariadb": "it cannot be read"}


def test_a_signature_for_another_key_is_refused(tmp_path: Path) -> None:
    result = ask(tmp_path)
    requests = result["requests"]
    assert isinstance(requests, dict)
    chain = signed(requests["mariadb"], WANTED, *authority(), NOW)
    ask(tmp_path)
    arguments = {"certificates": [WANTED], "directory": str(tmp_path), "ca": pem(authority()[0])}
    late = run_module("certificate", {**arguments, "signed": {"mariadb": chain}})
    assert late["msg"] == (
        f"another run made a new key meanwhile\n  at:  {tmp_path}/.mariadb\n"
        "  fix: run one deployment at a time"
    )
    assert not (tmp_path / "mariadb.crt").exists()


def test_a_host_cannot_ask_for_names_of_others() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    names = x509.SubjectAlternativeName([x509.DNSName("bank.test")])
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "ctl1.lab.test")])
    request = (
        x509.CertificateSigningRequestBuilder().subject_name(subject).add_extension(names, critical=False)
    )
    text = request.sign(key, hashes.SHA256()).public_bytes(PEM).decode()
    chain = x509.load_pem_x509_certificates(signed(text, WANTED, *authority(), NOW).encode())
    found = chain[0].extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert found.get_values_for_type(x509.DNSName) == WANTED["names"]


def test_no_certificate_outlives_its_ca() -> None:
    certificate, key = authority()
    request = (
        x509.CertificateSigningRequestBuilder().subject_name(certificate.subject).sign(key, hashes.SHA256())
    )
    late = certificate.not_valid_after_utc - datetime.timedelta(days=10)
    chain = signed(request.public_bytes(PEM).decode(), WANTED, certificate, key, late)
    leaf_certificate = x509.load_pem_x509_certificate(chain.encode())
    assert leaf_certificate.not_valid_after_utc == certificate.not_valid_after_utc


def test_check_mode_asks_for_nothing(tmp_path: Path) -> None:
    result = ask(tmp_path, check_mode=True)
    assert (result["changed"], result["requests"], list(tmp_path.iterdir())) == (True, {}, [])


def test_a_certificate_without_a_name_is_refused(tmp_path: Path) -> None:
    assert ask(tmp_path, {**WANTED, "names": []})["msg"] == (
        "the certificate has no DNS name\n  at:  certificate mariadb\n  fix: give it names"
    )


PLAY = """
- hosts: localhost
  connection: local
  gather_facts: false
  vars:
    ansible_python_interpreter: "{{ ansible_playbook_python }}"
    pki_ca_certificate: "{{ lookup('ansible.builtin.file', 'CA.crt') }}"
    pki_ca_key: "{{ lookup('ansible.builtin.file', 'CA.key') }}"
    own: OWN
  tasks:
    - certificate:
        directory: PKI
        certificates:
          - "{{ own | combine({'name': 'one', 'names': ['one.test']}) }}"
          - "{{ own | combine({'name': 'two', 'names': ['two.test'], 'addresses': ['10.83.0.2']}) }}"
"""


def test_one_task_makes_several_certificates_and_shows_no_key(tmp_path: Path) -> None:
    certificate, key = authority()
    secret = key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()
    (tmp_path / "CA.crt").write_text(pem(certificate))
    (tmp_path / "CA.key").write_text(secret)
    text = (
        PLAY.replace("CA.", f"{tmp_path}/CA.").replace("PKI", str(tmp_path)).replace("OWN", json.dumps(OWN))
    )
    (tmp_path / "play.yml").write_text(text)
    first, second = run_play(tmp_path / "play.yml"), run_play(tmp_path / "play.yml")
    assert ("changed=1" in first, "changed=0" in second) == (True, True)
    assert {path.name for path in tmp_path.glob("*.key")} == {"CA.key", "one.key", "two.key"}
    assert "PRIVATE KEY" not in first
    assert secret.splitlines()[1] not in first
