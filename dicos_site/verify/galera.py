"""MariaDB Galera: every member in one synced primary component, one writer behind the VIP, writes on all."""

import secrets
from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import TYPE_CHECKING, cast

from dicos_site.database import PORT, connect
from dicos_site.model import Host, Site
from dicos_site.placement import hosts_of
from dicos_site.report import Check, check
from dicos_site.variables import vip_fqdn
from dicos_site.verify.context import Context, Question

if TYPE_CHECKING:
    from dicos_site.database import Database

TIMEOUT_S = 8
# How many connections through the VIP must meet the same member.
CONNECTIONS = 3
MEMBER_CODES = ("GALERA_SIZE", "GALERA_PRIMARY", "GALERA_SYNCED")
_STATE = "SHOW GLOBAL STATUS WHERE Variable_name IN ('wsrep_cluster_size', 'wsrep_cluster_status', "
_STATE += "'wsrep_local_state_comment', 'wsrep_ready')"


def checks(site: Site, context: Context) -> Iterator[Question]:
    """Return one question a member, one for the writer and one for a write."""
    yield from status_checks(site, context)
    if hosts_of(site, "mariadb"):
        yield Question(("GALERA_WRITE",), "", lambda: [_write(site, context)])


def status_checks(site: Site, context: Context) -> Iterator[Question]:
    """Return the questions that only read."""
    for host in hosts_of(site, "mariadb"):
        yield Question(MEMBER_CODES, host.name, lambda host=host: _member(site, context, host))  # type: ignore[misc]
    if hosts_of(site, "mariadb"):
        yield Question(("GALERA_WRITER",), "", lambda: [_writer(context)])


def member_checks(host: str, state: Mapping[str, str], expected: int) -> Iterator[Check]:
    """Return what a member's wsrep status says."""
    size = state.get("wsrep_cluster_size", "0")
    yield check("GALERA_SIZE", host, size == str(expected), f"sees {size} of {expected} members")
    status, ready = state.get("wsrep_cluster_status", "unknown"), state.get("wsrep_ready", "unknown")
    primary = status == "Primary" and ready == "ON"
    yield check("GALERA_PRIMARY", host, primary, f"component is {status}, ready is {ready}")
    comment = state.get("wsrep_local_state_comment", "unknown")
    yield check("GALERA_SYNCED", host, comment == "Synced", f"state is {comment}")


def _member(site: Site, context: Context, host: Host) -> Iterator[Check]:
    expected = len(hosts_of(site, "mariadb")) + len(hosts_of(site, "galera_arbiter"))
    with closing(_to_member(context, host)) as database:
        state = dict(cast("list[tuple[str, str]]", _rows(database, _STATE)))
    return member_checks(host.name, state, expected)


def _writer(context: Context) -> Check:
    names = []
    for _ in range(CONNECTIONS):
        with closing(_to_vip(context)) as database:
            names.append(str(_rows(database, "SELECT @@wsrep_node_name")[0][0]))
    writers = sorted(set(names))
    detail = f"{CONNECTIONS} connections through the VIP meet {', '.join(writers)}"
    return check("GALERA_WRITER", "", len(writers) == 1, detail)


def _write(site: Site, context: Context) -> Check:
    table, token = f"dicos_verify_{secrets.token_hex(6)}", secrets.token_hex(8)
    with closing(_to_vip(context)) as database:
        try:
            _rows(database, f"CREATE TABLE {table} (token CHAR(16) PRIMARY KEY) ENGINE=InnoDB")
            _rows(database, f"INSERT INTO {table} VALUES (%s)", token)  # noqa: S608
            members = hosts_of(site, "mariadb")
            missing = [host.name for host in members if not _has(context, host, table, token)]
        finally:
            _rows(database, f"DROP TABLE IF EXISTS {table}")
    detail = (
        f"not read on {', '.join(missing)}" if missing else f"written once, read on {len(members)} members"
    )
    return check("GALERA_WRITE", "", not missing, detail)


def _has(context: Context, host: Host, table: str, token: str) -> bool:
    with closing(_to_member(context, host)) as database:
        # The read waits until this member has applied all that was committed before it.
        _rows(database, "SET SESSION wsrep_sync_wait = 1")
        return [row[0] for row in _rows(database, f"SELECT token FROM {table}")] == [token]  # noqa: S608


def _to_member(context: Context, host: Host) -> "Database":
    return connect(context.tunnel(host.name, PORT), context.site.fqdn(host.name), context.secrets, TIMEOUT_S)


def _to_vip(context: Context) -> "Database":
    return connect(context.tunnel_to_vip(PORT), vip_fqdn(context.site), context.secrets, TIMEOUT_S)


def _rows(database: "Database", statement: str, *values: str) -> "list[tuple[object, ...]]":
    with database.cursor() as cursor:
        cursor.execute(statement, values or None)
        return list(cursor.fetchall())
