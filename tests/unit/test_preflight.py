"""Reports of hosts → every problem that would stop a deployment."""

from pathlib import Path

import pytest

from dicos_site import description
from dicos_site.model import Site
from dicos_site.preflight import Answer, HostReport, Silence, Socket, problems, questions, report_of
from dicos_site.variables.storage import osd_uuid
from plugins.modules.host_report import disk, osds

RACK = """
site: TW-LAB
domain: lab.dicos.test
release: "2026.11"
replicas: 1
networks:
  management: {cidr: 10.77.0.0/24, gateway: 10.77.0.1, vip: 10.77.0.10}
hosts:
  ctl1: {kind: controller, address: 10.77.0.11}
  ctl2: {kind: controller, address: 10.77.0.12}
  ctl3: {kind: controller, address: 10.77.0.13}
  hub1: {kind: hub, address: 10.77.0.31, disks: [{device: /dev/disk/by-id/one}]}
"""


@pytest.fixture
def site() -> Site:
    return description.parse(RACK)


def fit(number: int, **different: object) -> HostReport:
    """Return the report of a host without any problem, but for what is different."""
    fields: dict[str, object] = {
        "time": 1000.5,
        "asked": 1000.0,
        "answered": 1001.0,
        "os": "debian 13",
        "user_id": 0,
        "peer": "10.77.0.1",
        "cores": 8,
        "memory_mib": 8000,
        "free_mib": {"/": 20_000, "/var": 20_000},
        "addresses": (f"10.77.0.{number}/24",),
        "macs": (f"02:00:00:00:00:{number}",),
        "listening": (
            Socket(protocol="tcp", address="*", port=22, process="sshd", pid=7, unit="ssh.service"),
        ),
    }
    return HostReport.model_validate(fields | different)


def answers(**different: Answer) -> dict[str, Answer]:
    """Return the answers of a rack that can be deployed, but for what is different."""
    return {"ctl1": fit(11), "ctl2": fit(12), "ctl3": fit(13), "hub1": fit(31)} | different


def text(site: Site, **different: Answer) -> str:
    """Return what preflight says of a rack."""
    return "\n".join(map(str, problems(site, answers(**different))))


def test_a_rack_of_fit_hosts_has_no_problem(site: Site) -> None:
    assert problems(site, answers()) == []


def test_every_problem_of_every_host_is_named_at_once(site: Site) -> None:
    found = problems(
        site, answers(ctl1=fit(11, os="ubuntu 24.04", memory_mib=100), ctl3=fit(13, user_id=1000))
    )
    assert [problem.where for problem in found] == [
        "ctl1 (10.77.0.11)",
        "ctl1 (10.77.0.11)",
        "ctl3 (10.77.0.13)",
    ]


def test_another_operating_system_is_refused(site: Site) -> None:
    assert text(site, hub1=fit(31, os="ubuntu 24.04")) == (
        "hub1 runs ubuntu 24.04, not debian 13\n"
        "  at:  hub1 (10.77.0.31)\n"
        "  fix: install Debian 13 (trixie) on it"
    )


def test_a_clock_is_judged_by_the_moments_around_its_answer(site: Site) -> None:
    assert text(site, ctl1=fit(11, time=1002.9)) == ""
    assert text(site, ctl1=fit(11, time=998.1)) == ""
    assert text(site, ctl1=fit(11, time=1031.0)) == (
        "the clock of ctl1 is 30 s ahead of the controller's (at most 2 s are allowed)\n"
        "  at:  ctl1 (10.77.0.11)\n"
        "  fix: set the clock of the one that is wrong: `chronyc makestep`, or `date -s`"
    )
    assert "the clock of ctl1 is 3600 s behind the controller's" in text(site, ctl1=fit(11, time=-2600.0))


def test_a_port_that_another_program_holds_is_named_with_it(site: Site) -> None:
    taken = Socket(protocol="tcp", address="*", port=3306, process="mysqld", pid=99, unit="mysql.service")
    assert text(site, ctl2=fit(12, listening=(taken, taken))) == (
        "port 3306/tcp of ctl2 is held by mysqld (process 99, mysql.service); "
        "loadbalancer and mariadb need it\n"
        "  at:  ctl2 (10.77.0.12)\n"
        "  fix: stop it: `systemctl disable --now mysql.service`"
    )


