"""Sizes of hosts and files of images → what of the cloud in rack.yml cannot be."""

import hashlib
from pathlib import Path

import pytest

from dicos_site import description
from dicos_site.cloud_preflight import Size, flavor_problems, image_problems
from dicos_site.model import Site
from tests.unit.racks import EXAMPLE, changed

QCOW2 = b"QFI\xfb" + bytes(1020)


def with_flavor(cores: int, memory_mib: int) -> Site:
    """Return the lab's site with one flavor more."""
    written = f"flavors: {{big: {{cores: {cores}, memory_mib: {memory_mib}, disk_gib: 1}}}}\ncommunities:"
    return description.parse(changed(("communities:", written)))


def with_image(content: bytes, form: str) -> Site:
    """Return the lab's site with an image in the file images/a of its folder."""
    checksum = hashlib.sha256(content).hexdigest()
    written = f'images: {{a: {{file: images/a, format: {form}, sha256: "{checksum}"}}}}\ncommunities:'
    return description.parse(changed(("communities:", written)))


def said(site: Site, folder: Path, content: bytes) -> str:
    """Return what is wrong with the image when its file has that content."""
    (folder / "images").mkdir()
    (folder / "images" / "a").write_bytes(content)
    return "\n".join(map(str, image_problems(site, folder)))


def test_a_flavor_fits_on_one_host_or_is_refused() -> None:
    small, large = Size(2, 4096), Size(2, 20_512)
    assert list(flavor_problems(with_flavor(2, 4000), {"node1": small, "node2": large})) == []
    (problem,) = flavor_problems(with_flavor(2, 4001), {"node1": small, "node2": large})
    assert str(problem) == (
        "no host can hold a machine of flavor big: it needs 2 cores and 4001 MiB, "
        "and node2 has 2 and 4000 MiB for machines\n"
        "  at:  flavors.big\n"
        "  fix: make the flavor smaller, or remove it from rack.yml"
    )


def test_one_machine_has_no_more_cores_than_its_host() -> None:
    assert list(flavor_problems(with_flavor(2, 64), {"node1": Size(2, 9999)})) == []
    assert list(flavor_problems(with_flavor(3, 64), {"node1": Size(2, 9999)})) != []


def test_what_a_real_host_keeps_for_itself_is_not_for_machines() -> None:
    text = EXAMPLE.replace(
        "communities:", "flavors: {big: {cores: 1, memory_mib: 64000, disk_gib: 1}}\ncommunities:"
    )
    site = description.parse(text)
    assert list(flavor_problems(site, {"cmp1": Size(8, 64000 + 4096)})) == []
    assert list(flavor_problems(site, {"cmp1": Size(8, 64000 + 4095)})) != []


def test_hosts_that_run_no_machines_hold_no_flavor() -> None:
    assert list(flavor_problems(with_flavor(2, 64), {"ctl1": Size(99, 99_999)})) == []


@pytest.mark.parametrize(("content", "form"), [(bytes(1024), "raw"), (QCOW2, "qcow2")])
def test_an_image_that_is_what_it_says_is_taken(tmp_path: Path, content: bytes, form: str) -> None:
    assert said(with_image(content, form), tmp_path, content) == ""


def test_a_missing_image_is_refused(tmp_path: Path) -> None:
    (problem,) = image_problems(with_image(QCOW2, "qcow2"), tmp_path)
    assert str(problem) == (
        f"the image {tmp_path}/images/a cannot be read: No such file or directory\n"
        "  at:  images.a\n"
        "  fix: put it there, or correct `file` in rack.yml"
    )


@pytest.mark.parametrize(
    ("content", "form", "what"),
    [
        (QCOW2, "raw", "is qcow2, not raw"),
        (bytes(1024), "qcow2", "is raw, not qcow2"),
        (b"\x1f\x8b" + bytes(1024), "raw", "is gzip, not raw"),
        (b"<html>not found</html>", "raw", "is no image: it has 22 bytes"),
    ],
)
def test_an_image_that_is_not_one_is_refused(tmp_path: Path, content: bytes, form: str, what: str) -> None:
    assert what in said(with_image(content, form), tmp_path, content)


def test_another_content_is_refused(tmp_path: Path) -> None:
    found = said(with_image(bytes(1024), "raw"), tmp_path, bytes(1025))
    assert f"the checksum of {tmp_path}/images/a is not the one in rack.yml" in found
    assert hashlib.sha256(bytes(1025)).hexdigest() in found
