"""What of the lab needs no lab: names, files, routes, package lists, the cache key, errors."""

import subprocess
from pathlib import Path

import pytest

from dicos_site import description, lab, places
from dicos_site.errors import LabError, UsageError
from dicos_site.lab import bake, cgroup, host, image, install, mirrors, names, network, packages, pool, ssh
from dicos_site.model import Site

RACK = places.project_root() / "inventories" / "lab"


@pytest.fixture(scope="module")
def site() -> Site:
    return description.read(RACK)


@pytest.fixture(scope="module")
def metal() -> Site:
    return description.read(places.project_root() / "inventories" / "example")


def _renamed(site: Site, name: str) -> Site:
    return site.model_copy(update={"site": name})


def test_a_bridge_name_fits_the_kernel_and_differs_between_sites_with_the_same_beginning(site: Site) -> None:
    longest = "A" * 24
    found = [
        bridge.name
        for name in (longest, longest[:-1] + "B")
        for bridge in names.bridges(_renamed(site, name))
    ]
    assert len(set(found)) == 4
    assert max(map(len, found)) <= 15


def test_only_the_management_bridge_reaches_the_mirrors(site: Site) -> None:
    assert [(bridge.interface, bridge.nat) for bridge in names.bridges(site)] == [
        ("eth0", True),
        ("eth1", False),
    ]


def test_a_hub_has_no_card_on_the_provider_network(site: Site) -> None:
    cards = {
        entry: [bridge.interface for bridge in names.bridges_of(site, site.host(entry))]
        for entry in ("hub1", "node1")
    }
    assert cards == {"hub1": ["eth0"], "node1": ["eth0", "eth1"]}


def test_a_guard_route_gives_way_to_any_other(site: Site) -> None:
    assert names.guard_route(site.networks.management.cidr) == (
        "unreachable",
        "10.77.0.0/24",
        "metric",
        "4278198272",
    )


def test_a_host_has_a_static_address_and_asks_nobody_for_another(site: Site) -> None:
    assert host.files(site, site.host("ctl1"), "")["eth0"] == (
        "[Match]\nName=eth0\n\n[Network]\nAddress=10.77.0.11/24\nGateway=10.77.0.1\n"
        "DHCP=no\nLinkLocalAddressing=no\nIPv6AcceptRA=no\nConfigureWithoutCarrier=yes\n"
    )


def test_a_host_does_not_wait_at_boot_for_the_network_without_an_address(site: Site) -> None:
    text = host.files(site, site.host("node1"), "")["eth1"]
    assert "Address=" not in text
    assert text.endswith("[Link]\nRequiredForOnline=no\n")


def test_every_file_that_the_image_asks_for_is_given_by_the_host(site: Site) -> None:
    given = host.files(site, site.host("ctl1"), "")
    asked = "".join(file.read_text() for file in bake.templates().glob("*.tpl"))
    assert {name for name in given if f"user.dicos.{name}" in asked} == {
        "hosts",
        "resolv",
        "eth0",
        "eth1",
        "keys",
    }


def test_known_hosts_names_a_host_in_every_way_it_is_reached(site: Site) -> None:
    line = ssh.known_host(site, site.host("ctl1"), "ssh-ed25519 AAAA root@ctl1\n")
    assert line == "ctl1,ctl1.lab.dicos.test,10.77.0.11 ssh-ed25519 AAAA"


def test_a_network_of_another_lab_is_named(site: Site) -> None:
    management = site.networks.management.cidr
    other = network.Taken(management.supernet(), "the lab TW-OTHER")
    far = network.Taken(type(management)("192.168.0.0/24"), "the interface eth0")
    assert network.overlaps((management,), (far, other)) == ((management, other),)


def test_hosts_whose_roles_have_equal_lists_share_an_image(site: Site) -> None:
    keys = {entry.name: image.key(packages.of_host(site, entry)) for entry in site.hosts}
    assert keys["ctl1"] == keys["ctl3"] != keys["node1"] == keys["node3"] != keys["hub1"]


def test_the_cache_key_does_not_depend_on_the_order_of_packages() -> None:
    assert image.key(("a", "b")) == image.key(("b", "a")) != image.key(("a",))


def test_every_list_of_packages_is_plain_names() -> None:
    for folder in sorted((places.project_root() / "roles").iterdir()):
        for name in packages.role_packages(folder.name):
            assert "{" not in name, f"{folder.name}: {name}"


def test_a_list_with_jinja_in_it_is_refused_with_its_file(tmp_path: Path) -> None:
    file = tmp_path / "web" / "vars" / "main.yml"
    file.parent.mkdir(parents=True)
    file.write_text('__web_packages: "{{ others }}"\n')
    with pytest.raises(LabError) as refusal:
        packages.role_packages("web", tmp_path)
    assert str(refusal.value) == (
        f"__web_packages is not a list of package names\n  at:  {file}\n"
        "  fix: write plain names, without Jinja"
    )


