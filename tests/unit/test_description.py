"""rack.yml → Site, or every mistake with its place and its fix."""

from pathlib import Path

import pytest

from dicos_site import description
from dicos_site.errors import DescriptionError
from tests.unit.racks import EXAMPLE, LAB, changed, lab, problems, refusal_of


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


GOOD_SUM = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (
            "flavors: {big: {core: 2, cores: 2, memory_mib: 64, disk_gib: 1}}",
            'the key "core" is unknown here\n'
            "  at:  flavors.big.core, line 17\n"
            '  fix: did you mean "cores"? known keys: cores, memory_mib, disk_gib',
        ),
        (
            "flavors: {big: {cores: 0, memory_mib: 64, disk_gib: 1}}",
            '0 is out of range for "cores": it is at least 1\n'
            "  at:  flavors.big.cores, line 17\n"
            "  fix: write for example 4",
        ),
        (
            f"images: {{a: {{file: ../a.raw, format: raw, sha256: {GOOD_SUM}}}}}",
            '"../a.raw" is not a path of an image: an absolute path, or one below the folder of rack.yml; '
            "no part of it begins with a dot\n"
            "  at:  images.a.file, line 17\n"
            "  fix: write for example images/debian-13.raw",
        ),
        (
            "images: {a: {file: a.raw, format: raw, sha256: 9f86d0}}",
            '"9f86d0" is not a SHA-256 checksum: 64 digits of 0-9 and a-f, in quotes, as `sha256sum FILE` '
            "prints them\n"
            "  at:  images.a.sha256, line 17\n"
            f'  fix: write for example "{GOOD_SUM}"',
        ),
        (
            f"images: {{a: {{file: a.vmdk, format: vmdk, sha256: {GOOD_SUM}}}}}",
            '"vmdk" is not a format of an image\n'
            "  at:  images.a.format, line 17\n"
            "  fix: write one of: raw, qcow2",
        ),
        (
            "erasure: {data: 2, parity: 0}",
            '0 is out of range for "parity": it is at least 1\n'
            "  at:  erasure.parity, line 17\n"
            "  fix: write for example 2",
        ),
    ],
)
def test_what_rack_yml_says_of_the_cloud_is_judged_alike(written: str, said: str) -> None:
    assert refusal_of(("communities:", f"{written}\ncommunities:")) == said
