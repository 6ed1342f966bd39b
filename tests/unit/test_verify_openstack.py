"""What the cloud says of its services and agents → checks."""

import pytest

from dicos_site.errors import UnreachableError
from dicos_site.model import Site
from dicos_site.report import Check
from dicos_site.verify.openstack import Lists, Part, part_checks, versions_missing
from tests.unit.racks import lab

CONTROLLERS = ("ctl1", "ctl2", "ctl3")
NODES = ("node1", "node2", "node3")


def part(name: str, host: str, *, up: bool = True, enabled: bool = True) -> Part:
    return {"name": name, "host": host, "up": up, "enabled": enabled}


def lists() -> dict[str, list[Part] | str]:
    """Return what a cloud in health says."""
    nova = [part(name, host) for host in CONTROLLERS for name in ("nova-scheduler", "nova-conductor")]
    cinder = [part("cinder-scheduler", host) for host in CONTROLLERS]
    agents = ("OVN Controller agent", "OVN Metadata agent")
    return {
        "nova": nova + [part("nova-compute", host) for host in NODES],
        "cinder": [*cinder, part("cinder-volume", "rbd@ceph")],
        "neutron": [part(name, f"{host}.lab.dicos.test") for host in NODES for name in agents],
    }


def different(service: str, *without: tuple[str, str], more: tuple[Part, ...] = ()) -> Lists:
    """Return a cloud that lacks the named parts of a service and has more."""
    healthy = lists()
    known = healthy[service]
    assert isinstance(known, list)
    kept = [one for one in known if (one["name"], one["host"]) not in without]
    return healthy | {service: [*kept, *more]}


def checks(said: Lists, site: Site | None = None) -> dict[tuple[str, str], Check]:
    return {(one.code, one.host): one for one in part_checks(site or lab(), said)}


def test_a_cloud_in_health_passes_for_the_site_and_every_host_of_it() -> None:
    found = checks(lists())
    assert [one for one in found.values() if not one.passed] == []
    assert {host for code, host in found if code == "CLOUD_SERVICES"} == {"", *CONTROLLERS, *NODES}
    assert {host for code, host in found if code == "CLOUD_AGENTS"} == set(NODES)


def test_a_service_that_is_missing_is_named_at_its_host() -> None:
    said = different("nova", ("nova-conductor", "ctl2"))
    check = checks(said)["CLOUD_SERVICES", "ctl2"]
    assert (check.passed, check.detail) == (False, "no nova-conductor")


def test_a_service_that_is_down_or_disabled_fails_at_its_host() -> None:
    more = (part("nova-compute", "node1", up=False, enabled=False),)
    said = different("nova", ("nova-compute", "node1"), more=more)
    assert checks(said)["CLOUD_SERVICES", "node1"].detail == (
        "nova-compute is down; nova-compute is disabled"
    )


def test_a_service_of_a_host_that_has_gone_fails_for_the_site() -> None:
    said = different("nova", more=(part("nova-compute", "node9", up=False),))
    assert checks(said)["CLOUD_SERVICES", ""].detail == "nova-compute of node9 is down"


def test_volumes_need_somebody_who_makes_them() -> None:
    said = different("cinder", ("cinder-volume", "rbd@ceph"))
    assert checks(said)["CLOUD_SERVICES", ""].detail == "no cinder-volume"


def test_volumes_may_be_made_under_the_names_of_the_hosts() -> None:
    own = tuple(part("cinder-volume", f"{host}@ceph") for host in CONTROLLERS)
    said = different("cinder", ("cinder-volume", "rbd@ceph"), more=own)
    assert [one for one in checks(said).values() if not one.passed] == []


def test_a_host_without_its_metadata_agent_fails() -> None:
    said = different("neutron", ("OVN Metadata agent", "node2.lab.dicos.test"))
    assert checks(said)["CLOUD_AGENTS", "node2"].detail == "no metadata agent"


def test_a_gateway_is_an_ovn_controller_too() -> None:
    gateway = (part("OVN Controller Gateway agent", "node1"),)
    said = different("neutron", ("OVN Controller agent", "node1.lab.dicos.test"), more=gateway)
    assert checks(said)["CLOUD_AGENTS", "node1"].passed


def test_a_service_that_does_not_answer_is_named_with_its_reason() -> None:
    with pytest.raises(UnreachableError) as refusal:
        list(part_checks(lab(), lists() | {"neutron": "ConnectFailure: refused"}))
    assert refusal.value.problems[0].what == "neutron: ConnectFailure: refused"


@pytest.mark.parametrize(
    ("status", "body", "wrong"),
    [
        (200, b'{"version": {"id": "v3.14"}}', ""),
        (300, b'{"versions": [{"id": "v3.0"}]}', ""),
        (503, b"<html>no server</html>", "nova: HTTP 503"),
        (200, b"<html>hello</html>", "nova: HTTP 200 without JSON"),
        (200, b"[]", "nova: HTTP 200 without versions"),
    ],
)
def test_an_api_answers_when_it_says_its_versions(status: int, body: bytes, wrong: str) -> None:
    assert versions_missing("nova", status, body) == wrong
