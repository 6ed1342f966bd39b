"""What communities have of the cloud: what is decided from what the cloud says."""

import pytest

import tests.modules  # noqa: F401  (finds what the modules share)
from dicos_site import description
from dicos_site.variables import site_variables
from dicos_site.variables.communities import own_network
from plugins.module_utils.community_limits import (
    Host,
    closed,
    differing,
    holds,
    host_of,
    limits,
    missing_images,
    quotas,
    tolerance,
)
from tests.modules import run_module
from tests.unit.racks import EXAMPLE, changed, lab

NODE = {
    "VCPU": {"total": 2, "reserved": 0, "allocation_ratio": 4.0, "max_unit": 2},
    "MEMORY_MB": {"total": 24_000, "reserved": 512, "allocation_ratio": 0.2, "max_unit": 24_000},
    "DISK_GB": {"total": 30, "reserved": 0, "allocation_ratio": 1.0, "max_unit": 30},
}
OWN = {"direction": "ingress", "ether_type": "IPv4", "remote_ip_prefix": None, "remote_group_id": "own"}
PING = {"protocol": "icmp", "port_range_min": None, "port_range_max": None}
LOGIN = {"protocol": "tcp", "port_range_min": 22, "port_range_max": 22}


def community(**stated: int | None) -> dict[str, int | None]:
    """Return a community that leaves its quotas out, but for those stated."""
    empty = dict.fromkeys(("cores", "memory_gib", "machines"))
    return {**empty, "volumes_gib": 6, "floating_addresses": 58, **stated}


def test_a_host_offers_what_placement_lets_machines_use() -> None:
    assert host_of(NODE) == Host(cores=8, memory_mib=4697, cores_each=2, memory_each_mib=4697)


def test_a_provider_of_something_else_is_no_host() -> None:
    assert host_of({"IPV4_ADDRESS": NODE["DISK_GB"]}) is None


def test_a_flavor_fits_on_one_host() -> None:
    hosts = [Host(8, 4000, 2, 4000), Host(8, 2000, 4, 2000)]
    assert holds(hosts, {"cores": 2, "memory_mib": 4000})
    assert not holds(hosts, {"cores": 4, "memory_mib": 4000})


def test_quotas_that_are_left_out_are_a_share_of_the_hosts() -> None:
    hosts = [Host(8, 4697, 2, 4697)] * 3
    found = limits(community(), 0.6, hosts)
    assert (found["cores"], found["memory_gib"], found["machines"]) == (14, 8, 14)


def test_quotas_that_are_stated_need_no_host() -> None:
    found = limits(community(cores=0, memory_gib=4, machines=2), 0.6, [])
    assert (found["cores"], found["memory_gib"], found["machines"]) == (0, 4, 2)


def test_services_are_told_in_their_own_units() -> None:
    told = quotas(limits(community(cores=4, memory_gib=2), 1.0, []))
    assert told["compute"] == {"cores": 4, "ram": 2048, "instances": 4}
    assert (told["volume"]["gigabytes"], told["volume"]["volumes"]) == (6, -1)
    assert told["network"] == {"floatingip": 58, "port": -1}


def test_only_quotas_that_differ_are_told() -> None:
    assert differing({"cores": 4, "ram": 1, "key_pairs": 100}, {"cores": 4, "ram": 2}) == {"ram": 2}


@pytest.mark.parametrize(
    ("found", "stated", "told"),
    [
        ({"cores": 14, "ram": 9 * 1024}, None, {}),
        ({"cores": 14, "ram": 7 * 1024}, None, {}),
        ({"cores": 14, "ram": 6 * 1024}, None, {"ram": 8 * 1024}),
        ({"cores": 9, "ram": 7 * 1024}, None, {"cores": 14, "ram": 8 * 1024}),
        ({"cores": 14, "ram": 9 * 1024}, 8, {"ram": 8 * 1024}),
        ({"cores": 14, "ram": 0}, None, {"ram": 8 * 1024}),
        ({"cores": 14, "ram": -1}, None, {"ram": 8 * 1024}),
    ],
)
def test_a_share_of_the_memory_that_hosts_measure_is_kept_where_it_is_about_right(
    found: dict[str, int], stated: int | None, told: dict[str, int]
) -> None:
    one = community(cores=14, memory_gib=stated)
    wanted = limits(one, 0.6, [Host(8, 4697, 2, 4697)] * 3)
    assert differing({**found, "instances": 14}, quotas(wanted)["compute"], tolerance(one, wanted)) == told


