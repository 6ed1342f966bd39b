"""A deployed rack → how long its VIP and its writes were silent around a fault."""

import socket
import time
from contextlib import AbstractContextManager, suppress
from types import TracebackType
from typing import TYPE_CHECKING, Self

import pymysql

from dicos_site import secrets
from dicos_site.database import PORT, connect
from dicos_site.remote import Remote
from dicos_site.variables import vip_fqdn
from tests.rack import Rack
from tools.gap import longest_silence

if TYPE_CHECKING:
    from dicos_site.database import Database

WRITER_HOST = "hub1"  # the VIP's database port is open to hubs, not to this machine
TIMEOUT_S = 1
HTTPS = 443


def vip_silence_s(rack: Rack) -> float:
    """Return for how long no connection to the VIP succeeded while its holder's power was cut."""
    vip = str(rack.site.networks.management.vip)
    holder = vip_holder(rack)

    def ask() -> bool:
        with suppress(OSError), socket.create_connection((vip, HTTPS), timeout=0.2):
            return True
        return False

    silence = longest_silence(ask, lambda: _fault(rack, "stop", holder))
    _fault(rack, "start", holder)
    return silence


def write_silence_s(rack: Rack) -> float:
    """Return for how long no write was acknowledged through the VIP while the writer was killed."""
    with Writer(rack) as writer:
        victim = writer.member()
        return longest_silence(writer.write, lambda: _fault(rack, "kill", victim, "mariadb"), settle_s=25)


def vip_holder(rack: Rack) -> str:
    """Return the name of the controller that holds the VIP."""
    vip = rack.site.networks.management.vip
    shown = {host: rack.on(host, "ip -4 -o address show").stdout for host in rack.hosts("controller")}
    return next(host for host, text in shown.items() if f" {vip}/" in text)


class Writer(AbstractContextManager["Writer"]):
    """A client that writes rows through the VIP and connects again when its connection dies."""

    def __init__(self, rack: Rack) -> None:
        self._rack = rack
        self._secrets = secrets.load(rack.folder, rack.site)
        self._remote = Remote(rack.site)
        self._connection: Database | None = None

    def __enter__(self) -> Self:
        vip = self._rack.site.networks.management.vip
        self._place = self._remote.tunnel(WRITER_HOST, vip, PORT)
        self._query("CREATE TABLE IF NOT EXISTS bench (id INT AUTO_INCREMENT PRIMARY KEY, at DOUBLE)")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._query("DROP TABLE bench")
        self._remote.__exit__(kind, error, trace)

    def member(self) -> str:
        """Return the member that takes the writes."""
        return str(self._query("SELECT @@wsrep_node_name"))

    def write(self) -> bool:
        """Write one row; return whether it was acknowledged."""
        try:
            self._query(f"INSERT INTO bench (at) VALUES ({time.time()})")  # noqa: S608 a number
        except (pymysql.MySQLError, OSError):
            self._connection = None
            return False
        return True

    def _query(self, statement: str) -> object:
        if self._connection is None:
            name = vip_fqdn(self._rack.site)
            self._connection = connect(self._place, name, self._secrets, TIMEOUT_S)
        with self._connection.cursor() as cursor:
            cursor.execute(statement)
            row = cursor.fetchone()
        return row[0] if row else None


def _fault(rack: Rack, *words: str) -> None:
    rack.run("lab", "fault", *words, "--site", "{site}")
