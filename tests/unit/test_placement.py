"""Which service runs on which host."""

from dicos_site import description
from dicos_site.model import KINDS
from dicos_site.placement import SERVICE_NAMES, groups, hosts_of, services_of
from tests.unit.racks import changed, lab


def test_the_database_runs_on_the_controllers() -> None:
    assert [host.name for host in hosts_of(lab(), "mariadb")] == ["ctl1", "ctl2", "ctl3"]


def test_every_host_has_the_base() -> None:
    site = lab()
    assert hosts_of(site, "base") == site.hosts


def test_placement_overrides_the_kind_and_keeps_the_order_of_rack_yml() -> None:
    site = description.parse(changed(("communities:", "placement: {memcached: [hub1, ctl1]}\ncommunities:")))
    assert [host.name for host in hosts_of(site, "memcached")] == ["ctl1", "hub1"]


def test_services_of_a_host_stand_in_the_order_of_deployment() -> None:
    site = lab()
    services = services_of(site, site.host("ctl1"))
    assert services[:2] == ("base", "pki")
    assert sorted(services, key=SERVICE_NAMES.index) == list(services)


def test_every_kind_and_service_is_a_group_even_without_hosts() -> None:
    members = groups(lab())
    assert set(members) == {*KINDS, *SERVICE_NAMES}
    assert members["storage"] == ()
    assert members["galera_arbiter"] == ()


def test_no_service_is_named_like_a_kind() -> None:
    assert not set(KINDS) & set(SERVICE_NAMES)
