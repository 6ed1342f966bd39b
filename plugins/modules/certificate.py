#!/usr/bin/python
"""Wanted certificates → the host's keys and certificates; what is missing becomes a request to sign."""

from __future__ import annotations

import datetime
import ipaddress
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.certificate_state import CRYPTOGRAPHY, fingerprint, reason, state
from ansible.module_utils.host_paths import (
    Attributes,
    RefusalError,
    current_attributes,
    problem,
    set_attributes,
    system_problem,
    wanted_attributes,
    write_new,
)

if CRYPTOGRAPHY:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

DOCUMENTATION = r"""
module: certificate
short_description: Keep certificates of the site's CA on a host
description:
  - The key is made on the host and never leaves it; the controller signs with the CA key in C(pki_ca_key).
  - Makes C(NAME.crt) (the leaf, then the CA) and C(NAME.key) in O(directory), both links into
    C(.NAME/current), which is exchanged in one rename, so that key and certificate always fit.
  - Renewed, with a new key, when less than O(renew_before_days) are left, when names or addresses differ,
    when it is not from this CA, or when the key does not fit.
  - One round trip when nothing is to be done.
options:
  name:
    description: Name of the files, for one certificate; or use O(certificates).
    type: str
  names:
    description: DNS names; the first becomes the common name.
    type: list
    elements: str
  addresses:
    description: IP addresses.
    type: list
    elements: str
  owner:
    description: User who reads the key.
    type: str
    default: root
  group:
    description: Group of the key.
    type: str
    default: root
  mode:
    description: Permissions of the key, quoted, in octal.
    type: str
    default: "0600"
  certificates:
    description: Several certificates in one task, each with the options above.
    type: list
    elements: dict
  directory:
    description: Where the certificates are.
    type: path
    default: /etc/dicos/pki
  renew_before_days:
    description: Days before the end at which a certificate is renewed.
    type: int
    default: 30
  ca:
    description: The CA's certificate; filled in by the action plugin from C(pki_ca_certificate).
    type: str
  signed:
    description: What the controller signed, by name; filled in by the action plugin.
    type: dict
author: DiCOS (@dicos)
"""

EXAMPLES = r"""
- name: Give MariaDB its certificate
  certificate:
    name: mariadb
    owner: mysql
    group: mysql
    names: ["{{ host_fqdn }}", "{{ mariadb_vip_fqdn }}"]
    addresses: ["{{ host_address }}"]
  notify: Restart mariadb
"""

RETURN = r"""
changed_certificates:
  description: Names of the certificates that were made or renewed, or whose key got another owner or mode.
  type: list
  elements: str
  returned: success
reasons:
  description: Why each of them was.
  type: dict
  returned: success
"""

_ENTRY = {
    "name": {"type": "str", "required": True},
    "names": {"type": "list", "elements": "str", "default": []},
    "addresses": {"type": "list", "elements": "str", "default": []},
    "owner": {"type": "str", "default": "root"},
    "group": {"type": "str", "default": "root"},
    "mode": {"type": "str", "default": "0600"},
}
ARGUMENTS = {
    "certificates": {"type": "list", "elements": "dict", "required": True, "options": _ENTRY},
    "directory": {"type": "path", "default": "/etc/dicos/pki"},
    "renew_before_days": {"type": "int", "default": 30},
    "ca": {"type": "str", "required": True},
    "signed": {"type": "dict", "default": {}},
}


@dataclass(frozen=True)
class Wanted:
    """A certificate as it is meant to be."""

    name: str
    names: frozenset[str]
    addresses: frozenset[str]
    common_name: str
    key: Attributes


