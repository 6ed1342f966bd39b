"""A fresh rack becomes a site with one command, and stays what it is when the command is run again."""

import re

import pytest

from dicos_site.model import KINDS
from dicos_site.placement import SERVICE_NAMES
from dicos_site.report import CODES
from tests.rack import Outcome, Rack, execute

RECAP = re.compile(r"^(\S+)\s+: ok=(\d+)\s+changed=(\d+)\s+unreachable=(\d+)\s+failed=(\d+)", re.MULTILINE)


def test_a_fresh_rack_is_deployed_by_one_command(rack: Rack, deployment: Outcome | None) -> None:
    if deployment is None:
        pytest.skip("DICOS_TEST_RACK was deployed before")
    assert deployment.code == 0, str(deployment)


def test_every_service_does_its_work(rack: Rack) -> None:
    report = rack.run("verify", "{site}", "--json", check=False).json()
    failed = [check for check in report["checks"] if not check["passed"]]
    assert not failed
    assert report["passed"] is True
    assert {check["code"] for check in report["checks"]} >= {code.name for code in CODES}


def test_a_second_deployment_changes_nothing(rack: Rack) -> None:
    assert rack.run("deploy", "{site}", "--json").json()["changed"] == 0


def test_check_mode_runs_through_and_would_change_nothing(rack: Rack) -> None:
    outcome = execute(["ansible-playbook", "-i", str(rack.folder), "site.yml", "--check"], 900)
    assert outcome.code == 0, str(outcome)
    recap = {
        host: (int(changed), int(failed)) for host, _, changed, _, failed in RECAP.findall(outcome.stdout)
    }
    assert {host.name for host in rack.site.hosts} <= set(recap), str(outcome)
    assert set(recap.values()) == {(0, 0)}, str(outcome)


def test_plain_ansible_sees_the_same_rack(rack: Rack) -> None:
    outcome = execute(["ansible-inventory", "-i", str(rack.folder), "--graph"], 60)
    assert outcome.code == 0, str(outcome)
    assert {f"@{group}:" for group in (*KINDS, *SERVICE_NAMES)} <= set(re.findall(r"@\w+:", outcome.stdout))
    assert {host.name for host in rack.site.hosts} <= set(
        re.findall(r"--(\w+)$", outcome.stdout, re.MULTILINE)
    )
