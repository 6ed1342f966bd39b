"""A host → its disk full, or with room again: a quota of the btrfs pool, so writes fail on it alone."""

import subprocess
import time
from pathlib import Path

from dicos_site.errors import LabError, Problem
from dicos_site.lab import names
from dicos_site.lab.host import POOL
from dicos_site.model import Site

_POOL = Path("/var/lib/incus/storage-pools") / POOL
_QUOTA_S = 60


def fill(site: Site, name: str) -> None:
    """Let every write of the host that needs space fail with EDQUOT ("Disk quota exceeded") from now on."""
    _btrfs("quota", "enable", str(_POOL))
    _btrfs("quota", "rescan", "-w", str(_POOL))
    _btrfs("qgroup", "limit", "1M", _qgroup(site, name), str(_POOL))


def free(site: Site, name: str) -> None:
    """Give the host its space back."""
    # Through the pool's path: on the host's own path even this would be refused for lack of space.
    if _limits() is not None:
        _btrfs("qgroup", "limit", "none", _qgroup(site, name), str(_POOL))
        _rest()


def free_all(site: Site) -> None:
    """Give all hosts of the site their space back; a full host can be neither stopped nor restored."""
    limits = _limits()
    if limits is None:
        return
    for folder in _folders(site):
        if _id(folder) in limits:
            _btrfs("qgroup", "limit", "none", _id(folder), str(_POOL))
    _rest()


def full(site: Site) -> frozenset[str]:
    """Return the hosts whose disk is full by `fill`."""
    limits = _limits() or frozenset()
    prefix = f"{names.project(site)}_"
    return frozenset(path.name.removeprefix(prefix) for path in _folders(site) if _id(path) in limits)


def _rest() -> None:
    """Switch quotas off where no host has one: they cost time at each snapshot."""
    if not _limits():
        _btrfs("quota", "disable", str(_POOL))


def _folders(site: Site) -> tuple[Path, ...]:
    return tuple(sorted((_POOL / "containers").glob(f"{names.project(site)}_*")))


def _qgroup(site: Site, name: str) -> str:
    return _id(_POOL / "containers" / f"{names.project(site)}_{name}")


def _id(folder: Path) -> str:
    return f"0/{_btrfs('inspect-internal', 'rootid', str(folder)).strip()}"


def _limits() -> frozenset[str] | None:
    """Return the quota groups that have a limit, or None where quotas are off."""
    command = ["btrfs", "qgroup", "show", "-r", "--raw", str(_POOL)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        return None
    rows = [line.split() for line in done.stdout.splitlines()]
    return frozenset(row[0] for row in rows if row and row[0].startswith("0/") and row[3] != "none")


def _btrfs(*words: str) -> str:
    end = time.monotonic() + _QUOTA_S
    while True:
        done = subprocess.run(["btrfs", *words], capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return done.stdout
        # Another quota operation of the kernel is under way.
        if "in progress" not in done.stderr or time.monotonic() > end:
            raise LabError(Problem(f"btrfs {' '.join(words)}: {done.stderr.strip()}", str(_POOL)))
        time.sleep(0.5)
