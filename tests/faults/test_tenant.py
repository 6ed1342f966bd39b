"""The cloud under faults: APIs keep answering, machines come back, and a boot that is hit does not hang."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from dicos_site.errors import UnreachableError
from dicos_site.verify.visit import Steps
from tests.rack import PROJECT, Rack
from tests.tenant import Tenant, tenant

HEALING_S = 300
# How long a controller is away, and how often each API may fail meanwhile: the VIP moves, HAProxy takes the
# member out, and what the dying controller had taken is lost.
ASKED_S, AWAY_S = 120, 60
MAX_FAILED = 12
MAX_SILENT_S = 30
# A machine answers pings again this long after it was started anew.
ANSWER_S = 120
# When a boot is under way: nova has chosen a host, the machine is not active yet.
UNDER_WAY_S = 4
UNITS = ("nova-api", "nova-conductor", "neutron-api", "keystone", "haproxy", "rabbitmq-server")


@pytest.mark.units(*UNITS)
def test_each_api_keeps_answering_while_a_controller_is_away(healthy: Rack) -> None:
    first, second, _ = healthy.hosts("controller")
    with ThreadPoolExecutor(1) as pool:
        answers = pool.submit(ask_apis, healthy, second, ASKED_S)
        time.sleep(10)
        healthy.run("lab", "fault", "stop", first, "--site", "{site}")
        time.sleep(AWAY_S)
        healthy.run("lab", "fault", "start", first, "--site", "{site}")
        found = answers.result()
    worst = {
        service: answer
        for service, answer in found.items()
        if answer["failed"] > MAX_FAILED or answer["longest_s"] > MAX_SILENT_S
    }
    assert not worst, found
    assert min(answer["asked"] for answer in found.values()) > MAX_FAILED, found
    # Its services and agents are asked by name.
    assert healthy.wait_until_healthy(HEALING_S) == []


@pytest.mark.units("nova-compute", "ovn-controller", "nova-conductor")
def test_a_machine_whose_host_is_gone_is_started_elsewhere_and_answers(healthy: Rack) -> None:
    with tenant(healthy) as she:
        host = str(she.boot()["active"]["host"])
        healthy.run("lab", "fault", "stop", host, "--site", "{site}")
        try:
            moved = she.run("evacuate")["evacuated"]
            answered_s = she.seconds_until_ping(ANSWER_S)
        finally:
            healthy.run("lab", "fault", "start", host, "--site", "{site}")
            she.run("readmit", host=host)
        assert moved["source"] == host
        assert moved["target"] != host
        assert answered_s < ANSWER_S
    assert healthy.wait_until_healthy(HEALING_S) == []


@pytest.mark.units("nova-compute")
def test_a_boot_that_loses_nova_compute_ends_and_the_next_one_succeeds(healthy: Rack) -> None:
    with tenant(healthy) as she:
        # It is active, or in error: it does not hang until the deadline.
        _, reason = boot_under_fault(healthy, she, "kill-all", "nova-compute")
        assert "not within" not in reason, reason
    assert healthy.wait_until_healthy(HEALING_S) == []
    with tenant(healthy) as she:
        assert "ready" in she.boot()


@pytest.mark.units("ovn-controller")
def test_a_boot_that_loses_ovn_controller_succeeds(healthy: Rack) -> None:
    with tenant(healthy) as she:
        steps, reason = boot_under_fault(healthy, she, "kill-all", "ovn-controller")
        assert "ready" in steps, reason
        assert she.seconds_until_ping(ANSWER_S) < ANSWER_S


@pytest.mark.units("rabbitmq-server", "nova-conductor", "nova-compute", "ovn-controller", "ovs-vswitchd")
def test_a_boot_that_loses_a_broker_succeeds(healthy: Rack) -> None:
    broker = healthy.hosts("controller")[0]
    with tenant(healthy) as she:
        steps, reason = boot_under_fault(healthy, she, "kill", broker, "rabbitmq-server")
        assert "ready" in steps, reason


def boot_under_fault(rack: Rack, she: Tenant, *fault: str) -> tuple[Steps, str]:
    """Boot a machine, break something meanwhile; return the steps, or none and why it did not come up."""
    with ThreadPoolExecutor(1) as pool:
        booting = pool.submit(she.boot)
        time.sleep(UNDER_WAY_S)
        rack.run("lab", "fault", *fault, "--site", "{site}")
        try:
            return booting.result(), ""
        except UnreachableError as error:
            return {}, str(error)


def ask_apis(rack: Rack, host: str, seconds: float) -> dict[str, dict[str, Any]]:
    """Return what tests/asking.py says on a host."""
    source = (PROJECT / "tests" / "asking.py").read_text()
    result = rack.script(host, source, f"{seconds:g}", timeout_s=seconds + 90)
    assert result.code == 0, result.stderr
    found: dict[str, dict[str, Any]] = json.loads(result.stdout)
    return found