def test_small_quotas_are_tolerated_in_no_direction_that_means_something_else() -> None:
    one = community(cores=1)
    wanted = limits(one, 1.0, [])
    assert wanted["memory_gib"] == 1
    assert differing({"ram": 0}, {"ram": 1024}, tolerance(one, wanted)) == {"ram": 1024}


def test_a_new_security_group_lets_in_nothing_from_outside() -> None:
    assert closed([{**OWN, **PING, "protocol": None}]) == [PING, LOGIN]


def test_a_rule_that_is_there_is_not_made_again() -> None:
    anywhere = {**OWN, "remote_group_id": None, "remote_ip_prefix": "0.0.0.0/0"}
    assert closed([{**anywhere, **PING}, {**OWN, **LOGIN}]) == [LOGIN]


@pytest.mark.parametrize(
    ("different", "missing"),
    [
        ({}, []),
        ({"status": "queued"}, ["debian"]),
        ({"os_hidden": True}, ["debian"]),
        ({"dicos_sha256": "cd"}, ["debian"]),
    ],
)
def test_an_image_is_there_when_its_content_is_offered(
    different: dict[str, object], missing: list[str]
) -> None:
    image = {"name": "debian", "status": "active", "os_hidden": False, "dicos_sha256": "ab"}
    assert missing_images([image | different], {"debian": "AB"}) == missing


def test_an_old_content_beside_the_new_one_is_still_to_be_hidden() -> None:
    images = [
        {"name": "debian", "status": "active", "os_hidden": False, "dicos_sha256": checksum}
        for checksum in ("ab", "cd")
    ]
    assert missing_images(images, {"debian": "ab"}) == ["debian"]


def test_check_mode_before_there_is_a_cloud_would_change_everything() -> None:
    arguments: dict[str, object] = {"people_domain": "tw-lab", "cidr": "172.24.0.0/18", "hosts": ["node1"]}
    result = run_module("openstack_communities", arguments, check_mode=True)
    assert (result["changed"], result["missing_images"]) == (True, [])


def test_the_lab_has_only_the_flavor_of_its_checks() -> None:
    assert site_variables(lab())["communities_flavors"] == [
        {"name": "dicos.tiny", "cores": 1, "memory_mib": 128, "disk_gib": 1}
    ]


def test_a_real_site_has_usual_flavors_unless_it_names_its_own() -> None:
    def names(text: str) -> list[str]:
        flavors = site_variables(description.parse(text))["communities_flavors"]
        assert isinstance(flavors, list)
        return [flavor["name"] for flavor in flavors]

    own = "flavors: {big: {cores: 9, memory_mib: 9999, disk_gib: 9}}\ncommunities:"
    assert names(EXAMPLE) == ["dicos.tiny", "small", "medium", "large"]
    assert names(EXAMPLE.replace("communities:", own)) == ["dicos.tiny", "big"]


def test_a_communitys_network_is_none_of_the_racks() -> None:
    assert str(own_network(lab())) == "172.24.0.0/18"
    text = changed(("10.78.0.0/24, gateway: 10.78", "172.24.0.0/24, gateway: 172.24"), ("10.78", "172.24"))
    assert str(own_network(description.parse(text))) == "10.240.0.0/18"


def test_an_image_lies_below_the_sites_folder_unless_its_path_is_absolute() -> None:
    checksum = "a" * 64
    images = ", ".join(
        f"{name}: {{file: {file}, format: raw, sha256: {checksum}}}"
        for name, file in (("a", "images/a.raw"), ("b", "/srv/b.raw"))
    )
    found = site_variables(
        description.parse(changed(("communities:", f"images: {{{images}}}\ncommunities:")))
    )["communities_images"]
    assert isinstance(found, list)
    assert [image["file"] for image in found] == ["{{ site_folder }}/images/a.raw", "/srv/b.raw"]
