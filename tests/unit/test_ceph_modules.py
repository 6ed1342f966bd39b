"""What Ceph's modules make of the monitors' answers."""

from pathlib import Path

import pytest

from tests.modules import run_module  # isort: skip, it lets modules find module_utils of ours

from dicos_site import description
from dicos_site.model import Site
from dicos_site.variables import storage
from dicos_site.verify import ceph
from plugins.modules.ceph_pools import hosts_up
from plugins.modules.ceph_settings import differing_entities, differing_settings
from tests.unit.racks import LAB_IN_PIECES, lab

SETTING = {"who": "global", "name": "osd_pool_default_size", "value": "3"}
ENTITY = {"name": "client.science", "key": "A", "caps": {"mon": "allow r"}}


@pytest.mark.parametrize(
    ("kept", "differs"),
    [
        ([], True),
        ([{"section": "global", "name": "osd_pool_default_size", "value": "2"}], True),
        ([{"section": "osd", "name": "osd_pool_default_size", "value": "3"}], True),
        ([{"section": "global", "name": "osd_pool_default_size", "value": "3"}], False),
    ],
)
def test_an_option_is_set_where_the_monitors_keep_another_value(
    kept: list[dict[str, object]], differs: bool
) -> None:
    assert differing_settings(kept, [SETTING]) == ([SETTING] if differs else [])


@pytest.mark.parametrize(
    ("kept", "differs"),
    [
        ([], True),
        ([{"entity": "client.science", "key": "A", "caps": {"mon": "allow *"}}], True),
        ([{"entity": "client.science", "key": "B", "caps": {"mon": "allow r"}}], True),
        ([{"entity": "client.science", "key": "A", "caps": {"mon": "allow r"}}], False),
    ],
)
def test_a_user_is_changed_where_its_key_or_rights_differ(
    kept: list[dict[str, object]], differs: bool
) -> None:
    assert differing_entities(kept, [ENTITY]) == ([ENTITY] if differs else [])


def test_a_host_counts_once_one_of_its_osds_is_up() -> None:
    nodes = [
        {"id": -1, "type": "root", "children": [-2, -3]},
        {"id": -2, "type": "host", "children": [0, 1]},
        {"id": -3, "type": "host", "children": [2]},
        {"id": 0, "type": "osd", "status": "down"},
        {"id": 1, "type": "osd", "status": "up"},
        {"id": 2, "type": "osd", "status": "down"},
    ]
    assert hosts_up({"nodes": nodes}) == 1


def test_without_monitors_check_mode_says_that_all_would_change() -> None:
    result = run_module("ceph_settings", {"settings": [SETTING]}, check_mode=True)
    assert result["changed"] is True
    assert "failed" not in result


def test_a_device_that_is_not_there_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    disk = {"uuid": "fe2dbd84-a5eb-5d67-b67e-7ee63bf1a1d5", "device": str(tmp_path / "none")}
    result = run_module("ceph_osds", {"disks": [disk], "bootstrap_key": "A"})
    assert result["failed"] is True


def test_scientific_data_lies_in_pieces_only_where_rack_yml_says_so() -> None:
    whole, cut = lab(), description.parse(LAB_IN_PIECES)
    assert storage.science_pool(whole) == "science.data"
    assert "science.erasure" not in {pool["name"] for pool in _pools(whole)}
    pieces = next(pool for pool in _pools(cut) if pool["name"] == storage.science_pool(cut))
    assert (pieces["erasure"], "size" in pieces) == ({"data": 2, "parity": 1}, False)
    layouts = [{"file_system": "science", "pool": "science.erasure"}]
    assert storage.site_options(cut)["ceph_mds_layouts"] == layouts
    assert storage.site_options(whole)["ceph_mds_layouts"] == []


def test_a_file_that_lies_elsewhere_than_it_should_fails() -> None:
    cut = description.parse(LAB_IN_PIECES)
    answer = {"same": True, "detail": "a file of science in science.data", "pool": "science.data"}
    assert ceph.file_check(lab(), answer).passed
    assert ceph.file_check(cut, answer).detail.endswith("not in science.erasure")
    assert not ceph.file_check(cut, answer).passed


def _pools(site: Site) -> list[dict[str, object]]:
    pools = storage.site_options(site)["ceph_pools_wanted"]
    assert isinstance(pools, list)
    return pools
