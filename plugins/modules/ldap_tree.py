#!/usr/bin/python
"""Wanted base tree → the directory: made exactly once, on one provider."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import time

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible.module_utils.host_paths import RefusalError, problem

try:
    import ldap
except ImportError:  # said in full by main()
    ldap = None

DOCUMENTATION = r"""
module: ldap_tree
short_description: Make the base tree of a directory and keep its service accounts' passwords
description:
  - Connects as root over C(ldapi) to the provider of the host it runs on.
  - Adds the entries that are missing. Of those there, only passwords of service accounts are kept right.
  - An empty provider gets the tree that another one has by replication, which is waited for.
options:
  base:
    description: Suffix, of the form C(dc=lab,dc=dicos,dc=test).
    type: str
    required: true
  organisation:
    description: Name in the entry of the suffix.
    type: str
    required: true
  groups:
    description: Groups to make, without members.
    type: list
    elements: str
    default: []
  reader_password:
    description: Password of C(cn=reader,ou=services).
    type: str
    required: true
  replication_password:
    description: Password of C(cn=replication,ou=services).
    type: str
    required: true
  peers:
    description: Full names of the other providers.
    type: list
    elements: str
    default: []
author: DiCOS (@dicos)
"""

EXAMPLES = r"""
- name: Make the tree
  ldap_tree:
    base: dc=lab,dc=dicos,dc=test
    organisation: TW-LAB
    groups: [ams, bio]
    reader_password: "{{ ldap_reader_password }}"
    replication_password: "{{ ldap_replication_password }}"
    peers: [ctl2.lab.dicos.test, ctl3.lab.dicos.test]
"""

RETURN = r"""
changed_entries:
  description: Entries that were added or got another password.
  type: list
  elements: str
  returned: success
