"""rack.yml → Site, or every mistake with its place and its fix."""

from pathlib import Path

import pytest

from dicos_site import description
from dicos_site.errors import DescriptionError
from tests.unit.racks import EXAMPLE, LAB, changed, lab, problems, refusal_of

CTL3 = "  ctl3: {kind: controller, address: 10.77.0.13}\n"
HUB1 = "  hub1: {kind: hub, address: 10.77.0.31}\n"
EVEN = "an even number of votes has no majority when they split in halves"
DISKS = "10.77.0.21, disks: [{size_gib: 10}, "
PROVIDER = "  provider: {cidr: 10.78.0.0/24, gateway: 10.78.0.1, floating: 10.78.0.100-10.78.0.199}\n"


def test_the_lab_is_seven_hosts() -> None:
    assert [host.name for host in lab().hosts] == ["ctl1", "ctl2", "ctl3", "node1", "node2", "node3", "hub1"]


def test_the_lab_is_described_in_forty_lines() -> None:
    assert len(LAB.splitlines()) <= 40


def test_the_example_keeps_storage_and_compute_apart() -> None:
    kinds = [host.kind for host in description.parse(EXAMPLE).hosts]
    assert {kind: kinds.count(kind) for kind in kinds} == {
        "controller": 3,
        "storage": 5,
        "compute": 7,
        "hub": 1,
    }


def test_two_hosts_cannot_share_a_name() -> None:
    assert refusal_of(("ctl2:", "ctl1:")) == (
        'the name "ctl1" is already taken in line 10\n'
        "  at:  hosts.ctl1, line 11\n"
        "  fix: give each host its own name"
    )


def test_a_key_stands_once() -> None:
    assert refusal_of(("domain:", "site: TW-TWO\ndomain:")) == (
        'the key "site" stands here twice, first in line 2\n'
        "  at:  site, line 3\n"
        "  fix: keep one of the two lines"
    )


def test_an_unknown_key_is_named_with_the_nearest_known_one() -> None:
    assert refusal_of(("ctl1: {kind: controller, address", "ctl1: {disk: [], kind: controller, address")) == (
        'the key "disk" is unknown here\n'
        "  at:  hosts.ctl1.disk, line 10\n"
        '  fix: did you mean "disks"? known keys: kind, address, disks'
    )


def test_a_key_like_no_other_is_to_be_removed() -> None:
    assert problems(changed(("communities:", "zzzz: 1\ncommunities:")))[0].fix.startswith(
        "remove it; known keys: site,"
    )


def test_a_host_takes_its_name_from_its_key() -> None:
    assert refusal_of(("ctl1: {kind", "ctl1: {name: ctl1, kind")) == (
        'the key "name" is unknown here\n'
        "  at:  hosts.ctl1.name, line 10\n"
        "  fix: remove it: the key of the host is its name"
    )


def test_an_unknown_kind_is_named_with_the_nearest_known_one() -> None:
    assert refusal_of(("hub1: {kind: hub", "hub1: {kind: hubs")) == (
        '"hubs" is not a kind of host\n'
        "  at:  hosts.hub1.kind, line 16\n"
        '  fix: did you mean "hub"? choices: controller, node, storage, compute, hub'
    )


def test_a_missing_key_is_shown_as_it_would_be_written() -> None:
    assert refusal_of(("hub1: {kind: hub, address: 10.77.0.31}", "hub1: {kind: hub}")) == (
        'the key "address" is missing\n'
        "  at:  hosts.hub1, line 16\n"
        "  fix: add `address: 10.77.0.11` (the host's address in the management network)"
    )


def test_an_unquoted_release_is_shown_as_it_was_written() -> None:
    assert refusal_of(('release: "2026.11"', "release: 2026.10")) == (
        "2026.10 is read as a number or a truth value, and a release is a text\n"
        "  at:  release, line 4\n"
        '  fix: put it in quotes: "2026.10"'
    )


def test_a_network_has_no_host_part() -> None:
    assert refusal_of(("cidr: 10.77.0.0/24", "cidr: 10.77.0.9/24")) == (
        '"10.77.0.9/24" is not an IPv4 network: it is an address inside one\n'
        "  at:  networks.management.cidr, line 7\n"
        "  fix: write 10.77.0.0/24"
    )


def test_a_wrong_address_is_quoted_with_its_rule() -> None:
    assert refusal_of(("10.77.0.31", "10.77.0.310")) == (
        '"10.77.0.310" is not an IPv4 address: the host\'s address in the management network\n'
        "  at:  hosts.hub1.address, line 16\n"
        "  fix: write for example 10.77.0.11"
    )


def test_a_number_is_not_an_address() -> None:
    assert (
        problems(changed(("10.77.0.31", "5")))[0].what
        == "5 is read as a number or a truth value, and an IPv4 address is a text"
    )


def test_a_share_is_a_positive_whole_number() -> None:
    assert refusal_of(("share: 60", "share: 0")) == (
        '0 is out of range for "share": it is at least 1\n'
        "  at:  communities.ams.share, line 18\n"
        "  fix: write for example 60"
    )
    assert problems(changed(("share: 60", "share: yes")))[0].what.startswith(
        "yes is not a share: a whole number"
    )


