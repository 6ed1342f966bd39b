"""Writes through the VIP → those that were acknowledged, on this machine's disk before the next is sent."""

import os
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import closing, suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

import pymysql

from dicos_site import secrets
from dicos_site.database import PORT, connect
from dicos_site.model import Site
from dicos_site.placement import hosts_of
from dicos_site.remote import Remote
from dicos_site.variables import vip_fqdn

if TYPE_CHECKING:
    from dicos_site.database import Database

Rows = tuple[tuple[object, ...], ...]

# Longer than the members need to leave one out that has died: a write that waits so long is still answered.
TIMEOUT_S = 8
RETRY_S = 0.1
PATIENCE_S = 30
CREATE = "CREATE TABLE IF NOT EXISTS ledger "
CREATE += "(id BIGINT PRIMARY KEY, member VARCHAR(32) NOT NULL, payload VARCHAR(120) NOT NULL)"
INSERT = "INSERT INTO ledger VALUES (%s, @@wsrep_node_name, %s)"
PAYLOAD = "x" * 120


@dataclass(frozen=True)
class Acknowledged:
    """One write that the database answered for: its id and when, in monotonic seconds."""

    id: int
    at_s: float


class Ledger:
    """Clients that write one row after another through the VIP, until the `with` block ends."""

    def __init__(self, folder: Path, site: Site, remote: Remote, file: Path, clients: int = 2) -> None:
        self.site = site
        self.remote = remote
        self.secrets = secrets.load(folder, site)
        self.written: list[Acknowledged] = []
        self._place = remote.tunnel(_client_host(site), site.networks.management.vip, PORT)
        self._file = file
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._threads = [
            threading.Thread(target=self._write, args=(number,), daemon=True) for number in range(clients)
        ]

    def __enter__(self) -> Self:
        self._once(lambda connection: _execute(connection, CREATE))
        self._stream = self._file.open("a")
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        self._stream.close()

    def stop(self) -> None:
        """Write no more, once the write under way is answered."""
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def wait_for_writes(self, count: int, timeout_s: float) -> None:
        """Return once `count` more writes were acknowledged; TimeoutError where they were not."""
        wanted = len(self.written) + count
        deadline = time.monotonic() + timeout_s
        while len(self.written) < wanted:
            if time.monotonic() > deadline:
                raise TimeoutError(
                    f"{len(self.written)} writes acknowledged, not {wanted}, after {timeout_s:g} s"
                )
            time.sleep(0.05)

    def gap_s(self, since_s: float) -> float:
        """Return the longest time without an acknowledgement since a moment of the monotonic clock."""
        moments = [since_s, *sorted(entry.at_s for entry in self.written if entry.at_s > since_s)]
        return max((after - before for before, after in pairwise(moments)), default=float("inf"))

    def acknowledged(self) -> set[int]:
        """Return the ids that are in the file, which outlives this process."""
        return {int(line) for line in self._file.read_text().splitlines()}

    def writers(self) -> list[str]:
        """Return the members that took the acknowledged writes, in their order: a name a change."""
        rows = self._once(lambda connection: _execute(connection, "SELECT id, member FROM ledger"))
        took = {row[0]: row[1] for row in rows}
        order = (took.get(entry.id) for entry in sorted(self.written, key=lambda entry: entry.at_s))
        names = [str(name) for name in order if name]
        return [name for index, name in enumerate(names) if index == 0 or names[index - 1] != name]

    def _write(self, client: int) -> None:
        """Write ids that end in this client's digit; one that was not acknowledged is never written again."""
        number = time.time_ns() // 1_000_000 * 10 + client
        while not self._stop.is_set():
            with suppress(pymysql.MySQLError, OSError, EOFError):
                connection = self._connect()
                while not self._stop.is_set():
                    number += 10
                    _execute(connection, INSERT, number, PAYLOAD)
                    self._record(number)
            self._stop.wait(RETRY_S)

    def _record(self, number: int) -> None:
        with self._lock:
            self._stream.write(f"{number}\n")
            self._stream.flush()
            os.fsync(self._stream.fileno())
            self.written.append(Acknowledged(number, time.monotonic()))

    def _once(self, act: "Callable[[Database], Rows]") -> Rows:
        """Return what one act on its own connection gives; just after a fault it may take some attempts."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                with closing(self._connect()) as connection:
                    return act(connection)
            except (pymysql.MySQLError, OSError):
                if time.monotonic() > deadline:
                    raise
                time.sleep(RETRY_S)

    def _connect(self) -> "Database":
        return connect(self._place, vip_fqdn(self.site), self.secrets, TIMEOUT_S)


def lost(site: Site, remote: Remote, acknowledged: set[int]) -> dict[str, int]:
    """Return how many acknowledged writes each member has not, once it has applied all it knows of."""
    query = "SET SESSION wsrep_sync_wait = 1; SELECT id FROM site.ledger"
    names = [host.name for host in hosts_of(site, "mariadb")]
    answers = ((name, remote.run(name, f"mariadb -NBe '{query}'", timeout_s=120)) for name in names)
    return {name: len(acknowledged - _numbers(answer.stdout.split())) for name, answer in answers}


def _numbers(words: Iterable[str]) -> set[int]:
    return {int(word) for word in words}


def _client_host(site: Site) -> str:
    """Return the host from which the VIP's database port may be reached and which no database fault stops."""
    hubs = [host.name for host in site.hosts if host.kind == "hub"]
    return hubs[0] if hubs else hosts_of(site, "mariadb")[-1].name


def _execute(connection: "Database", statement: str, *values: object) -> Rows:
    with connection.cursor() as cursor:
        cursor.execute(statement, values or None)
        return tuple(cursor.fetchall())
