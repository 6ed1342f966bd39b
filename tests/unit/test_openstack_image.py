"""What openstack_image refuses before it uploads anything: files with the bytes of each format."""

import hashlib
from pathlib import Path

import pytest

import tests.modules  # noqa: F401  (finds what the modules share)

# isort: split
from ansible.module_utils.host_paths import RefusalError

from plugins.modules.openstack_image import check_files, found_format

QCOW2 = b"QFI\xfb\x00\x00\x00\x03" + bytes(512)
ISO = bytes(0x8001) + b"CD001\x01"
KERNEL = bytes(0x202) + b"HdrS" + bytes(64)
GZIP = b"\x1f\x8b\x08\x00" + bytes(64)


def file(folder: Path, content: bytes) -> Path:
    path = folder / "image"
    path.write_bytes(content)
    return path


def entry(path: Path, **options: str) -> dict[str, str]:
    return {"name": "image", "file": str(path), "format": "raw", "checksum": "", **options}


@pytest.mark.parametrize(
    ("content", "name"),
    [(QCOW2, "qcow2"), (ISO, "iso"), (KERNEL, "kernel"), (GZIP, "gzip"), (bytes(4096), "raw"), (b"", "raw")],
)
def test_a_format_is_known_by_its_bytes(tmp_path: Path, content: bytes, name: str) -> None:
    assert found_format(file(tmp_path, content)) == name


@pytest.mark.parametrize(
    ("content", "stated"),
    [(QCOW2, "qcow2"), (ISO, "iso"), (ISO, "raw"), (KERNEL, "aki"), (GZIP, "ari"), (bytes(4096), "raw")],
)
def test_a_file_of_its_stated_format_gets_its_checksum(tmp_path: Path, content: bytes, stated: str) -> None:
    image = entry(file(tmp_path, content), format=stated)
    check_files([image])
    assert image["checksum"] == hashlib.sha256(content).hexdigest()


def test_an_image_of_another_format_is_refused_with_the_way_to_convert_it(tmp_path: Path) -> None:
    path = file(tmp_path, QCOW2)
    with pytest.raises(RefusalError) as refusal:
        check_files([entry(path)])
    assert str(refusal.value) == (
        f"the image is qcow2, not raw\n  at:  {path}\n"
        f"  fix: say `format: qcow2`, or convert it: qemu-img convert -O raw {path} NEW"
    )


def test_a_compressed_disk_is_refused(tmp_path: Path) -> None:
    path = file(tmp_path, GZIP)
    with pytest.raises(RefusalError) as refusal:
        check_files([entry(path)])
    assert str(refusal.value) == (
        f"the image is gzip, not raw\n  at:  {path}\n"
        "  fix: decompress it first, and give the checksum of the result: gzip is no format of a disk"
    )


def test_every_problem_of_every_image_is_told(tmp_path: Path) -> None:
    path = file(tmp_path, b"disk")
    found = hashlib.sha256(b"disk").hexdigest()
    with pytest.raises(RefusalError) as refusal:
        check_files([entry(tmp_path / "none"), entry(path, checksum="0" * 64)])
    assert str(refusal.value) == (
        f"there is no such image\n  at:  {tmp_path / 'none'}\n"
        "  fix: copy it to this host, or correct `file`\n"
        f"the checksum of image is not the one stated\n  at:  {path}\n"
        f"  fix: get the file again, or correct `checksum`: it is {found}"
    )
