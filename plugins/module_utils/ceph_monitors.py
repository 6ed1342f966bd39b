"""Commands → what Ceph's monitors answer, through Ceph's own `rados` binding."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any

try:
    import rados
except ImportError:
    rados = None

CONNECT_TIMEOUT_S = 30
CONFIGURATION = "/etc/ceph/ceph.conf"


class MonitorsError(Exception):
    """The monitors did not answer, or refused."""


class Monitors:
    """One connection to the monitors as one user of Ceph; use it with `with`.

    A key that is given travels in memory, never in a file or a process list; without one the user's
    keyring in /etc/ceph is read.
    """

    def __init__(self, name: str = "client.admin", key: str = "", patience_s: float = 0) -> None:
        if rados is None:
            raise MonitorsError("python3-rados is not installed on this host")
        self._options = {"key": key} if key else {}
        self._name = name
        self._patience_s = patience_s

    def __enter__(self) -> Monitors:
        """Connect; monitors that have no quorum yet are asked again while there is patience."""
        deadline = time.monotonic() + self._patience_s
        while True:
            self._cluster = rados.Rados(name=self._name, conffile=CONFIGURATION, conf=self._options)
            try:
                self._cluster.connect(timeout=CONNECT_TIMEOUT_S)
                return self
            except (rados.Error, OSError) as error:
                self._cluster.shutdown()
                if time.monotonic() > deadline:
                    raise MonitorsError(f"the monitors do not answer {self._name}: {error}") from error
                time.sleep(1)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._cluster.shutdown()

    def ask(self, prefix: str, payload: str = "", **words: object) -> Any:
        """Return the JSON that a command answers."""
        return json.loads(self.tell(prefix, payload, format="json", **words) or "null")

    def tell(self, prefix: str, payload: str = "", **words: object) -> str:
        """Give a command and return the text of its answer; MonitorsError with the monitors' own words."""
        command = json.dumps({"prefix": prefix, **words})
        code, answer, said = self._cluster.mon_command(command, payload.encode(), timeout=60)
        if code != 0:
            raise MonitorsError(f"`ceph {prefix}` is refused: {said.strip() or f'error {-code}'}")
        return str(answer, "utf-8")


def flat(caps: Mapping[str, str]) -> list[str]:
    """Return caps as commands take them: service, cap, service, cap."""
    return [word for pair in sorted(caps.items()) for word in pair]
