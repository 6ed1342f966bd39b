"""A report → the health of a site."""

from datetime import UTC, datetime

import pytest

from dicos_site import report, status

GOOD = report.check("VIP_HELD", "", True, "held by ctl1")
CLOCK = report.check("HOST_CLOCK", "hub1", False, "+3.00 s")
GALERA = report.check("GALERA_PRIMARY", "ctl1", False, "component is non-Primary")


@pytest.mark.parametrize(
    ("checks", "worst"),
    [
        ([GOOD], "OK"),
        ([GOOD, CLOCK], "WARNING"),
        ([CLOCK, GALERA], "CRITICAL"),
        ([], "CRITICAL"),
    ],
)
def test_a_site_is_as_healthy_as_its_worst_check(checks: list[report.Check], worst: str) -> None:
    assert status.health(report.make_report("TW-LAB", checks, 1.0)) == worst


def test_what_is_critical_comes_first() -> None:
    made = report.make_report("TW-LAB", [CLOCK, GOOD, GALERA], 1.0)
    assert status.worst_first(made) == (GALERA, CLOCK)


def test_each_check_has_its_severity_and_its_runbook() -> None:
    made = report.make_report("TW-LAB", [GALERA], 1.0)
    shown = status.as_json(made, datetime(2026, 11, 23, 1, 2, 3, tzinfo=UTC))
    assert shown == {
        "site": "TW-LAB",
        "health": "CRITICAL",
        "passed": False,
        "time": "2026-11-23T01:02:03+00:00",
        "seconds": 1.0,
        "checks": [
            {
                "code": "GALERA_PRIMARY",
                "stage": "platform",
                "host": "ctl1",
                "passed": False,
                "detail": "component is non-Primary",
                "seconds": 0.0,
                "severity": "critical",
                "runbook": "docs/runbooks/GALERA_PRIMARY.md",
            }
        ],
    }