"""

Entries = dict[str, dict[str, list[str]]]
REPLICATION_S = 120
TIMEOUT_S = 10
SPEC = {
    "base": {"type": "str", "required": True},
    "organisation": {"type": "str", "required": True},
    "groups": {"type": "list", "elements": "str", "default": []},
    "reader_password": {"type": "str", "required": True, "no_log": True},
    "replication_password": {"type": "str", "required": True, "no_log": True},
    "peers": {"type": "list", "elements": "str", "default": []},
}


def main() -> None:
    """Answer Ansible."""
    module = AnsibleModule(argument_spec=SPEC, supports_check_mode=True)
    if ldap is None:
        module.fail_json(msg=missing_required_lib("python-ldap"))
    try:
        changed = _converge(module)
    except RefusalError as refusal:
        module.fail_json(msg=str(refusal))
    except ldap.LDAPError as error:
        fix = "read its journal: journalctl -u slapd"
        module.fail_json(msg=problem(f"slapd refuses: {_reason(error)}", "ldapi:///", fix))
    module.exit_json(changed=bool(changed), changed_entries=changed)


def _converge(module: AnsibleModule) -> list[str]:
    """Return the names of the entries that changed, or would in check mode."""
    wanted = module.params
    entries = _entries(wanted["base"], wanted["organisation"], wanted["groups"])
    passwords = {
        f"cn={name},ou=services,{wanted['base']}": wanted[f"{name}_password"]
        for name in ("reader", "replication")
    }
    try:
        directory = _root()
    except ldap.SERVER_DOWN:
        if module.check_mode:  # on a host where slapd would be started first
            return list(entries)
        raise
    if not _exists(directory, wanted["base"]):
        _wait_for_peers(directory, wanted)
    return [
        name
        for name, attributes in entries.items()
        if _changed(directory, name, attributes, passwords.get(name), module.check_mode)
    ]


def _entries(base: str, organisation: str, groups: list[str]) -> Entries:
    """Return {name: attributes}, parents before children."""
    nobody = f"uid=nobody,ou=services,{base}"
    label = base.split(",")[0].split("=")[1]
    policy = {"pwdAttribute": ["userPassword"], "pwdMinLength": ["12"], "pwdCheckQuality": ["1"]}
    entries: Entries = {
        base: {"objectClass": ["dcObject", "organization"], "dc": [label], "o": [organisation]}
    }
    for unit in ("people", "groups", "services", "policies"):
        entries[f"ou={unit},{base}"] = {"objectClass": ["organizationalUnit"], "ou": [unit]}
    # Named by its uid, as people are: who reads a group (keystone) takes members' uids from their names.
    entries[nobody] = {
        "objectClass": ["organizationalRole", "uidObject"],
        "cn": ["nobody"],
        "uid": ["nobody"],
    }
    for account in ("reader", "replication"):
        entries[f"cn={account},ou=services,{base}"] = {
            "objectClass": ["organizationalRole", "simpleSecurityObject"],
            "cn": [account],
            # Nothing hashes to it: nobody logs in before an account has its password.
            "userPassword": ["{SSHA}none"],
        }
    entries[f"cn=default,ou=policies,{base}"] = {
        "objectClass": ["organizationalRole", "pwdPolicy"],
        "cn": ["default"],
        **policy,
    }
    for group in groups:
        entries[f"cn={group},ou=groups,{base}"] = {
            "objectClass": ["groupOfNames"],
            "cn": [group],
            "member": [nobody],
        }
    return entries


def _root() -> ldap.ldapobject.LDAPObject:
    directory = ldap.initialize("ldapi:///")
    directory.set_option(ldap.OPT_NETWORK_TIMEOUT, TIMEOUT_S)
    directory.set_option(ldap.OPT_TIMEOUT, TIMEOUT_S)
    directory.sasl_external_bind_s()
    return directory


def _exists(directory: ldap.ldapobject.LDAPObject, name: str) -> bool:
    try:
        directory.search_s(name, ldap.SCOPE_BASE, attrlist=["1.1"])
    except ldap.NO_SUCH_OBJECT:
        return False
    return True


def _wait_for_peers(directory: ldap.ldapobject.LDAPObject, wanted: dict[str, str]) -> None:
    """Wait for the tree where another provider has one; two trees made apart would never become one."""
    if not any(_has_tree(peer, wanted) for peer in wanted["peers"]):
        return
    end = time.monotonic() + REPLICATION_S
    while not _exists(directory, f"ou=groups,{wanted['base']}"):
        if time.monotonic() > end:
            what = f"another provider has a tree, and it did not come here within {REPLICATION_S} s"
            raise RefusalError(problem(what, wanted["base"], "see docs/runbooks/LDAP_REPLICATION.md"))
        time.sleep(1)


def _has_tree(peer: str, wanted: dict[str, str]) -> bool:
    """Return whether the replication account, which is part of the tree, can log in on a provider."""
    directory = ldap.initialize(f"ldaps://{peer}")
    directory.set_option(ldap.OPT_X_TLS_CACERTFILE, "/etc/dicos/pki/ca.crt")
    directory.set_option(ldap.OPT_X_TLS_REQUIRE_CERT, ldap.OPT_X_TLS_DEMAND)
    directory.set_option(ldap.OPT_X_TLS_NEWCTX, 0)
    directory.set_option(ldap.OPT_NETWORK_TIMEOUT, TIMEOUT_S)
    directory.set_option(ldap.OPT_TIMEOUT, TIMEOUT_S)
    try:
        directory.simple_bind_s(
            f"cn=replication,ou=services,{wanted['base']}", wanted["replication_password"]
        )
    except ldap.INVALID_CREDENTIALS:
        return False
    except ldap.LDAPError as error:
        what = f"this provider is empty, and {peer} cannot be asked whether it is not: {_reason(error)}"
        raise RefusalError(
            problem(what, peer, "start slapd there, or repair the network between them")
        ) from error
    return True


def _changed(
    directory: ldap.ldapobject.LDAPObject,
    name: str,
    attributes: dict[str, list[str]],
    password: str | None,
    check_mode: bool,
) -> bool:
    """Add an entry or give it its password; return whether something changed."""
    try:
        [(_, found)] = directory.search_s(name, ldap.SCOPE_BASE, attrlist=["userPassword"])
    except ldap.NO_SUCH_OBJECT:
        stored = {key: [value.encode() for value in values] for key, values in attributes.items()}
        if password is not None:
            stored["userPassword"] = [_hash(password, os.urandom(16))]
        if not check_mode:
            directory.add_s(name, list(stored.items()))
        return True
    if password is None or any(_fits(password, stored) for stored in found.get("userPassword", [])):
        return False
    if not check_mode:
        directory.modify_s(name, [(ldap.MOD_REPLACE, "userPassword", [_hash(password, os.urandom(16))])])
    return True


def _hash(password: str, salt: bytes) -> bytes:
    digest = hashlib.sha1(password.encode() + salt).digest()  # noqa: S324 (of a random secret)
    return b"{SSHA}" + base64.b64encode(digest + salt)


def _fits(password: str, stored: bytes) -> bool:
    if not stored.startswith(b"{SSHA}"):
        return False
    salt = base64.b64decode(stored[6:])[20:]
    return hmac.compare_digest(_hash(password, salt), stored)


def _reason(error: Exception) -> str:
    detail = error.args[0] if error.args and isinstance(error.args[0], dict) else {}
    return " ".join(str(detail[key]) for key in ("desc", "info") if key in detail) or str(error)


if __name__ == "__main__":
    main()
