"""What a run need not ask a host again, because its preflight has reported it; and what it must."""

import datetime
import os
from collections.abc import Mapping
from pathlib import Path

import pytest

import tests.modules  # noqa: F401, it lets modules find module_utils of ours; isort: skip

from dicos_site.certificate_state import fingerprint
from plugins.action.certificate import _all_good
from plugins.action.gate import chosen
from plugins.action.units import all_running
from plugins.modules.host_report import USERS, certificates, holder, running_units
from tests.unit.test_certificate import authority, pem

CA = authority()[0]
STATE = {
    "fault": "",
    "ends": (datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=300)).isoformat(),
    "names": ["api.lab.test", "ctl1.lab.test"],
    "addresses": ["10.77.0.11"],
    "key": {"owner": "mysql", "group": "mysql", "mode": "0600"},
}
ENTRY = {
    "name": "mariadb",
    "names": ["ctl1.lab.test", "api.lab.test"],
    "addresses": ["10.77.0.11"],
    "owner": "mysql",
    "group": "mysql",
}


def good(state: Mapping[str, object], **options: object) -> bool:
    reported = {"mariadb": {"issuer": fingerprint(CA), **state}}
    arguments = {"certificates": [ENTRY], "ca": pem(CA), **options}
    return _all_good(arguments, {"ansible_facts": {"host_certificates": reported}})


def test_a_certificate_that_is_reported_good_is_not_asked_for_again() -> None:
    assert good(STATE)


@pytest.mark.parametrize(
    "different",
    [
        {"fault": "its key does not fit"},
        {"issuer": "another"},
        {"ends": (datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=29)).isoformat()},
        {"names": ["ctl1.lab.test"]},
        {"addresses": []},
        {"key": {"owner": "root", "group": "mysql", "mode": "0600"}},
    ],
)
def test_any_other_certificate_is_asked_for(different: dict[str, object]) -> None:
    assert not good(STATE | different)


def test_without_a_report_or_with_options_of_its_own_a_task_asks() -> None:
    assert not _all_good({"certificates": [ENTRY], "ca": pem(CA)}, {})
    assert not good(STATE, renew_before_days=400)


def test_units_that_are_reported_running_are_not_asked_for_again() -> None:
    facts = {"host_running_units": ["ceph-radosgw@rgw.ctl1.service", "ceph.target", "haproxy.service"]}
    assert all_running(["haproxy", "ceph-radosgw@rgw.ctl1", "ceph.target"], facts)
    assert not all_running(["haproxy", "keepalived"], facts)
    assert not all_running(["haproxy"], {"host_running_units": []})
    assert not all_running(["haproxy"], {})


def test_the_stages_of_a_run_are_those_that_its_tags_name() -> None:
    assert chosen(["storage", "preflight", "platform"]) == ("platform", "storage")
    assert chosen(["all"])[-1] == "cloud"


def test_a_report_tells_what_runs_and_is_enabled() -> None:
    text = "\n\n".join(
        f"Names={names}\nActiveState={active}\nUnitFileState={enabled}\nNeedDaemonReload={reload}"
        for names, active, enabled, reload in (
            ("ssh.service sshd.service", "active", "enabled", "no"),
            ("haproxy.service", "active", "enabled", "yes"),
            ("keepalived.service", "activating", "enabled", "no"),
            ("slapd.service", "active", "disabled", "no"),
        )
    )
    assert running_units(text) == ["ssh.service", "sshd.service"]


def test_a_key_that_leads_nowhere_is_reported_without_an_owner(tmp_path: Path) -> None:
    (tmp_path / "mariadb.key").symlink_to(".mariadb/current/key.pem")
    assert certificates(tmp_path) == {"mariadb": {"fault": "there is none", "key": {}}}


# Beyond the most that Linux numbers processes.
GONE = 1 << 23


def test_a_socket_is_held_by_who_lives_though_a_child_of_it_has_gone() -> None:
    users = f'users:(("novnc",pid={GONE},fd=7),("novnc",pid={os.getpid()},fd=7))'
    name, pid, _ = holder(USERS.findall(users))
    assert (name, pid) == ("novnc", str(os.getpid()))


def test_a_socket_whose_holders_have_gone_is_nobody_s() -> None:
    assert holder([("novnc", str(GONE))]) == ("", "0", "")
    assert holder([]) == ("", "0", "")
