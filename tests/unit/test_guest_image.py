"""The test machine's files, built from packages that dpkg-deb made."""

import gzip
import hashlib
import lzma
import re
import subprocess
from pathlib import Path

import tests.modules  # noqa: F401  (finds what the modules share)
from plugins.modules.guest_image import MODULES, cpio
from tests.modules import Result, run_module

KERNEL = b"a kernel" * 40_000
# Compresses badly: an archive below 128 KiB is taken for one that only depends on another.
BUSYBOX = b"".join(hashlib.sha256(bytes([a, b])).digest() for a in range(128) for b in range(128))


def package(folder: Path, name: str, files: dict[str, bytes]) -> None:
    tree = folder / name
    for path, content in {**files, "usr/share/ballast": BUSYBOX}.items():
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        (tree / path).write_bytes(content)
    control = tree / "DEBIAN" / "control"
    control.parent.mkdir()
    control.write_text(f"Package: {name}\nVersion: 1\nArchitecture: amd64\nMaintainer: x\nDescription: x\n")
    archives = folder / "archives"
    archives.mkdir(exist_ok=True)
    command = ["dpkg-deb", "--root-owner-group", "--build", str(tree), str(archives / f"{name}_1_amd64.deb")]
    subprocess.run(command, check=True, capture_output=True)


def build(folder: Path, place: str = "out", *, check_mode: bool = False) -> Result:
    for name in ("init", "network"):
        (folder / name).write_text(f"#!/bin/busybox sh\n# {name}\n")
    arguments: Result = {
        "directory": str(folder / place),
        "archives": str(folder / "archives"),
        "init": str(folder / "init"),
        "network": str(folder / "network"),
    }
    return run_module("guest_image", arguments, check_mode=check_mode)


def packages(folder: Path) -> None:
    modules = {f"lib/modules/1/kernel/drivers/{name}.ko.xz": lzma.compress(name.encode()) for name in MODULES}
    package(folder, "linux-image-1-cloud-amd64", {"boot/vmlinuz-1": KERNEL, **modules})
    package(folder, "busybox-static", {"usr/bin/busybox": BUSYBOX})


def test_the_same_packages_give_the_same_bytes_once(tmp_path: Path) -> None:
    packages(tmp_path)
    first, second, elsewhere = build(tmp_path), build(tmp_path), build(tmp_path, "other")
    sums = [f"{name}_sha256" for name in ("kernel", "ramdisk", "disk")]
    assert (first["changed"], second["changed"], elsewhere["changed"]) == (True, False, True)
    assert (
        [first[name] for name in sums]
        == [second[name] for name in sums]
        == [elsewhere[name] for name in sums]
    )


def test_the_kernel_is_debians_but_for_what_lets_nova_take_it_for_a_disk(tmp_path: Path) -> None:
    packages(tmp_path)
    kernel = Path(str(build(tmp_path)["kernel"])).read_bytes()
    different = {place: byte for place, byte in enumerate(kernel) if byte != KERNEL[place]}
    assert different == {0x10: 2, 0x15: 0xF8}
    assert len(kernel) == len(KERNEL)


def test_the_ramdisk_has_the_modules_in_the_order_in_which_they_load(tmp_path: Path) -> None:
    packages(tmp_path)
    content = gzip.decompress(Path(str(build(tmp_path)["ramdisk"])).read_bytes())
    assert re.findall(rb"modules/\d\d-(\w+)\.ko\0", content) == [name.encode() for name in MODULES]


def test_in_check_mode_nothing_is_built(tmp_path: Path) -> None:
    packages(tmp_path)
    assert build(tmp_path, check_mode=True)["changed"] is True
    assert not (tmp_path / "out").exists()


def test_a_name_and_its_content_begin_at_a_multiple_of_four() -> None:
    archive = cpio([("a", 0o100644, b"12345")])
    assert archive.index(b"12345") % 4 == 0
    assert archive.rindex(b"070701") % 4 == 0
