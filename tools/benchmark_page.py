"""Measurements → docs/benchmarks.md; what people wrote below the notes' heading stays."""

import os
import platform
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

PAGE = Path(__file__).resolve().parent.parent / "docs" / "benchmarks.md"
NOTES = "## Notes\n"
HEAD = """# Benchmarks

Made by `make bench`. Cold is without image cache; short times are medians of {repetitions}.

{machine}

| what | bar | here | | command |
|---|---|---|---|---|
"""


@dataclass(frozen=True)
class Row:
    """One measurement: `limit` is None where there is no bar; both in `unit`."""

    what: str
    value: float
    limit: float | None
    unit: str
    command: str

    def __str__(self) -> str:
        bar = "" if self.limit is None else f"{self.limit:g} {self.unit}"
        mark = "" if self.limit is None else "ok" if self.value <= self.limit else "**missed**"
        digits = 2 if self.value < 10 else 1 if self.value < 100 else 0
        return f"| {self.what} | {bar} | {self.value:.{digits}f} {self.unit} | {mark} | {self.command} |\n"


def write(rows: list[Row], repetitions: int) -> None:
    """Write the page; the notes of the old one are kept."""
    old = PAGE.read_text() if PAGE.exists() else ""
    notes = old.partition(NOTES)[2] if NOTES in old else "\n"
    head = HEAD.format(machine=machine(), repetitions=repetitions)
    PAGE.write_text(head + "".join(map(str, rows)) + f"\n{NOTES}{notes}")


def machine() -> str:
    """Return this machine in one line: date, cores, memory, system, kernel."""
    memory_gib = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    system = platform.freedesktop_os_release()["PRETTY_NAME"]
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores, {memory_gib:.0f} GiB, {system}, "
        f"kernel {platform.release()}, Python {platform.python_version()}"
    )
