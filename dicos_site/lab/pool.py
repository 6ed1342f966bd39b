"""A disk with room → Incus' storage pool: btrfs, so that a clone or a snapshot of a host takes no time."""

import os
import shutil
import subprocess
from pathlib import Path

from dicos_site.errors import LabError, Problem
from dicos_site.lab import incus
from dicos_site.lab.host import POOL
from dicos_site.lab.progress import Progress

STATE = Path("/var/lib/incus")
_GIB = 1 << 30
_RESERVE_GIB = 5
_SMALLEST_GIB = 15
_BIGGEST_GIB = 400


def ensure(progress: Progress) -> None:
    """Make the pool where it is missing."""
    if incus.find(f"/1.0/storage-pools/{POOL}") is not None:
        return
    _place_disks()
    size = size_gib(shutil.disk_usage(disks()).free)
    progress(f"making a storage pool of at most {size} GiB in {disks()}")
    config = {"size": f"{size}GiB"}
    if _filesystem(STATE) == "btrfs" and "DICOS_LAB_DISKS" not in os.environ:
        # No file system inside a file where the disk can do it itself.
        config = {"source": str(STATE / "storage-pools" / POOL)}
    try:
        incus.post("/1.0/storage-pools", {"name": POOL, "driver": "btrfs", "config": config})
    except incus.IncusError as error:
        if "already exists" not in error.detail:
            raise


def size_gib(free_bytes: int) -> int:
    """Return the size of the (sparse) storage pool for so much free space; LabError if too little."""
    size = free_bytes // _GIB - _RESERVE_GIB
    if size < _SMALLEST_GIB:
        raise LabError(
            Problem(
                f"{free_bytes / _GIB:.1f} GiB are free, a lab needs {_SMALLEST_GIB + _RESERVE_GIB}",
                str(disks()),
                "free space, or set DICOS_LAB_DISKS to a folder on a bigger disk",
            )
        )
    return min(size, _BIGGEST_GIB)


def disks() -> Path:
    """Return the folder that holds the pool's file: $DICOS_LAB_DISKS, or Incus' own."""
    return Path(os.environ.get("DICOS_LAB_DISKS") or STATE / "disks")


def _place_disks() -> None:
    """Let Incus' folder of disks be the one that was asked for; it makes pool files only there."""
    own, wanted = STATE / "disks", disks()
    wanted.mkdir(mode=0o700, parents=True, exist_ok=True)
    if own == wanted or own.resolve() == wanted.resolve():
        return
    if own.is_dir() and any(own.iterdir()):
        raise LabError(
            Problem(
                "Incus has disks already", str(own), "unset DICOS_LAB_DISKS, or remove the old pool first"
            )
        )
    if own.is_dir():
        own.rmdir()
    own.symlink_to(wanted)


def _filesystem(path: Path) -> str:
    command = ["stat", "--file-system", "--format=%T", str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
