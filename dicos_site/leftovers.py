"""A deployment that was stopped → its processes of Ansible, ended.

They are known by a mark in their environment. Ansible's workers have sessions of their own, and one that
outlives the rest waits for ever to hand in its result: the pipe has no reader but itself and its like, so
it never hears that nobody listens any more.
"""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

MARK = "DICOS_DEPLOYMENT"
_GONE_S = 5.0
_LOOK_S = 0.05


def end(mark: str) -> int:
    """Kill each ansible-playbook with this mark, wait until it is gone, return how many there were."""
    found = set(running(mark))
    for number in found:
        with suppress(ProcessLookupError):
            os.kill(number, signal.SIGKILL)
    deadline = time.monotonic() + _GONE_S
    while found & set(running(mark)) and time.monotonic() < deadline:
        time.sleep(_LOOK_S)
    return len(found)


def running(mark: str) -> Iterator[int]:
    """Yield each ansible-playbook that carries the mark; the SSH connections they share are none."""
    wanted = f"{MARK}={mark}".encode()
    for place in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            words = (place / "cmdline").read_bytes().split(b"\0")
            if not any(word.endswith(b"ansible-playbook") for word in words):
                continue
            if wanted in (place / "environ").read_bytes().split(b"\0"):
                yield int(place.name)
