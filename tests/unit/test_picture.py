"""The picture of a rack: every host, address, service and disk, and nothing outside the frame."""

from itertools import pairwise
from xml.etree import ElementTree

import pytest

from dicos_site import description
from dicos_site.picture import picture, svg
from dicos_site.placement import SERVICES
from tests.unit.racks import EXAMPLE, LAB, changed, lab


def words(text: str) -> list[str]:
    """Return every text of an SVG document."""
    root = ElementTree.fromstring(svg(description.parse(text)))  # noqa: S314 our own picture
    return [element.text for element in root.iter() if element.text]


@pytest.mark.parametrize("text", [LAB, EXAMPLE], ids=["lab", "example"])
def test_every_host_stands_in_the_picture_with_its_address(text: str) -> None:
    site = description.parse(text)
    shown = words(text)
    assert {host.name for host in site.hosts} | {str(host.address) for host in site.hosts} <= set(shown)


def test_the_vip_and_the_networks_stand_in_the_picture() -> None:
    shown = words(LAB)
    assert {"10.77.0.10", "api.lab.dicos.test", "moves between ctl1, ctl2, ctl3"} <= set(shown)
    assert {"10.77.0.0/24", "10.78.0.0/24", "floating 10.78.0.100-10.78.0.199"} <= set(shown)


def test_a_service_is_drawn_once_for_each_of_its_hosts() -> None:
    assert words(LAB).count("mariadb") == 3


def test_what_runs_everywhere_is_said_once() -> None:
    assert words(LAB)[-1] == "On every host: base, pki"


def test_disks_are_counted() -> None:
    assert words(LAB).count("2 x 10 GiB") == 3
    assert words(EXAMPLE).count("4 disks") == 5


def test_a_rack_without_a_provider_network_has_one_network() -> None:
    text = changed(
        ("  provider: {cidr: 10.78.0.0/24, gateway: 10.78.0.1, floating: 10.78.0.100-10.78.0.199}\n", "")
    )
    assert [network.name for network in picture(description.parse(text)).networks] == ["management"]


def test_hosts_do_not_overlap_and_stay_inside_their_panel() -> None:
    drawn = picture(description.parse(EXAMPLE))
    for panel in drawn.panels:
        edges = [(slot.top, slot.top + slot.height) for slot in panel.hosts]
        assert all(end <= start for (_, end), (start, _) in pairwise(edges))
        assert edges[-1][1] <= panel.top + panel.height <= drawn.height


def test_services_that_do_not_fit_in_a_line_begin_another() -> None:
    names = ", ".join(
        f"{service.name}: [hub1, ctl1, ctl2]" for service in SERVICES if service.kinds == ("controller",)
    )
    site = description.parse(
        changed(("communities:", f"placement: {{{names}, galera_arbiter: [node1, node2]}}\ncommunities:"))
    )
    hub = next(slot for panel in picture(site).panels for slot in panel.hosts if slot.name == "hub1")
    assert all(chip.x + chip.width < hub.x + hub.width - 150 for chip in hub.chips)
    assert all(hub.top < chip.y and chip.y + 22 < hub.top + hub.height for chip in hub.chips)


def test_the_same_rack_gives_the_same_picture() -> None:
    assert svg(lab()) == svg(lab())