@pytest.mark.parametrize(
    "harmless",
    [
        Socket(protocol="tcp", address="127.0.0.1", port=3306, process="mysqld", pid=99),
        Socket(protocol="tcp", address="::", port=8000, process="python3", pid=99),
        Socket(
            protocol="tcp", address="10.77.0.12", port=3306, process="mariadbd", pid=9, unit="mariadb.service"
        ),
    ],
)
def test_a_port_that_no_service_needs_or_its_own_service_holds_is_no_problem(
    site: Site, harmless: Socket
) -> None:
    assert text(site, ctl2=fit(12, listening=(harmless,))) == ""


def test_a_port_that_an_osd_of_the_host_holds_is_no_problem(site: Site) -> None:
    own = Socket(protocol="tcp", address="*", port=6832, process="ceph-osd", pid=9, unit="ceph-osd@4.service")
    assert text(site, hub1=fit(31, listening=(own,))) == ""


def test_a_disk_that_carries_something_is_refused_before_anything_changes(site: Site) -> None:
    used = {"/dev/disk/by-id/one": {"signs": ["gpt", "ext4"]}}
    assert text(site, hub1=fit(31, disks=used)) == (
        "the disk /dev/disk/by-id/one of hub1 carries gpt, ext4\n"
        "  at:  hosts.hub1.disks[0]\n"
        "  fix: write `wipe: true` at that disk if all on it may be destroyed; else name another disk"
    )


def test_a_disk_that_may_be_wiped_or_has_its_own_osd_is_no_problem(site: Site) -> None:
    used = {"/dev/disk/by-id/one": {"signs": ["gpt", "ext4"]}}
    willing = description.parse(RACK.replace("by-id/one}", "by-id/one, wipe: true}"))
    assert text(willing, hub1=fit(31, disks=used)) == ""
    host = site.host("hub1")
    own = {"signs": ["LVM2_member"], "osds": [osd_uuid(site, host, 0, host.disks[0])]}
    assert text(site, hub1=fit(31, disks={"/dev/disk/by-id/one": own})) == ""


def test_the_osd_on_a_disk_is_known_by_its_volume() -> None:
    names = "NAME\nsdb\nceph--1-osd--block--fe2dbd84--a5eb--5d67--b67e--7ee63bf1a1d5\nsdc\nsdc1\n"
    assert osds(names) == ["fe2dbd84-a5eb-5d67-b67e-7ee63bf1a1d5"]


def test_what_a_disk_carries_is_read_from_it(tmp_path: Path) -> None:
    image = tmp_path / "disk"
    image.write_bytes(bytes(1 << 20))
    assert disk(str(image))["signs"] == []
    # A swap area's signature is at the end of its first page, mkswap(8).
    version, last_page = (1).to_bytes(4, "little"), (256).to_bytes(4, "little")
    header = bytes(1024) + version + last_page
    image.write_bytes(header + bytes(4086 - len(header)) + b"SWAPSPACE2" + bytes(1 << 20))
    assert disk(str(image))["signs"] == ["swap"]


def test_a_vip_that_a_stranger_has_is_refused(site: Site) -> None:
    assert text(site, ctl1=fit(11, answering_macs=("02:aa:aa:aa:aa:aa",))) == (
        "the VIP 10.77.0.10 is already taken on the network, by 02:aa:aa:aa:aa:aa\n"
        "  at:  networks.management.vip\n"
        "  fix: take another free address for the VIP in rack.yml, or remove that machine's"
    )


def test_a_vip_that_a_load_balancer_of_the_site_has_is_no_problem(site: Site) -> None:
    holder = fit(12, addresses=("10.77.0.12/24", "10.77.0.10/24"))
    assert text(site, ctl2=holder, ctl1=fit(11, answering_macs=("02:00:00:00:00:12",))) == ""


