"""Report → the health of a site: what is wrong, how bad, and which page says what to do. Pure."""

from dataclasses import asdict
from datetime import datetime

from dicos_site.report import Check, Report, runbook, severity

OK, WARNING, CRITICAL = "OK", "WARNING", "CRITICAL"


def health(report: Report) -> str:
    """Return the worst severity among the failed checks: "OK", "WARNING" or "CRITICAL"."""
    failed = {severity(check.code) for check in report.checks if not check.passed}
    if "critical" in failed or not report.checks:
        return CRITICAL
    return WARNING if failed else OK


def worst_first(report: Report) -> tuple[Check, ...]:
    """Return the failed checks, the critical ones first."""
    failed = [check for check in report.checks if not check.passed]
    return tuple(sorted(failed, key=lambda check: severity(check.code) != "critical"))


def as_json(report: Report, moment: datetime) -> dict[str, object]:
    """Return what `status --json` prints.

    Shape: that of `verify --json` with "health", "time", and "severity" and "runbook" in each check.
    """
    checks = [
        asdict(check) | {"severity": severity(check.code), "runbook": runbook(check.code)}
        for check in report.checks
    ]
    return {
        "site": report.site,
        "health": health(report),
        "passed": report.passed,
        "time": moment.isoformat(timespec="seconds"),
        "seconds": report.seconds,
        "checks": checks,
    }
