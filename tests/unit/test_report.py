"""Checks → a report, its JSON, and a runbook for every code."""

from dicos_site import report


def test_every_code_has_a_runbook_and_every_runbook_a_code() -> None:
    assert report.pages() == {code.name for code in report.CODES}


def test_a_report_passes_when_all_its_checks_do() -> None:
    good, bad = (
        report.check("VIP_HELD", "", True, "held"),
        report.check("GALERA_SIZE", "ctl1", False, "2 of 3"),
    )
    assert report.make_report("TW-LAB", [good], 1.0).passed
    assert not report.make_report("TW-LAB", [good, bad], 1.0).passed


def test_a_report_without_any_check_has_not_passed() -> None:
    assert not report.make_report("TW-LAB", [], 0.1).passed


def test_checks_come_in_the_order_of_the_codes_then_of_the_hosts() -> None:
    checks = [
        report.check("GALERA_SIZE", "ctl2", True, ""),
        report.check("GALERA_SIZE", "ctl1", True, ""),
        report.check("HOST_CLOCK", "hub1", True, ""),
    ]
    order = [(one.code, one.host) for one in report.make_report("TW-LAB", checks, 1.0).checks]
    assert order == [("HOST_CLOCK", "hub1"), ("GALERA_SIZE", "ctl1"), ("GALERA_SIZE", "ctl2")]


def test_the_json_of_a_report_is_what_the_design_says() -> None:
    one = report.check("GALERA_SIZE", "ctl1", False, "sees 2 of 3 members")
    assert report.as_json(report.make_report("TW-LAB", [one], 2.345)) == {
        "site": "TW-LAB",
        "passed": False,
        "seconds": 2.35,
        "checks": (
            {
                "code": "GALERA_SIZE",
                "stage": "platform",
                "host": "ctl1",
                "passed": False,
                "detail": "sees 2 of 3 members",
                "seconds": 0.0,
            },
        ),
    }