def main() -> None:
    """Answer Ansible."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    os.umask(0o022)
    try:
        module.exit_json(**converge(module))
    except RefusalError as refusal:
        module.fail_json(msg=str(refusal))
    except OSError as error:
        module.fail_json(msg=system_problem(error))


def converge(module: AnsibleModule) -> dict[str, object]:
    """Install what was signed, or report what must be: {changed, changed_certificates, reasons, requests}."""
    options = module.params
    directory = Path(options["directory"])
    wanted = [_wanted(entry, module.check_mode) for entry in options["certificates"]]
    if options["signed"]:
        for entry in wanted:
            if entry.name in options["signed"]:
                install(directory, entry, options["signed"][entry.name])
        return {"changed": True}
    reasons = _reasons(module, directory, wanted)
    lacking = [entry for entry in wanted if entry.name in reasons]
    reasons |= _ensure_modes(
        directory, [entry for entry in wanted if entry.name not in reasons], module.check_mode
    )
    requests = {} if module.check_mode else {entry.name: request(directory, entry) for entry in lacking}
    changed = {"changed": bool(reasons), "changed_certificates": sorted(reasons), "reasons": reasons}
    return {**changed, "requests": requests}


def _wanted(entry: Mapping[str, object], check_mode: bool) -> Wanted:
    name, names, addresses = str(entry["name"]), _strings(entry["names"]), _strings(entry["addresses"])
    if not names:
        raise RefusalError(problem("the certificate has no DNS name", f"certificate {name}", "give it names"))
    try:
        exact = frozenset(str(ipaddress.ip_address(address)) for address in addresses)
    except ValueError as error:
        raise RefusalError(
            problem(str(error), f"certificate {name}", "write addresses as numbers")
        ) from error
    return Wanted(
        name, frozenset(names), exact, names[0], wanted_attributes(f"{name}.key", entry, check_mode)
    )


def _strings(value: object) -> list[str]:
    return [str(entry) for entry in value] if isinstance(value, list) else []


def _reasons(module: AnsibleModule, directory: Path, wanted: list[Wanted]) -> dict[str, str]:
    if not CRYPTOGRAPHY:
        if module.check_mode:
            return {entry.name: "python3-cryptography is not installed yet" for entry in wanted}
        fix = "run role pki first: it installs python3-cryptography"
        raise RefusalError(problem("the host cannot make certificates", "import cryptography", fix))
    issuer = fingerprint(x509.load_pem_x509_certificates(module.params["ca"].encode())[0])
    deadline = datetime.datetime.now(datetime.UTC) + datetime.timedelta(
        days=module.params["renew_before_days"]
    )
    found = {
        entry.name: reason(state(directory, entry.name), [*entry.names], [*entry.addresses], issuer, deadline)
        for entry in wanted
    }
    return {name: why for name, why in found.items() if why}


def _ensure_modes(directory: Path, wanted: list[Wanted], check_mode: bool) -> dict[str, str]:
    """Give the keys their owner and mode; return why, by name."""
    found = {}
    for entry in wanted:
        path = (directory / f"{entry.name}.key").resolve()
        if current_attributes(path) != entry.key:
            found[entry.name] = "its key has another owner or mode"
            if not check_mode:
                set_attributes(path, entry.key)
    return found


def request(directory: Path, wanted: Wanted) -> str:
    """Make a new key beside the one in use and return the request to sign it."""
    staging = directory / f".{wanted.name}" / "next"
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(parents=True)
    key = ec.generate_private_key(ec.SECP256R1())
    encoded = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    write_new(staging / "key.pem", encoded, wanted.key)
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, wanted.common_name[:64])])
    signed = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    return signed.public_bytes(serialization.Encoding.PEM).decode()


def install(directory: Path, wanted: Wanted, chain: str) -> None:
    """Put the new key and its certificate in use together, by one rename."""
    home = directory / f".{wanted.name}"
    staging = home / "next"
    leaf = x509.load_pem_x509_certificates(chain.encode())[0]
    key = serialization.load_pem_private_key((staging / "key.pem").read_bytes(), password=None)
    if key.public_key() != leaf.public_key():
        raise RefusalError(
            problem("another run made a new key meanwhile", home, "run one deployment at a time")
        )
    write_new(staging / "certificate.pem", chain.encode(), Attributes(0, 0, 0o644))
    version = home / f"{leaf.serial_number:x}"
    staging.rename(version)
    # The two public names point through `current`: before it exists they lead nowhere, after it both lead on.
    _link(directory / f"{wanted.name}.crt", f".{wanted.name}/current/certificate.pem")
    _link(directory / f"{wanted.name}.key", f".{wanted.name}/current/key.pem")
    _link(home / "current", version.name)
    for old in home.iterdir():
        if old.name not in (version.name, "current"):
            shutil.rmtree(old, ignore_errors=True)


def _link(path: Path, target: str) -> None:
    new = path.with_name(f"{path.name}.new")
    new.unlink(missing_ok=True)
    new.symlink_to(target)
    new.replace(path)


if __name__ == "__main__":
    main()
