"""What a community may use of the cloud, as it follows from its share."""

from dicos_site import description
from dicos_site.quotas import quotas
from tests.unit.racks import EXAMPLE, changed, lab


def test_what_is_left_out_follows_from_the_share() -> None:
    # 100 addresses less three routers; 60 GiB of disks in three copies, half of them for volumes.
    assert quotas(lab())["ams"] == {
        "cores": None,
        "memory_gib": None,
        "machines": None,
        "volumes_gib": 6,
        "floating_addresses": 58,
    }
    assert quotas(lab())["bio"]["floating_addresses"] == 38


def test_what_is_stated_is_taken_and_the_others_share_the_rest() -> None:
    text = changed(("share: 60}", "share: 60, quota: {floating_addresses: 7, cores: 5, volumes_gib: 0}}"))
    found = quotas(description.parse(text))
    assert (found["ams"]["floating_addresses"], found["ams"]["cores"], found["ams"]["volumes_gib"]) == (
        7,
        5,
        0,
    )
    assert found["bio"]["floating_addresses"] == 90


def test_real_disks_set_no_limit_to_volumes() -> None:
    assert {limits["volumes_gib"] for limits in quotas(description.parse(EXAMPLE)).values()} == {-1}


def test_together_the_derived_quotas_fit_into_the_range() -> None:
    for text in (EXAMPLE, changed(("share: 40", "share: 41"))):
        site = description.parse(text)
        assert site.networks.provider is not None
        first, last = (int(end.split(".")[-1]) for end in site.networks.provider.floating.split("-"))
        given = sum(limits["floating_addresses"] or 0 for limits in quotas(site).values())
        assert given + len(site.communities) < last - first + 1


def test_a_rack_without_a_provider_network_has_no_floating_addresses() -> None:
    text = changed(
        ("  provider: {cidr: 10.78.0.0/24, gateway: 10.78.0.1, floating: 10.78.0.100-10.78.0.199}\n", "")
    )
    assert quotas(description.parse(text))["ams"]["floating_addresses"] == 0
