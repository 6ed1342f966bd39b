"""Persons of the directory who exist only for a verification: made, found, removed."""

import secrets
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ldap3 import Connection

PREFIX = "dicos-verify-"


@dataclass(frozen=True)
class Person:
    """Somebody who can log in, and the community of which she is a member."""

    uid: str
    password: str
    community: str


def new_person(run: str, community: str) -> Person:
    """Return a person of a run, not in the directory yet."""
    return Person(f"{run}-{community}", secrets.token_urlsafe(24), community)


def add(directory: "Connection", base: str, person: Person) -> None:
    """Put a person into the directory and into the group of her community."""
    from ldap3 import MODIFY_ADD

    attributes = {
        "cn": person.uid,
        "sn": person.uid,
        "description": "made by dicos-site verify, and removed by it",
        # The directory keeps a hash of it.
        "userPassword": person.password,
    }
    directory.add(_entry(person.uid, base), ["inetOrgPerson"], attributes)  # type: ignore[no-untyped-call]
    change = {"member": [(MODIFY_ADD, [_entry(person.uid, base)])]}
    directory.modify(f"cn={person.community},ou=groups,{base}", change)  # type: ignore[no-untyped-call]


def remove(directory: "Connection", base: str, uids: Iterable[str]) -> None:
    """Take persons out of every group and out of the directory; one who has gone is no error."""
    from ldap3 import MODIFY_DELETE
    from ldap3.core.exceptions import LDAPNoSuchAttributeResult, LDAPNoSuchObjectResult

    for uid in uids:
        name = _entry(uid, base)
        for group in _found(directory, f"ou=groups,{base}", f"(member={name})"):
            # Another provider may have removed her already.
            with suppress(LDAPNoSuchAttributeResult):
                directory.modify(group, {"member": [(MODIFY_DELETE, [name])]})  # type: ignore[no-untyped-call]
        with suppress(LDAPNoSuchObjectResult):
            directory.delete(name)  # type: ignore[no-untyped-call]


def left(directory: "Connection", base: str) -> list[str]:
    """Return the uid of every person whom a verification made, also one that was killed."""
    names = _found(directory, f"ou=people,{base}", f"(uid={PREFIX}*)")
    return [name.split(",", 1)[0].split("=", 1)[1] for name in names]


def _entry(uid: str, base: str) -> str:
    return f"uid={uid},ou=people,{base}"


def _found(directory: "Connection", below: str, wanted: str) -> list[str]:
    directory.search(below, wanted, attributes=["1.1"])
    return [str(entry.entry_dn) for entry in directory.entries]