def test_a_name_of_a_host_fits_into_dns() -> None:
    assert refusal_of(("hub1: {", "Hub_1: {")) == (
        '"Hub_1" is not a host name: 1 to 32 lower-case letters, digits and hyphens, the first a letter\n'
        "  at:  hosts.Hub_1, line 16\n"
        "  fix: write for example ctl1"
    )


def test_a_value_of_the_wrong_shape_is_told_its_shape() -> None:
    assert refusal_of(("hub1: {kind: hub, address: 10.77.0.31}", "hub1: [hub]")) == (
        "a list is not a host: a mapping with the keys kind, address, disks\n"
        "  at:  hosts.hub1, line 16\n"
        "  fix: write a mapping with the keys kind, address, disks"
    )


def test_hosts_are_a_mapping_from_name_to_host() -> None:
    text = LAB[: LAB.index("hosts:")] + "hosts: [{name: ctl1, kind: controller, address: 10.77.0.11}]\n"
    assert (
        problems(text)[0].what
        == "a list is not a mapping from name to host: every host of the rack by its name"
    )


def test_a_key_without_a_value_is_not_a_default() -> None:
    assert problems(LAB[: LAB.index("  ams:")])[0].what == '"communities" has no value'


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "the file is empty"),
        ("# only a comment\n", "the file is empty"),
        ("- a\n- b\n", "the file is not a mapping of keys to values"),
        ("just words", "the file is not a mapping of keys to values"),
        (
            "a: [b",
            "this is not YAML: while parsing a flow sequence expected ',' or ']', but got '<stream end>'",
        ),
        (
            "a: 1\n---\nb: 2\n",
            "this is not YAML: expected a single document in the stream but found another document",
        ),
        ("a: \x00", "the file holds a character that YAML does not allow"),
        ("a: &a [*a]", "a value contains itself"),
        ("[" * 3000, "the values are nested too deeply"),
    ],
)
def test_what_is_no_mapping_in_yaml_is_one_problem(text: str, what: str) -> None:
    assert [problem.what for problem in problems(text)] == [what]


def test_aliases_that_grow_without_bound_are_refused() -> None:
    lists = "".join(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]\n" for n in range(1, 9))
    assert problems(f"l0: &l0 [x]\n{lists}")[0].what == "there are more than 20000 values"


def test_an_alias_saves_typing() -> None:
    text = changed(
        (
            "node1: {kind: node, address: 10.77.0.21, disks: [",
            "node1: {kind: node, address: 10.77.0.21, disks: &disks [",
        ),
        ("10.77.0.22, disks: [{size_gib: 10}, {size_gib: 10}]", "10.77.0.22, disks: *disks"),
    )
    assert len(description.parse(text).host("node2").disks) == 2


def test_a_key_is_a_word() -> None:
    assert problems(LAB + "? [a]\n: 1\n")[0].what == "a key is a list or a mapping; every key is one word"


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
    text = changed(("substrate: incus                      # left out: real servers\n", ""))
    assert {problem.what for problem in problems(text)} == {
        "a real host's disk needs its device: only a lab makes disks by size_gib"
    }


def test_a_disk_is_used_once() -> None:
    devices = [line.strip("- ") for line in EXAMPLE.splitlines() if "wwn-" in line]
    found = problems(EXAMPLE.replace(devices[1], devices[0]))
    assert [problem.where.split(",")[0] for problem in found] == ["hosts.stor1.disks[1]"]
    assert found[0].what.endswith("is already disk 0 of host stor1")


def test_two_controllers_do_with_an_arbiter() -> None:
    placed = "placement: {galera_arbiter: [hub1], rabbitmq: [ctl1, ctl2, hub1]}\ncommunities:"
    site = description.parse(changed((CTL3, ""), ("communities:", placed)))
    assert site.placement["galera_arbiter"] == ("hub1",)


def test_two_controllers_are_told_how_to_do_with_an_arbiter() -> None:
    assert [problem.fix for problem in problems(changed((CTL3, "")))] == [
        "add a controller, or write `placement: {galera_arbiter: [node1]}`",
        "add a controller, or write `placement: {rabbitmq: [ctl1, ctl2, node1]}`",
    ]


@pytest.mark.parametrize("length", [31, 32])
def test_a_network_without_room_is_told_its_size(length: int) -> None:
    found = problems(changed(("cidr: 10.77.0.0/24", f"cidr: 10.77.0.0/{length}")))
    assert found[0].fix == "make the network larger: it needs a prefix length of at most 30"


def test_what_a_file_quotes_cannot_steer_the_terminal() -> None:
    found = problems(changed(("communities:", 'placement: {"a\\nb\\e[31m": [hub1]}\ncommunities:')))
    assert found[0].what == 'there is no service "a b [31m"'
    assert found[0].where == "placement.a b [31m, line 17"


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


def test_a_folder_without_rack_yml_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(DescriptionError) as refusal:
        description.read(tmp_path)
    assert str(refusal.value) == (
        f"the file cannot be read: No such file or directory\n  at:  {tmp_path}/rack.yml\n"
        "  fix: make it with `dicos-site init`, or mend its permissions"
    )


def test_a_file_in_another_encoding_is_named_with_its_first_wrong_byte(tmp_path: Path) -> None:
    (tmp_path / "rack.yml").write_bytes("site: Göttingen".encode("latin-1"))
    with pytest.raises(DescriptionError) as refusal:
        description.read(tmp_path)
    assert refusal.value.problems[0].what == "the file is not UTF-8 text: byte 8 is 0xf6"
