"""Report → tables for people."""

from collections import defaultdict
from collections.abc import Iterable
from typing import TYPE_CHECKING

from dicos_site.report import Check, Report, runbook, severity
from dicos_site.status import CRITICAL, health, worst_first

if TYPE_CHECKING:
    from rich.console import JustifyMethod
    from rich.table import Table


def verification(report: Report) -> "Table":
    """Return one line a code of what passed."""
    table = _table("", "code", "host", "what was measured", "s")
    by_code: dict[tuple[str, str], list[Check]] = defaultdict(list)
    for check in report.checks:
        if check.passed:
            by_code[check.stage, check.code].append(check)
    for (_, code), checks in by_code.items():
        seconds = max(check.seconds for check in checks)
        table.add_row("[green]ok[/]", code, _hosts(checks), _detail(checks), f"{seconds:.1f}")
    return table


def failures(report: Report) -> str:
    """Return each failed check with its runbook, ready for a terminal."""
    return "\n".join(map(_failure, worst_first(report)))


def summary(report: Report) -> str:
    """Return the last line of a verification."""
    failed = sum(1 for check in report.checks if not check.passed)
    if report.passed:
        return f"{report.site}: all {len(report.checks)} checks passed in {report.seconds:.1f} s"
    return f"{report.site}: {failed} of {len(report.checks)} checks failed in {report.seconds:.1f} s"


def condition(report: Report) -> "Table":
    """Return what is wrong now, worst first; a site in health has one line."""
    worst = health(report)
    colour = {"OK": "green", CRITICAL: "red"}.get(worst, "yellow")
    table = _table("severity", "code", "host", "what was measured")
    table.title = (
        f"{report.site}: [{colour}]{worst}[/]  ({len(report.checks)} checks in {report.seconds:.1f} s)"
    )
    for check in worst_first(report):
        table.add_row(severity(check.code), check.code, check.host or "site", _escaped(check.detail))
    if worst_first(report):
        table.caption = f"what each code means and how to mend it: {runbook('CODE')}"
    else:
        table.add_row("ok", "all", "site", f"{len(report.checks)} checks passed")
    return table


def _failure(check: Check) -> str:
    where = check.host or "site"
    return f"[red]FAILED[/] {check.code} {where}: {_escaped(check.detail)}\n  → {runbook(check.code)}"


def _table(*columns: str) -> "Table":
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, title_justify="left", caption_justify="left")
    for column in columns:
        justify: JustifyMethod = "right" if column == "s" else "left"
        table.add_column(column, justify=justify, overflow="fold", no_wrap=column != "what was measured")
    return table


def _hosts(checks: Iterable[Check]) -> str:
    names = [check.host for check in checks if check.host]
    return "site" if not names else names[0] if len(names) == 1 else f"{len(names)} hosts"


def _detail(checks: list[Check]) -> str:
    return (
        _escaped(checks[0].detail)
        if len({check.detail for check in checks}) == 1 or len(checks) == 1
        else "all passed"
    )


def _escaped(text: str) -> str:
    from rich.markup import escape

    return escape(text)
