"""LDAP: an entry written on one provider is read on every other, over TLS."""

import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING

from dicos_site.model import Host, Site
from dicos_site.placement import hosts_of
from dicos_site.report import Check, check
from dicos_site.secrets import CA_CERTIFICATE
from dicos_site.verify.context import Context, Question

if TYPE_CHECKING:
    from ldap3 import Connection

PORT = 636
TIMEOUT_S = 8
REPLICATION_S = 5


def checks(site: Site, context: Context) -> Iterator[Question]:
    """Return the question of a write on one provider and a read on the others."""
    if hosts_of(site, "ldap"):
        yield Question(("LDAP_REPLICATION",), "", lambda: [_write(site, context)])


def status_checks(site: Site, context: Context) -> Iterator[Question]:
    """Return the question that only reads: have all providers seen the same changes."""
    if hosts_of(site, "ldap"):
        yield Question(("LDAP_REPLICATION",), "", lambda: [_compare(site, context)])


def base_of(site: Site) -> str:
    """Return the suffix of the directory, as the role's `ldap_base`."""
    return ",".join(f"dc={label}" for label in site.domain.split("."))


def _write(site: Site, context: Context) -> Check:
    first, *others = hosts_of(site, "ldap")
    entry = f"cn=dicos-verify-{secrets.token_hex(6)},{base_of(site)}"
    with ExitStack() as stack:
        writer = connection(context, first, stack)
        writer.add(entry, ["applicationProcess"])  # type: ignore[no-untyped-call]
        try:
            late = [host.name for host in others if not _read(connection(context, host, stack), entry)]
        finally:
            writer.delete(entry)  # type: ignore[no-untyped-call]
    names = ", ".join(host.name for host in others) or first.name
    detail = (
        f"not on {', '.join(late)} after {REPLICATION_S} s"
        if late
        else f"written on {first.name}, read on {names}"
    )
    return check("LDAP_REPLICATION", "", not late, detail)


def _compare(site: Site, context: Context) -> Check:
    with ExitStack() as stack:
        providers = {host.name: connection(context, host, stack) for host in hosts_of(site, "ldap")}
        same = _soon(lambda: len({_changes(site, connection) for connection in providers.values()}) == 1)
    detail = f"{len(providers)} providers have seen the same changes" if same else "the providers differ"
    return check("LDAP_REPLICATION", "", same, detail)


def _changes(site: Site, connection: "Connection") -> tuple[str, ...]:
    connection.search(base_of(site), "(objectClass=*)", search_scope="BASE", attributes=["contextCSN"])
    found = connection.entries[0]["contextCSN"].values if connection.entries else []
    return tuple(sorted(str(value) for value in found))


def _read(connection: "Connection", entry: str) -> bool:
    from ldap3.core.exceptions import LDAPNoSuchObjectResult

    def found() -> bool:
        try:
            return bool(connection.search(entry, "(objectClass=*)", search_scope="BASE"))
        except LDAPNoSuchObjectResult:
            return False

    return _soon(found)


def _soon(question: Callable[[], bool]) -> bool:
    """Return whether a question is answered with yes within REPLICATION_S."""
    end = time.monotonic() + REPLICATION_S
    while not question():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def connection(context: Context, host: Host, stack: ExitStack) -> "Connection":
    """Return the administrator's connection to one provider, over TLS; it ends with the stack."""
    import ssl

    from ldap3 import NONE, Connection, Server, Tls

    ip, port = context.tunnel(host.name, PORT)
    name = context.site.fqdn(host.name)
    tls = Tls(
        validate=ssl.CERT_REQUIRED,
        ca_certs_data=context.secrets[CA_CERTIFICATE],
        valid_names=[name],
        sni=name,
    )
    server = Server(ip, port=port, use_ssl=True, tls=tls, get_info=NONE, connect_timeout=TIMEOUT_S)
    made = Connection(
        server,
        user=f"cn=admin,{base_of(context.site)}",
        password=context.secrets["ldap_admin"],
        receive_timeout=TIMEOUT_S,
        raise_exceptions=True,
        auto_bind=True,
    )
    stack.callback(made.unbind)
    return made
