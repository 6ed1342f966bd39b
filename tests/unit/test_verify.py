"""What the rack answers → checks; the questions themselves are asked of a real rack in tests/site."""

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.x509 import load_pem_x509_certificate

from dicos_site import description
from dicos_site.authority import make_authority
from dicos_site.model import Site
from dicos_site.places import project_root
from dicos_site.report import CODES, Check
from dicos_site.verify import (
    READING,
    STAGE_CHECKS,
    ceph,
    certificates,
    firewall,
    galera,
    hosts,
    loadbalancer,
    rabbitmq,
)
from dicos_site.verify.context import Facts, probe


@pytest.fixture(scope="module")
def site() -> Site:
    return description.read(project_root() / "inventories" / "lab")


def facts(**different: object) -> Facts:
    """Return what a host in health says, but for what is different."""
    healthy: Facts = {
        "failed": [],
        "addresses": ["10.77.0.11"],
        "chrony": ["tracking"],
        "haproxy": [],
        "haproxy_hanging": [],
        "certificates": {},
        "offset_s": 0.01,
        "offset_error_s": 0.1,
    }
    return healthy | different  # type: ignore[return-value]


def test_a_failed_unit_is_named() -> None:
    check = hosts.units("ctl1", facts(failed=["mariadb.service"]))
    assert (check.passed, check.detail) == (False, "failed: mariadb.service")


@pytest.mark.parametrize(
    ("different", "passed"),
    [({}, True), ({"offset_s": -0.55}, True), ({"offset_s": 0.7}, False), ({"chrony": []}, False)],
)
def test_a_clock_is_right_within_half_a_second_and_what_the_delay_hides(
    different: dict[str, object], passed: bool
) -> None:
    assert hosts.clock("ctl1", facts(**different)).passed is passed


def test_every_pair_of_hosts_and_every_rule_is_asked(site: Site) -> None:
    asked = firewall.probes(site, "platform")
    pairs = {(one.source, one.target) for one in asked}
    assert len(pairs) == len(site.hosts) * (len(site.hosts) - 1)
    database = {(one.source, one.may) for one in asked if one.target == "ctl1" and one.rule.name == "mariadb"}
    assert {("ctl2", True), ("ctl3", True), ("node1", False), ("hub1", False)} <= database


def answered(
    site: Site, word: str, other: Mapping[str, str] | None = None, *, strict: bool = True
) -> dict[tuple[str, str], Check]:
    """Return the checks where ports say `word` to those that may not, and `other`, by rule, to the rest."""
    asked = firewall.probes(site, "platform" if strict else "preflight")
    answers = {one: (other or {}).get(one.rule.name, "open") if one.may else word for one in asked}
    return {(check.code, check.host): check for check in firewall.judged(asked, answers, "platform")}


def test_a_firewall_that_lets_in_whom_it_must_and_nobody_else_passes(site: Site) -> None:
    assert all(check.passed for check in answered(site, "silent").values())


@pytest.mark.parametrize("word", ["open", "refused"])
def test_any_answer_to_a_host_that_may_not_connect_fails(site: Site, word: str) -> None:
    check = answered(site, word)["FIREWALL_CLOSED", "ctl1"]
    assert not check.passed
    assert "node1 can reach mariadb (3306/tcp)" in check.detail


def test_a_port_where_nobody_listens_fails_once_its_service_should(site: Site) -> None:
    strict = answered(site, "silent", {"amqps": "refused"})["FIREWALL_OPEN", "ctl1"]
    assert "ctl2 cannot reach amqps (5671/tcp), nobody listens" in strict.detail
    assert answered(site, "silent", {"amqps": "refused"}, strict=False)["FIREWALL_OPEN", "ctl1"].passed
    assert answered(site, "silent", {"galera-sst": "refused"})["FIREWALL_OPEN", "ctl1"].passed
    assert not answered(site, "silent", {"galera-sst": "silent"})["FIREWALL_OPEN", "ctl1"].passed


def test_a_member_in_a_smaller_or_lost_component_fails() -> None:
    state = {
        "wsrep_cluster_size": "2",
        "wsrep_cluster_status": "non-Primary",
        "wsrep_local_state_comment": "Initialized",
        "wsrep_ready": "OFF",
    }
    checks = {check.code: check for check in galera.member_checks("ctl1", state, 3)}
    assert [check.passed for check in checks.values()] == [False, False, False]
    assert checks["GALERA_SIZE"].detail == "sees 2 of 3 members"
    assert checks["GALERA_PRIMARY"].detail == "component is non-Primary, ready is OFF"


def test_a_cluster_of_brokers_with_a_partition_fails() -> None:
    whole: dict[str, object] = {"running_nodes": ["a", "b", "c"], "partitions": {}, "alarms": []}
    assert rabbitmq.size_check(whole, 3).passed
    assert not rabbitmq.size_check(whole | {"running_nodes": ["a", "b"]}, 3).passed
    torn = rabbitmq.size_check(whole | {"partitions": {"a": ["b"]}}, 3)
    assert (torn.passed, torn.detail) == (False, "3 of 3 brokers run; partitions reported")


