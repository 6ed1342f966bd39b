"""The rules that several values of rack.yml break together."""

import pytest

from dicos_site import description
from tests.unit.racks import EXAMPLE, LAB, changed, problems, refusal_of

CTL3 = "  ctl3: {kind: controller, address: 10.77.0.13}\n"
HUB1 = "  hub1: {kind: hub, address: 10.77.0.31}\n"
EVEN = "an even number of votes has no majority when they split in halves"
DISKS = "10.77.0.21, disks: [{size_gib: 10}, "
PROVIDER = "  provider: {cidr: 10.78.0.0/24, gateway: 10.78.0.1, floating: 10.78.0.100-10.78.0.199}\n"


def test_addresses_are_given_away_once() -> None:
    assert refusal_of(("10.77.0.12", "10.77.0.11")) == (
        "the address 10.77.0.11 of host ctl2 is already taken by host ctl1\n"
        "  at:  hosts.ctl2.address, line 11\n"
        "  fix: give host ctl2 an address of its own"
    )


@pytest.mark.parametrize(
    ("old", "new", "what", "where"),
    [
        (
            "10.77.0.12",
            "10.77.0.10",
            "the address 10.77.0.10 of host ctl2 is already taken by the VIP",
            "hosts.ctl2.address",
        ),
        (
            "10.77.0.12",
            "10.77.0.1",
            "the address 10.77.0.1 of host ctl2 is already taken by the management gateway",
            "hosts.ctl2.address",
        ),
        (
            "vip: 10.77.0.10",
            "vip: 10.77.0.1",
            "the address 10.77.0.1 of the VIP is already taken by the management gateway",
            "networks.management.vip",
        ),
        (
            "10.77.0.12",
            "10.79.0.12",
            "10.79.0.12 is outside the management network 10.77.0.0/24",
            "hosts.ctl2.address",
        ),
        (
            "10.77.0.12",
            "10.77.0.0",
            "10.77.0.0 is the network address of the management network 10.77.0.0/24",
            "hosts.ctl2.address",
        ),
        (
            "10.77.0.12",
            "10.77.0.255",
            "10.77.0.255 is the broadcast address of the management network 10.77.0.0/24",
            "hosts.ctl2.address",
        ),
        (
            "vip: 10.77.0.10",
            "vip: 10.76.0.10",
            "10.76.0.10 is outside the management network 10.77.0.0/24",
            "networks.management.vip",
        ),
        (
            "gateway: 10.77.0.1",
            "gateway: 10.70.0.1",
            "10.70.0.1 is outside the management network 10.77.0.0/24",
            "networks.management.gateway",
        ),
        (
            "gateway: 10.78.0.1",
            "gateway: 10.70.0.1",
            "10.70.0.1 is outside the provider network 10.78.0.0/24",
            "networks.provider.gateway",
        ),
        (
            "cidr: 10.78.0.0/24",
            "cidr: 10.76.0.0/14",
            "the provider network 10.76.0.0/14 overlaps the management network 10.77.0.0/24",
            "networks.provider.cidr",
        ),
        (
            "10.78.0.100-10.78.0.199",
            "10.78.0.199-10.78.0.100",
            "the range 10.78.0.199-10.78.0.100 runs backwards",
            "networks.provider.floating",
        ),
        (
            "10.78.0.100-10.78.0.199",
            "10.78.0.1-10.78.0.199",
            "the range 10.78.0.1-10.78.0.199 contains the gateway 10.78.0.1",
            "networks.provider.floating",
        ),
        (
            "10.78.0.100-10.78.0.199",
            "10.78.0.100-10.78.1.9",
            "10.78.1.9 is outside the provider network 10.78.0.0/24",
            "networks.provider.floating",
        ),
        (
            "10.78.0.100-10.78.0.199",
            "10.78.0.100-10.78.0.255",
            "10.78.0.255 is the broadcast address of the provider network 10.78.0.0/24",
            "networks.provider.floating",
        ),
        (
            "10.78.0.100-10.78.0.199",
            "10.78.0.100-10.78.0.300",
            '"10.78.0.100-10.78.0.300" does not hold two IPv4 addresses',
            "networks.provider.floating",
        ),
        (
            HUB1,
            HUB1.replace("hub1:", "mariadb:"),
            '"mariadb" is the name of a group or of the VIP, and cannot be the name of a host',
            "hosts.mariadb",
        ),
        (
            HUB1,
            HUB1.replace("hub1:", "api:"),
            '"api" is the name of a group or of the VIP, and cannot be the name of a host',
            "hosts.api",
        ),
        (
            "10.77.0.21, disks: [{size_gib: 10}, {size_gib: 10}]",
            "10.77.0.21",
            "host node1 is of kind node and has no disks",
            "hosts.node1",
        ),
        (
            DISKS,
            "10.77.0.21, disks: [{}, ",
            "the disk has neither device nor size_gib",
            "hosts.node1.disks[0]",
        ),
        (
            DISKS,
            "10.77.0.21, disks: [{device: /dev/disk/by-id/a}, ",
            "the lab makes its own disks and takes no device",
            "hosts.node1.disks[0]",
        ),
        (
            DISKS,
            "10.77.0.21, disks: [{size_gib: 1, device: /dev/disk/by-id/a}, ",
            "the disk has both device and size_gib",
            "hosts.node1.disks[0]",
        ),
        (
            "communities:",
            "replicas: 4\ncommunities:",
            "4 copies of all data cannot be kept: only 3 hosts have disks",
            "replicas",
        ),
        (CTL3, "", f"mariadb has 2 members: {EVEN}", "hosts"),
        (
            "communities:",
            "placement: {mariadbb: [hub1]}\ncommunities:",
            'there is no service "mariadbb"',
            "placement.mariadbb",
        ),
        (
            "communities:",
            "placement: {ldap: [ctl1, hub2]}\ncommunities:",
            'there is no host "hub2"',
            "placement.ldap[1]",
        ),
        (
            "communities:",
            "placement: {ldap: [ctl1, ctl1]}\ncommunities:",
            "host ctl1 stands twice in the placement of ldap",
            "placement.ldap[1]",
        ),
        ("communities:", "placement: {ldap: []}\ncommunities:", "ldap would run nowhere", "placement.ldap"),
        (
            "communities:",
            "placement: {base: [ctl1]}\ncommunities:",
            "base runs on every host and cannot be placed",
            "placement.base",
        ),
        (
            "communities:",
            "placement: {galera_arbiter: [hub1]}\ncommunities:",
            f"mariadb has 3 members and 1 arbiter: {EVEN}",
            "hosts",
        ),
        (
            "communities:",
            "placement: {galera_arbiter: [ctl1, hub1]}\ncommunities:",
            "host ctl1 is a member of mariadb and its arbiter: both would fail together",
            "placement.galera_arbiter",
        ),
        (
            "communities:",
            "time_servers: ['a b']\ncommunities:",
            '"a b" is not a time server: a host name or an address',
            "time_servers[0]",
        ),
        (
            "communities:",
            "ssh: {user: '{{ x }}'}\ncommunities:",
            '"{{ x }}" is not a user name: who logs in; any other than root needs sudo',
            "ssh.user",
        ),
        (
            "https://hub1",
            "hub1",
            '"hub1.lab.dicos.test" is not a web address: where the federation\'s registry answers',
            "federation.registry",
        ),
    ],
)
def test_a_rack_that_cannot_work_is_refused(old: str, new: str, what: str, where: str) -> None:
    found = problems(changed((old, new)))
    assert [
        (problem.what, problem.where.split(", line ")[0]) for problem in found if problem.what == what
    ] == [(what, where)]


