"""Which port is open to whom."""

import pytest

from dicos_site.model import KINDS
from dicos_site.placement import SERVICE_NAMES
from dicos_site.ports import EVERYONE, MANAGEMENT, PORTS, Rule, rules
from tests.unit.racks import lab

CONTROLLERS = ("10.77.0.11", "10.77.0.12", "10.77.0.13")


def rule(host: str, name: str) -> Rule:
    """Return the rule of that name on a host of the lab."""
    site = lab()
    return next(entry for entry in rules(site, site.host(host)) if entry.name == name)


def test_a_port_belongs_to_a_known_service_and_opens_to_known_groups() -> None:
    known = {*SERVICE_NAMES, *KINDS, MANAGEMENT, EVERYONE}
    assert {port.service for port in PORTS} <= set(SERVICE_NAMES)
    assert {source for port in PORTS for source in port.sources} <= known


def test_a_service_names_each_of_its_ports_once() -> None:
    names = [(port.service, port.name) for port in PORTS]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("name", ["mariadb", "galera", "galera-sst"])
def test_the_database_listens_to_controllers_only(name: str) -> None:
    assert rule("ctl1", name).sources == CONTROLLERS


def test_ssh_is_open_to_the_management_network() -> None:
    assert rule("node1", "ssh").sources == ("10.77.0.0/24",)


def test_the_vips_web_port_is_open_to_everyone_on_the_vip_alone() -> None:
    https = rule("ctl1", "https")
    assert https.sources == ()
    assert str(https.destination) == "10.77.0.10"


def test_a_node_opens_nothing_of_the_platform() -> None:
    site = lab()
    machines = {"geneve", "libvirt", "migration", "console"}
    assert {entry.name for entry in rules(site, site.host("node1"))} <= {"ssh", "ntp", "ceph-osd"} | machines


def test_only_the_vip_and_the_load_balancer_are_open_to_everyone() -> None:
    assert {port.service for port in PORTS if EVERYONE in port.sources} == {"loadbalancer"}
