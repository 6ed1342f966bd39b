"""The rack in a box: snapshots of the whole rack, and two racks that do not know each other."""

import os
from collections.abc import Iterator

import pytest

from dicos_site.lab import image, packages
from tests.rack import PROJECT, Rack, fresh_rack

MARK = "/var/tmp/mark"  # /tmp is emptied at boot
SIDE = PROJECT / ".cache" / "side-rack"
# One controller carries every service, so the image is the one that the test rack has baked.
SIDE_RACK = """
site: TW-SIDE
domain: side.dicos.test
release: "2026.11"
substrate: incus
networks:
  management: {cidr: 10.89.0.0/24, gateway: 10.89.0.1, vip: 10.89.0.10}
hosts:
  ctl1: {kind: controller, address: 10.89.0.11}
"""


@pytest.fixture
def side_rack(rack: Rack) -> Iterator[Rack]:
    """Yield a second rack, of one bare host, beside the first."""
    side = fresh_rack(SIDE, SIDE_RACK)
    side.run("lab", "up", "{site}", timeout_s=900)
    yield side
    side.run("lab", "down", "{site}", timeout_s=120)


def test_a_restore_brings_every_host_back_to_the_snapshot(rack: Rack) -> None:
    _mark(rack, "before")
    rack.run("lab", "snapshot", "test", "{site}", timeout_s=120)
    _mark(rack, "after")
    rack.run("lab", "restore", "test", "{site}", timeout_s=120)
    assert _marks(rack) == dict.fromkeys(_names(rack), "before\n")
    assert rack.wait_until_healthy(180) == []
    rack.run("lab", "snapshot", "test", "{site}", "--delete", timeout_s=120)


def test_two_racks_live_side_by_side(rack: Rack, side_rack: Rack) -> None:
    assert side_rack.on("ctl1", "hostname").stdout == "ctl1\n"
    assert rack.unhealthy() == []
    side_rack.run("lab", "down", "{site}", timeout_s=120)
    assert rack.run("lab", "status", "{site}", "--json").json()["up"] is True
    assert rack.unhealthy() == []


def test_a_rack_that_is_made_keeps_its_image_from_being_removed(side_rack: Rack) -> None:
    site = side_rack.site
    baked = image.cache() / image.key(packages.of_host(site, site.hosts[0]))
    side_rack.run("lab", "down", "{site}", timeout_s=120)
    # No bake beside it: what is noted is the use alone.
    os.utime(baked, (0, 0))
    side_rack.run("lab", "up", "{site}", timeout_s=900)
    assert baked.stat().st_mtime > 0


def test_up_on_a_rack_that_is_up_changes_nothing(rack: Rack) -> None:
    before = _boots(rack)
    rack.run("lab", "up", "{site}", timeout_s=120)
    assert _boots(rack) == before


def _mark(rack: Rack, text: str) -> None:
    for name in _names(rack):
        # sync: a snapshot is what a power cut would leave.
        assert rack.on(name, f"echo {text} > {MARK}; sync").code == 0


def _marks(rack: Rack) -> dict[str, str]:
    return {name: rack.on(name, f"cat {MARK}").stdout for name in _names(rack)}


def _boots(rack: Rack) -> dict[str, str]:
    return {
        name: rack.on(name, "systemctl show --value -p UserspaceTimestamp").stdout for name in _names(rack)
    }


def _names(rack: Rack) -> list[str]:
    return [host.name for host in rack.site.hosts]