def test_a_rack_has_hosts() -> None:
    text = LAB[: LAB.index("hosts:")] + "hosts: {}\n"
    assert [problem.what for problem in problems(text)] == ["the rack has no hosts"]


def test_a_rack_has_a_controller() -> None:
    text = "".join(line for line in LAB.splitlines(keepends=True) if "controller" not in line)
    assert [problem.what for problem in problems(text)] == ["the rack has no controller"]


def test_a_disk_of_a_real_host_is_named_by_its_stable_path() -> None:
    text = changed(("substrate: incus                      # left out: real servers\n", ""), (PROVIDER, ""))
    assert {problem.what for problem in problems(text)} == {
        "a real host's disk needs its device: only a lab makes disks by size_gib"
    }


def test_a_disk_is_used_once() -> None:
    devices = [line.strip("- ") for line in EXAMPLE.splitlines() if "wwn-" in line]
    found = problems(EXAMPLE.replace(devices[1], devices[0]))
    assert [problem.where.split(",")[0] for problem in found] == ["hosts.stor1.disks[1]"]
    assert found[0].what.endswith("is already disk 0 of host stor1")


def test_two_controllers_do_with_an_arbiter() -> None:
    votes = "[ctl1, ctl2, hub1]"
    voting = ", ".join(f"{service}: {votes}" for service in ("rabbitmq", "ceph_mon", "ovn"))
    placed = f"placement: {{galera_arbiter: [hub1], {voting}}}\ncommunities:"
    site = description.parse(changed((CTL3, ""), ("communities:", placed)))
    assert site.placement["galera_arbiter"] == ("hub1",)


def test_two_controllers_are_told_how_to_do_with_an_arbiter() -> None:
    assert [problem.fix for problem in problems(changed((CTL3, "")))] == [
        "add a controller, or write `placement: {galera_arbiter: [node1]}`",
        "add a controller, or write `placement: {rabbitmq: [ctl1, ctl2, node1]}`",
        "add a controller, or write `placement: {ceph_mon: [ctl1, ctl2, node1]}`",
        "add a controller, or write `placement: {ovn: [ctl1, ctl2, node1]}`",
    ]


