"""A tenant's visit: what is decided from what the cloud, the guest and the pings say."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from dicos_site.errors import UnreachableError
from dicos_site.verify import STAGE_CHECKS, tenant
from dicos_site.verify.probes.ping import checksum
from dicos_site.verify.probes.ping import judged as pings_judged
from dicos_site.verify.probes.port import judged as port_judged
from dicos_site.verify.tenant import longest_silence
from dicos_site.verify.visit import program, steps
from dicos_site.verify.visiting.pages import fields


def test_each_line_is_a_step() -> None:
    lines = [{"step": "active", "seconds": 21.3}, {"step": "ready", "seconds": 4.0}]
    found = steps("\n".join(map(json.dumps, lines)), "", "ctl1")
    assert {name: step["seconds"] for name, step in found.items()} == {"active": 21.3, "ready": 4.0}


def test_a_step_that_failed_is_told_with_its_reason() -> None:
    text = '{"step": "active", "seconds": 1}\n{"error": "ready: the guest says its address not within 180 s"}'
    with pytest.raises(UnreachableError) as refusal:
        steps(text, "", "ctl1")
    assert str(refusal.value) == (
        "ready: the guest says its address not within 180 s\n"
        "  at:  ctl1\n"
        "  fix: see docs/runbooks/CLOUD_TENANT.md"
    )


def test_a_step_that_failed_is_told_with_what_its_host_knows() -> None:
    text = json.dumps({"error": "ready: no address", "host": "node1", "mac": "fa:16:3e:00:00:01"})
    with pytest.raises(UnreachableError, match="ready: no address; asked node1"):
        steps(text, "", "ctl1", lambda failed: f"; asked {failed['host']}")


def test_a_port_is_judged_by_its_switch_and_its_controller() -> None:
    switch = "tap1\n7\nup\n\ncollisions=0 rx_bytes=5000 rx_packets=41 tx_packets=9\n"
    journal = (
        "Claiming lport 1\n1: Claiming fa:16:3e:00:00:01\n" + "DHCPOFFER fa:16:3e:00:00:01 10.0.0.2\n" * 3
    )
    assert port_judged(switch, journal) == {
        "interface": "tap1 7 up",
        "received": 41,
        "offers": 3,
        "acks": 0,
        "claimed": 2,
    }


def test_a_port_that_is_not_on_the_switch_has_no_interface() -> None:
    assert port_judged("", "") == {"interface": "", "received": 0, "offers": 0, "acks": 0, "claimed": 0}


def test_a_program_that_died_is_told_with_its_last_words() -> None:
    with pytest.raises(UnreachableError, match="ctl1: Killed"):
        steps("", "Killed\n", "ctl1")


def test_the_fields_of_a_form_are_found_by_their_names() -> None:
    page = """<form><input type="hidden" name="csrfmiddlewaretoken" value="t0ken"><input
        type='text' name='username' autofocus><input type="submit"></form>"""
    assert fields(page) == {"csrfmiddlewaretoken": "t0ken", "username": ""}


def test_pings_count_from_the_first_answer() -> None:
    found = pings_judged({0: 10.0, 1: 10.2, 2: 10.4, 3: 10.6}, {1: 10.3, 3: 10.65})
    assert found == {"first": 10.3, "sent": 3, "lost": [10.4]}


def test_an_answer_that_comes_too_late_is_lost() -> None:
    found = pings_judged({0: 10.0, 1: 10.2}, {0: 10.1, 1: 11.3})
    assert found == {"first": 10.1, "sent": 2, "lost": [10.2]}


def test_pings_that_are_never_answered_have_no_first() -> None:
    assert pings_judged({0: 10.0}, {}) == {"first": None, "sent": 0, "lost": []}


def test_the_checksum_of_a_packet_makes_its_sum_zero() -> None:
    packet = bytes.fromhex("0800000012340001")
    assert checksum(packet[:2] + checksum(packet).to_bytes(2, "big") + packet[4:]) == 0


def test_a_silence_is_a_row_of_lost_pings() -> None:
    assert longest_silence([]) == 0
    assert longest_silence([100.0, 105.0, 105.2, 105.4]) == pytest.approx(0.6)


def test_a_visit_is_verified_and_no_part_of_status() -> None:
    from dicos_site.verify import READING

    assert tenant.checks in STAGE_CHECKS["cloud"]
    assert tenant.checks not in READING


def test_the_program_is_whole_when_it_arrives_on_a_host(tmp_path: Path) -> None:
    """Only the two libraries that the host has are there, and nothing of this project."""
    for name, content in {
        "openstack/__init__.py": "from openstack import exceptions\nconnect = None\n",
        "openstack/exceptions.py": "class SDKException(Exception): pass\n",
        "openstack/connection.py": "class Connection: pass\n",
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content)
    source = f'{program()}\nmain(\'{{"actions": ["no such"]}}\')\n'
    import cryptography

    libraries = f"{tmp_path}:{Path(cryptography.__file__).parents[1]}"
    done = subprocess.run(
        [sys.executable, "-I", "-c", f"import sys; sys.path[:0] = {libraries.split(':')!r}\n{source}"],
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
    )
    assert json.loads(done.stdout) == {"error": "'no such'"}, done.stderr
    assert done.returncode == 1