def test_a_role_without_packages_adds_nothing(tmp_path: Path) -> None:
    assert packages.role_packages("nothing", tmp_path) == ()


def test_a_package_that_a_role_unpacks_is_in_the_image_but_not_installed(site: Site) -> None:
    listed = packages.of_host(site, site.host("ctl1"))
    command = bake.bootstrap_command(listed, Path("root"), Path("sources"))
    include = next(word for word in command if word.startswith("--include="))
    hook = next(word for word in command if "archives.sh" in word)
    assert hook.endswith('"$1" busybox-static linux-image-cloud-amd64')
    assert "linux-image" not in include
    assert not [name for name in packages.of_host(site, site.host("hub1")) if "linux-image" in name]


def test_the_preset_is_in_place_before_the_first_package(tmp_path: Path) -> None:
    command = bake.bootstrap_command(("less",), tmp_path / "root", tmp_path / "sources")
    setup = [word for word in command if word.startswith("--setup-hook")]
    assert any("system-preset" in word for word in setup)
    assert any("exit 101" in word for word in setup)


def test_the_mirrors_are_those_of_apt_and_not_of_other_vendors() -> None:
    targets = (
        "https://deb.example.com/node nodistro main\n"
        "http://mirror.example.org/ubuntu noble-security main\n"
        "http://mirror.example.org/debian/ bookworm-backports main\n"
        "http://mirror.example.org/debian/ bookworm contrib\n"
        "http://mirror.example.org/debian/ bookworm main\n"
        "http://mirror.example.org/security/ bookworm-security main\n"
    )
    assert mirrors.parse(targets) == mirrors.Mirrors(
        "http://mirror.example.org/debian", "http://mirror.example.org/security"
    )


def test_a_machine_without_debian_sources_has_no_mirror() -> None:
    assert mirrors.parse("http://mirror.example.org/ubuntu noble main\n") is None


def test_sources_without_a_security_mirror_have_one_stanza() -> None:
    assert mirrors.sources(mirrors.Mirrors("http://mirror.example.org/debian")).count("Types: deb") == 1


def test_backports_come_from_the_same_mirror_and_only_when_asked() -> None:
    assert "URIs: http://mirror.example.org/debian\nSuites: bookworm-backports\n" in install.backports(
        "bookworm", "http://mirror.example.org/debian"
    )
    assert install.preferences("bookworm").endswith("Pin-Priority: 100\n")


def test_a_full_disk_is_refused_with_what_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DICOS_LAB_DISKS", "/srv/lab")
    with pytest.raises(LabError) as refusal:
        pool.size_gib(12 << 30)
    assert str(refusal.value) == (
        "12.0 GiB are free, a lab needs 20\n  at:  /srv/lab\n"
        "  fix: free space, or set DICOS_LAB_DISKS to a folder on a bigger disk"
    )


def test_the_pool_leaves_room_for_the_machine() -> None:
    assert pool.size_gib(100 << 30) == 95


def test_the_cache_is_outside_the_project(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert image.cache() == tmp_path / "dicos-site" / "images"


@pytest.mark.parametrize("verb", ["up", "down", "stop", "status"])
def test_no_verb_of_the_lab_touches_real_servers(metal: Site, verb: str) -> None:
    with pytest.raises(LabError, match="made of real servers, not a lab"):
        getattr(lab, verb)(metal)


def test_no_fault_touches_real_servers(metal: Site) -> None:
    with pytest.raises(LabError, match="made of real servers, not a lab"):
        lab.fault(metal, "stop", metal.hosts[0].name)


def test_an_unknown_fault_names_those_that_exist(site: Site) -> None:
    with pytest.raises(UsageError, match=r"faults: stop, start, freeze"):
        lab.fault(site, "explode", "ctl1")


def test_a_fault_says_what_it_lacks(site: Site) -> None:
    with pytest.raises(UsageError, match="kill needs a unit"):
        lab.fault(site, "kill", "ctl1")


def test_a_container_that_does_not_exist_has_no_processes_and_no_memory() -> None:
    assert cgroup.unit_processes("dicos-none", "ctl1", "ssh") == ()
    assert cgroup.memory_bytes("dicos-none", "ctl1") is None


def test_the_units_of_the_image_are_sound(tmp_path: Path) -> None:
    unit = bake.templates() / "dicos-host-key.service"
    if subprocess.run(["which", "systemd-analyze"], capture_output=True, check=False).returncode:
        pytest.skip("no systemd-analyze on this machine")
    done = subprocess.run(
        ["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, check=False
    )
    assert "Unknown" not in done.stderr, done.stderr


def test_without_root_the_lab_says_so_before_anything(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(LabError, match="the lab needs root"):
        lab.up(site)
