"""Sizes of hosts and files of images → what of the cloud in rack.yml cannot be."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from dicos_site.cloud import Flavor, Image
from dicos_site.errors import Problem
from dicos_site.model import Host, Site
from dicos_site.placement import hosts_of
from dicos_site.variables import compute

# Where a format says its name: offset, bytes. A file that says none of these names is raw.
_MAGIC = {
    "qcow2": (0, b"QFI\xfb"),
    "vmdk": (0, b"KDMV"),
    "vhd": (0, b"conectix"),
    "vhdx": (0, b"vhdxfile"),
    "vdi": (0x40, b"\x7f\x10\xda\xbe"),
    "gzip": (0, b"\x1f\x8b"),
    "xz": (0, b"\xfd7zXZ\0"),
    "zstd": (0, b"\x28\xb5\x2f\xfd"),
    "bzip2": (0, b"BZh"),
}
_COMPRESSED = ("gzip", "xz", "zstd", "bzip2")
_HEAD_BYTES = 128
# The least that a partition table, or a header, takes.
_SECTOR_BYTES = 512


@dataclass(frozen=True)
class Size:
    """What a host has, or what machines may use of it."""

    cores: int
    memory_mib: int


def flavor_problems(site: Site, sizes: Mapping[str, Size]) -> Iterator[Problem]:
    """Yield the flavors that no host can hold; nothing where no host has said how large it is."""
    usable = {
        host.name: _usable(site, host, sizes[host.name])
        for host in hosts_of(site, "nova_compute")
        if host.name in sizes
    }
    if not usable:
        return
    for name, flavor in site.flavors.items():
        if not any(_fits(flavor, size) for size in usable.values()):
            largest = max(usable, key=lambda host: (usable[host].memory_mib, usable[host].cores))
            size = usable[largest]
            need = f"it needs {flavor.cores} cores and {flavor.memory_mib} MiB"
            has = f"{largest} has {size.cores} and {size.memory_mib} MiB for machines"
            yield Problem(
                f"no host can hold a machine of flavor {name}: {need}, and {has}",
                f"flavors.{name}",
                "make the flavor smaller, or remove it from rack.yml",
            )


def image_problems(site: Site, folder: Path) -> Iterator[Problem]:
    """Yield what is wrong with the files of images, which lie on this machine."""
    for name, image in site.images.items():
        # An absolute path stays what it is.
        problem = _image_problem(image, folder / image.file, f"images.{name}")
        if problem:
            yield problem


def _usable(site: Site, host: Host, size: Size) -> Size:
    """Return what nova gives to machines, by the options of its role."""
    options = {**compute.site_options(site), **compute.host_options(site, host)}

    def number(name: str, default: float) -> float:
        value = options.get(f"nova_compute_{name}", default)
        return float(value) if isinstance(value, (int, float)) else default

    cores = (size.cores - number("reserved_cores", 0)) * number("cpu_ratio", 1)
    memory = (size.memory_mib - number("reserved_memory_mib", 0)) * number("memory_ratio", 1)
    # One machine cannot have more cores than the host has, whatever several together may.
    return Size(max(0, min(size.cores, int(cores))), max(0, int(memory)))


def _fits(flavor: Flavor, size: Size) -> bool:
    return flavor.cores <= size.cores and flavor.memory_mib <= size.memory_mib


def _image_problem(image: Image, file: Path, where: str) -> Problem | None:
    try:
        with file.open("rb") as stream:
            found = _format(stream.read(_HEAD_BYTES))
            length = file.stat().st_size
            if found != image.format or length < _SECTOR_BYTES:
                return Problem(*_wrong_format(image, file, found, length, where))
            stream.seek(0)
            checksum = hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        what = f"the image {file} cannot be read: {error.strerror}"
        return Problem(what, where, "put it there, or correct `file` in rack.yml")
    if checksum == image.sha256:
        return None
    fix = f"get the file again, or correct `sha256` in rack.yml: it is {checksum}"
    return Problem(f"the checksum of {file} is not the one in rack.yml", where, fix)


def _format(head: bytes) -> str:
    """Return the format that a file's first bytes name."""
    named = (name for name, (offset, magic) in _MAGIC.items() if head[offset:].startswith(magic))
    return next(named, "raw")


def _wrong_format(image: Image, file: Path, found: str, length: int, where: str) -> tuple[str, str, str]:
    if length < _SECTOR_BYTES:
        return f"{file} is no image: it has {length} bytes", where, "get the file again"
    what = f"the image {file} is {found}, not {image.format}"
    if found in _COMPRESSED:
        return what, where, "decompress it, and give the checksum of the result"
    if found == "qcow2":
        return what, where, f"write `format: qcow2`, or convert it: qemu-img convert -O raw {file} NEW"
    return what, where, f"convert it: qemu-img convert -O {image.format} {file} NEW"
