"""Package list → an image in Incus, by the hash of what goes in: found, imported from the cache, or baked."""

import hashlib
import json
import os
import shutil
from contextlib import suppress
from pathlib import Path

from dicos_site.errors import LabError, Problem
from dicos_site.lab import bake, incus, locks
from dicos_site.lab.mirrors import SUITE, Mirrors
from dicos_site.lab.progress import Progress

_PREFIX = "dicos-"
_PART = ".part"
_KEPT = 8
_GIB = 1 << 30


def key(packages: tuple[str, ...]) -> str:
    """Return the hash of all that goes into an image; not the mirror, which does not change the result."""
    digest = hashlib.sha256(json.dumps([SUITE, sorted(packages)]).encode())
    for file in (Path(bake.__file__), *sorted(bake.templates().iterdir())):
        digest.update(file.name.encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:20]


def cache() -> Path:
    """Return the folder of baked images: outside the tree, so that `make clean` and a new clone keep them."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path("/var/cache")) / "dicos-site" / "images"


def ensure(packages: tuple[str, ...], mirrors: Mirrors, what: str, progress: Progress) -> str:
    """Return the fingerprint of the image with these packages, baking it where it is in no cache."""
    name = key(packages)
    _note_use(name)
    if fingerprint := _imported(name):
        return fingerprint
    with locks.held(cache() / f"{name}.lock", lambda: progress(f"{what}: another command bakes this image")):
        if fingerprint := _imported(name):
            return fingerprint
        folder = cache() / name
        if not folder.is_dir():
            progress(f"{what}: baking {len(packages)} packages and what they need")
            _bake(packages, mirrors, folder, lambda step: progress(f"{what}: {step}"))
            _prune()
        progress(f"{what}: importing")
        return _import(name, folder)


def remove_all() -> None:
    """Remove every baked image from Incus and from the cache."""
    for alias in incus.get("/1.0/images/aliases", recursion="1") if incus.answers() else ():
        if alias["name"].startswith(_PREFIX):
            incus.delete(f"/1.0/images/{alias['target']}")
    shutil.rmtree(cache(), ignore_errors=True)


def _imported(name: str) -> str | None:
    alias = incus.find(f"/1.0/images/aliases/{_PREFIX}{name}")
    return alias["target"] if alias else None


def _bake(packages: tuple[str, ...], mirrors: Mirrors, folder: Path, progress: Progress) -> None:
    # A folder of this process: the mmdebstrap of a command that was killed may still write into its own.
    part = folder.with_name(f"{folder.name}.{os.getpid()}{_PART}")
    _check_space(part.parent)
    part.mkdir(parents=True)
    try:
        bake.bake(packages, mirrors, part, progress)
        part.rename(folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _check_space(folder: Path) -> None:
    free = shutil.disk_usage(folder).free
    if free < bake.BAKE_GIB * _GIB:
        raise LabError(
            Problem(
                f"{free / _GIB:.1f} GiB are free, baking an image needs {bake.BAKE_GIB}",
                str(folder.parent),
                "free space, or set XDG_CACHE_HOME to a folder on a bigger disk",
            )
        )


def _import(name: str, folder: Path) -> str:
    files = (str(folder / "metadata.tar"), str(folder / "rootfs.squashfs"))
    try:
        incus.run("image", "import", *files, "--alias", _PREFIX + name)
    except incus.IncusError as error:
        # The same bytes are there without their alias: an import was cut off between the two.
        if "already exists" not in error.detail.lower():
            raise
        fingerprint = hashlib.sha256(b"".join(Path(file).read_bytes() for file in files)).hexdigest()
        incus.post("/1.0/images/aliases", {"name": _PREFIX + name, "target": fingerprint})
    return _imported(name) or ""


def _note_use(name: str) -> None:
    """Make an image the last one that a bake, which may run beside this, removes."""
    with suppress(FileNotFoundError):
        os.utime(cache() / name)


def _least_used(folders: list[Path]) -> list[Path]:
    """Return the images past those that are kept, the one used longest ago first."""
    finished = [path for path in folders if path.suffix != _PART]
    return sorted(finished, key=lambda path: path.stat().st_mtime)[:-_KEPT]


def _prune() -> None:
    """Keep the images used last: hosts do not need the one they were cloned from; remove what kills left."""
    folders = [path for path in cache().iterdir() if path.is_dir()]
    for folder in _least_used(folders):
        if fingerprint := _imported(folder.name):
            incus.delete(f"/1.0/images/{fingerprint}")
        shutil.rmtree(folder, ignore_errors=True)
    for folder in folders:
        if folder.suffix == _PART and not Path("/proc", folder.name.split(".")[1]).exists():
            shutil.rmtree(folder, ignore_errors=True)