def test_a_vip_on_a_host_that_is_no_load_balancer_is_refused(site: Site) -> None:
    found = text(site, hub1=fit(31, addresses=("10.77.0.31/24", "10.77.0.10/24")))
    assert found.startswith("the VIP 10.77.0.10 is an address of hub1, which is no load balancer")


def test_space_is_demanded_by_kind_and_more_where_packages_are_missing(site: Site) -> None:
    small = {"/": 9_000, "/var": 5_000}
    assert text(site, ctl1=fit(11, free_mib=small)) == ""
    found = text(site, ctl1=fit(11, free_mib=small, missing_packages=("slapd",)))
    assert found.startswith("ctl1 has 5000 MiB free in /var; a controller needs 7168 MiB")


def test_two_names_of_one_machine_are_refused(site: Site) -> None:
    found = text(site, ctl2=fit(12, macs=("02:00:00:00:00:11",)))
    assert found.startswith("ctl1 and ctl2 are the same machine\n  at:  ctl1 (10.77.0.11), ctl2 (10.77.0.12)")


def test_an_address_that_the_host_does_not_have_or_has_otherwise_is_refused(site: Site) -> None:
    assert text(site, ctl1=fit(11, addresses=("192.168.1.5/24",))).startswith(
        "ctl1 answers at 10.77.0.11 but does not have that address itself"
    )
    assert text(site, ctl1=fit(11, addresses=("10.77.0.11/16",))).startswith(
        "ctl1 has 10.77.0.11/16, but the management network is 10.77.0.0/24"
    )


def test_a_controller_that_the_firewall_would_shut_out_is_refused(site: Site) -> None:
    assert text(site, ctl1=fit(11, peer="192.168.7.9")) == (
        "this machine reaches ctl1 from 192.168.7.9, which its firewall will refuse\n"
        "  at:  ctl1 (10.77.0.11)\n"
        "  fix: deploy from a machine in 10.77.0.0/24"
    )


def test_a_missing_disk_and_a_mirror_out_of_reach_are_refused(site: Site) -> None:
    report = fit(
        31, missing_devices=("/dev/disk/by-id/one",), missing_packages=("chrony",), silent_mirrors=("m:80",)
    )
    found = text(site, hub1=report)
    assert "hub1 has no disk /dev/disk/by-id/one" in found
    assert "hub1 lacks 1 packages and cannot reach their mirror m:80" in found


@pytest.mark.parametrize(
    ("result", "said"),
    [
        ({"unreachable": True, "msg": "Connection timed out"}, "ctl1 does not answer: Connection timed out"),
        ({"msg": "Task failed: Missing sudo password"}, "root cannot become root on ctl1"),
        (
            {"rc": 127, "module_stderr": "/bin/sh: 1: /usr/bin/python3: not found"},
            "ctl1 has no Python",
        ),
        ({"msg": "disk I/O error"}, "ctl1 cannot be examined: disk I/O error"),
        ({}, "ctl1 does not answer: no answer"),
    ],
)
def test_a_host_without_a_report_says_why(site: Site, result: dict[str, object], said: str) -> None:
    assert text(site, ctl1=report_of(result)).splitlines()[0] == said


def test_a_registered_result_becomes_a_report() -> None:
    content = fit(11).model_dump()
    moments = {name: content.pop(name) for name in ("asked", "answered")}
    assert report_of({"report": content, "changed": False} | moments) == fit(11)
    assert isinstance(report_of({"unreachable": True}), Silence)


def test_only_load_balancers_ask_the_network_for_the_vip(site: Site) -> None:
    asked = {host.name: questions(site, host) for host in site.hosts}
    assert [name for name, question in asked.items() if question["address_to_probe"]] == [
        "ctl1",
        "ctl2",
        "ctl3",
    ]
    assert asked["hub1"]["devices"] == ["/dev/disk/by-id/one"]
    packages = asked["ctl1"]["packages"]
    assert isinstance(packages, list)
    assert {"chrony", "haproxy", "slapd"} <= set(packages)