def test_a_server_behind_haproxy_that_is_down_is_named() -> None:
    lines = [
        "# pxname,svname,status,check_status",
        "mariadb,FRONTEND,OPEN,",
        "mariadb,ctl1,UP,L7OK",
        "mariadb,ctl2,DOWN,L4CON",
        "mariadb,BACKEND,UP,",
    ]
    check = loadbalancer.backends("ctl1", lines, "platform")
    assert (check.passed, check.detail) == (False, "mariadb/ctl2 DOWN L4CON")
    assert loadbalancer.backends("ctl1", lines[:3], "platform").detail == "1 servers up"
    assert not loadbalancer.backends("ctl1", [], "platform").passed


def test_clients_that_a_load_balancer_left_hanging_are_named() -> None:
    hanging = [
        f"0x7f138d: proto=tcpv4 src=10.77.0.12:{port} fe=mariadb be=mariadb srv=ctl1 scf=[8,1h] exp= rc=0"
        for port in (45380, 48992)
    ]
    check = loadbalancer.sessions("ctl3", hanging)
    assert (check.passed, check.detail) == (False, "2 connections lead nowhere: 10.77.0.12 to mariadb")
    assert loadbalancer.sessions("ctl3", []).passed


def test_a_certificate_of_another_authority_or_near_its_end_is_at_fault(site: Site) -> None:
    ours, theirs = (load_pem_x509_certificate(make_authority(site)[0].encode()) for _ in range(2))
    now = datetime.now(UTC)
    assert certificates.fault(ours, ours, now) == ""
    assert certificates.fault(ours, theirs, now) == "is not from the site's CA"
    assert (
        certificates.fault(ours, ours, ours.not_valid_after_utc - timedelta(days=3, hours=1))
        == "expires in 3 days"
    )
    assert certificates.fault(ours, ours, ours.not_valid_after_utc + timedelta(days=9)).startswith(
        "expired on "
    )


def test_every_tls_port_that_always_listens_is_seen_by_a_host_that_may(site: Site) -> None:
    seen = {(one.host, one.port.name): one for one in certificates.endpoints(site, "platform")}
    assert seen["ctl1", "mariadb"].source in ("ctl2", "ctl3")
    assert seen["ctl1", "mariadb"].name == "ctl1.lab.dicos.test"
    assert seen["ctl1", "mariadb-vip"].name == "api.lab.dicos.test"
    assert ("ctl1", "galera-sst") not in seen


@pytest.fixture
def ports() -> Iterator[dict[str, int]]:
    """Yield a port where somebody listens and one where nobody does."""
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.create_server(("127.0.0.1", 0)) as other:
        closed = other.getsockname()[1]
        other.close()
        yield {"open": listener.getsockname()[1], "closed": closed}


def ran(name: str, argument: object) -> list[Any]:
    """Run a program that is sent to hosts, here."""
    command = [sys.executable, "-", json.dumps(argument)]
    done = subprocess.run(command, input=probe(name), capture_output=True, text=True, timeout=20, check=True)
    answer: list[Any] = json.loads(done.stdout)
    return answer


def test_the_probe_tells_open_refused_and_silent_apart(ports: dict[str, int]) -> None:
    targets = [
        ["127.0.0.1", ports["open"], "tcp"],
        ["127.0.0.1", ports["closed"], "tcp"],
        ["127.0.0.1", ports["closed"], "udp"],
    ]
    assert ran("connect", targets) == ["open", "refused", "refused"]


def test_the_probe_says_why_a_port_without_tls_cannot_be_trusted(site: Site, ports: dict[str, int]) -> None:
    authority, _ = make_authority(site)
    listener = socket.create_server(("127.0.0.1", 0))
    threading.Thread(
        target=lambda: listener.accept()[0].sendall(b"HTTP/1.1 400 no\r\n\r\n"), daemon=True
    ).start()
    targets = [
        ["127.0.0.1", ports["closed"], "ctl1.lab.dicos.test"],
        ["127.0.0.1", listener.getsockname()[1], "ctl1.lab.dicos.test"],
    ]
    refused, plain = ran("tls", {"authority": authority, "targets": targets})
    assert refused == {"error": "refused"}
    assert list(plain) == ["error"]
    listener.close()


def test_every_source_of_checks_is_asked_in_some_stage() -> None:
    stages = {source for sources in STAGE_CHECKS.values() for source in sources}
    assert {source.__module__ for source in READING} <= {source.__module__ for source in stages}
    assert {code.stage for code in CODES} <= set(STAGE_CHECKS)


def test_a_program_for_hosts_needs_the_standard_library_alone() -> None:
    for path in (Path(firewall.__file__).parent / "probes").glob("*.py"):
        compile(path.read_text(), str(path), "exec")
        assert "dicos_site" not in path.read_text()


@pytest.mark.parametrize(
    ("state", "settles"),
    [
        ("creating+peering", True),
        ("unknown", True),
        ("active+clean", False),
        ("active+undersized+degraded", False),
    ],
)
def test_only_groups_that_are_on_their_way_are_asked_again(state: str, settles: bool) -> None:
    groups = {
        "num_pgs": 9,
        "pgs_by_state": [{"state_name": "active+clean", "count": 8}, {"state_name": state, "count": 1}],
    }
    assert ceph.settling(groups) == settles
