"""What OVN's databases say of themselves and their clusters → what may, or must, be done. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from ansible.module_utils.host_paths import RefusalError, problem

SERVER = re.compile(r"^ {4}(?P<sid>[0-9a-f]{4}) \(\S+ at (?P<address>\S+)\)", re.MULTILINE)
# How `ovsdb-tool db-cid` ends for a file that waits for its cluster, and what its server says.
NOT_YET_KNOWN = 2
NO_CLUSTER = "00000000-0000-0000-0000-000000000000"


@dataclass(frozen=True)
class Database:
    """One of the two databases, and where it is."""

    short: str
    schema: str
    port: int
    raft_port: int

    @property
    def file(self) -> str:
        """The member's own copy."""
        return f"/var/lib/ovn/ovn{self.short}_db.db"

    @property
    def control(self) -> str:
        """The socket that takes commands."""
        return f"/run/ovn/ovn{self.short}_db.ctl"

    @property
    def socket(self) -> str:
        """The socket that root's clients use."""
        return f"unix:/run/ovn/ovn{self.short}_db.sock"

    @property
    def unit(self) -> str:
        """Debian's unit of the server."""
        return f"ovn-ovsdb-server-{self.short}.service"

    @property
    def schema_file(self) -> str:
        """The schema of the installed release."""
        return f"/usr/share/ovn/ovn-{self.short}.ovsschema"


DATABASES = {
    "nb": Database("nb", "OVN_Northbound", 6641, 6643),
    "sb": Database("sb", "OVN_Southbound", 6642, 6644),
}


@dataclass(frozen=True)
class Status:
    """What a server says of itself and its cluster."""

    member: bool
    leads: bool
    has_leader: bool
    election_ms: int
    sid: str
    address: str
    servers: tuple[tuple[str, str], ...]

    def dead(self, addresses: set[str]) -> tuple[str, ...]:
        """Return the servers that are never coming back, each of which would count as a vote.

        One had this server's address before its file was lost; another's host is no member any more.
        """
        return tuple(
            sid
            for sid, address in self.servers
            if (address == self.address and sid != self.sid) or (self.leads and address not in addresses)
        )


def parsed(text: str) -> Status:
    """Return the status that `cluster/status` prints."""
    values = dict(line.split(": ", 1) for line in text.splitlines() if ": " in line and line[0] != " ")
    return Status(
        member=values.get("Status") == "cluster member",
        leads=values.get("Leader") == "self",
        has_leader=values.get("Leader", "unknown") != "unknown",
        election_ms=int(values.get("Election timer", "0")),
        sid=values.get("Server ID", "").split(" ")[0],
        address=values.get("Address", ""),
        servers=tuple((found["sid"], found["address"]) for found in SERVER.finditer(text)),
    )


def serves(dump: str, schema: str) -> bool:
    """Return whether a server has the database and knows its cluster; `dump` is `_Server`'s cid and name."""
    rows = json.loads(dump)["data"]
    return any(cid[0] == "uuid" and cid[1] != NO_CLUSTER and name == schema for cid, name in rows)


def next_election_ms(current: int, wanted: int) -> int:
    """Return the next value on the way: raft at most doubles the timer at once."""
    return min(wanted, current * 2)


def may_create(database: str, others: list[str], found: Mapping[str, Mapping[str, object]]) -> bool:
    """Return whether nobody holds the database; RefusalError where that cannot be known.

    `found` is {name: holds}, of the members that answered.
    """
    if any(holds.get(database) == "yes" for holds in found.values()):
        return False
    silent = [name for name in others if name not in found]
    if silent:
        what = f"{', '.join(silent)} did not say whether the {database} database is there"
        fix = "bring them back, or take them out of rack.yml: a second cluster would split the network"
        raise RefusalError(problem(what, "OVN", fix))
    return True