@pytest.mark.parametrize("length", [31, 32])
def test_a_network_without_room_is_told_its_size(length: int) -> None:
    found = problems(changed(("cidr: 10.77.0.0/24", f"cidr: 10.77.0.0/{length}")))
    assert found[0].fix == "make the network larger: it needs a prefix length of at most 30"


def test_what_a_file_quotes_cannot_steer_the_terminal() -> None:
    found = problems(changed(("communities:", 'placement: {"a\\nb\\e[31m": [hub1]}\ncommunities:')))
    assert found[0].what == 'there is no service "a b [31m"'
    assert found[0].where == "placement.a b [31m, line 17"


def test_the_card_on_the_provider_network_of_real_hosts_has_a_name() -> None:
    text = EXAMPLE.replace("    interface: enp1s0f1\n", "")
    assert str(problems(text)[0]) == (
        "the provider network does not say which card of the hosts is on it\n"
        "  at:  networks.provider, line 7\n"
        "  fix: add `interface:` with the card's name, as `ip link` shows it, or `substrate: incus` for a lab"
    )


def test_a_lab_names_its_cards_itself() -> None:
    assert refusal_of(("10.78.0.199}", "10.78.0.199, interface: eth1}")) == (
        "the lab makes and names its own cards\n"
        "  at:  networks.provider.interface, line 8\n"
        "  fix: remove the line, or remove `substrate: incus` for real hosts"
    )


def test_a_rack_does_without_a_provider_network() -> None:
    assert description.parse(changed((PROVIDER, ""))).networks.provider is None


def test_all_mistakes_are_reported_at_once_in_the_order_of_lines() -> None:
    text = changed(
        ("site: TW-LAB", "site: tw"),
        ("vip: 10.77.0.10", "vip: 10.70.0.10"),
        ("ctl1: {kind: controller, address: 10.77.0.11}", "ctl1: {kind: contoller, address: 10.77.0.12}"),
        ("share: 40", "share: -1"),
    )
    assert [problem.where for problem in problems(text)] == [
        "site, line 2",
        "networks.management.vip, line 7",
        "hosts.ctl1.kind, line 10",
        "hosts.ctl2.address, line 11",
        "communities.bio.share, line 19",
    ]


def test_a_broken_host_hides_no_mistake_between_the_others() -> None:
    text = changed(("ctl1: {kind: controller, address: 10.77.0.11}", "ctl1: 7"), ("10.77.0.13", "10.77.0.12"))
    assert [problem.where for problem in problems(text)] == [
        "hosts.ctl1, line 10",
        "hosts.ctl3.address, line 12",
    ]


def test_the_number_of_votes_is_not_judged_while_a_kind_is_unknown() -> None:
    found = problems(changed(("ctl3: {kind: controller", "ctl3: {kind: contoller")))
    assert [problem.where for problem in found] == ["hosts.ctl3.kind, line 12"]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "ams: {share: 60}",
            "ams: {share: 60, quota: {floating_addresses: 90}}\n"
            "  cern: {share: 1, quota: {floating_addresses: 8}}",
            "quotas of 90 + 8 floating addresses are more than the 96 of 10.78.0.100-10.78.0.199: "
            "it has 100, and 3 communities and 1 check have a router each\n"
            "  at:  networks.provider.floating, line 8\n"
            "  fix: lower floating_addresses until they are 96 together, or widen the range",
        ),
        (
            "  bio: {share: 40}",
            "  admin: {share: 40}",
            '"admin" is the name of a project of the cloud itself, and cannot be a community\'s\n'
            "  at:  communities.admin, line 19\n"
            '  fix: choose another name, such as "admin-users"',
        ),
        (
            "communities:",
            "erasure: {data: 3, parity: 1}\ncommunities:",
            "3 + 1 pieces need 4 hosts, and only 3 hosts hold data\n"
            "  at:  erasure, line 17\n"
            "  fix: give disks to 1 more, cut the data into fewer pieces, or remove `erasure`",
        ),
        (
            "communities:",
            "flavors: {dicos.tiny: {cores: 1, memory_mib: 64, disk_gib: 1}}\ncommunities:",
            "the flavor dicos.tiny is the site's own, for its checks\n"
            "  at:  flavors.dicos.tiny, line 17\n"
            "  fix: give yours another name",
        ),
    ],
)
def test_the_cloud_gives_away_only_what_is_there(old: str, new: str, said: str) -> None:
    assert refusal_of((old, new)) == said


def test_floating_addresses_need_a_provider_network() -> None:
    text = changed((PROVIDER, ""), ("share: 60}", "share: 60, quota: {floating_addresses: 5}}"))
    assert [str(problem) for problem in problems(text)] == [
        "there are no floating addresses: the rack has no provider network\n"
        "  at:  communities.ams.quota.floating_addresses, line 17\n"
        "  fix: add networks.provider, or remove the line"
    ]


def test_pieces_of_data_fit_on_as_many_hosts() -> None:
    site = description.parse(changed(("communities:", "erasure: {data: 2, parity: 1}\ncommunities:")))
    assert site.erasure is not None
