"""Progress → the screen: a live table on a terminal, plain lines with the elapsed time elsewhere."""

import time
from collections import Counter
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self

from dicos_site.events import Progress, StageTime
from dicos_site.presentation import error_console

if TYPE_CHECKING:
    from rich.table import Table


class Screen(Protocol):
    """Where progress is shown."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def show(self, kind: str) -> None:
        """Show what an event of that kind changed."""


def screen(progress: Progress, stages: Sequence[str], began: float) -> Screen:
    """Return the screen that fits standard error."""
    return LiveTable(progress, stages, began) if error_console().is_terminal else Lines(progress, began)


class Lines:
    """One line a stage and one a finished task."""

    def __init__(self, progress: Progress, began: float) -> None:
        self._progress, self._began = progress, began
        self._last = ("", {"": ""})

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._finish()

    def show(self, kind: str) -> None:
        """Print what has just ended or begun."""
        if kind in ("task", "stage"):
            self._finish()
        if kind == "stage":
            self._print(f"== {self._progress.stage}")
        elif kind:
            self._last = (self._progress.task, self._progress.task_hosts)

    def _finish(self) -> None:
        task, hosts = self._last
        if task and hosts:
            self._print(f"   {task}: {tally(hosts)}")
        self._last = ("", {})

    def _print(self, text: str) -> None:
        error_console().print(f"{time.monotonic() - self._began:7.1f} s {text}", markup=False)


class LiveTable:
    """A table of stages, redrawn in place, with the task that runs and the hosts that have done it."""

    def __init__(self, progress: Progress, stages: Sequence[str], began: float) -> None:
        from rich.live import Live

        self._progress, self._stages, self._began = progress, stages, began
        self._live = Live(console=error_console(), get_renderable=self._table, refresh_per_second=4)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def show(self, kind: str) -> None:
        """Nothing is to be done: the table draws itself four times a second."""

    def _table(self) -> "Table":
        from rich.table import Table

        table = Table.grid(padding=(0, 2))
        known = {one.stage: one for one in self._progress.stages}
        for stage in self._stages:
            table.add_row(*self._row(stage, known.get(stage)))
        return table

    def _row(self, stage: str, times: StageTime | None) -> tuple[str, str, str]:
        if times is None:
            return f"[dim]{stage}[/]", "", ""
        seconds = f"{(times.ended or time.monotonic()) - times.began:.0f} s"
        if times.ended:
            return f"[green]{stage}[/]", seconds, "done"
        return (
            f"[bold]{stage}[/]",
            seconds,
            f"{self._progress.task}  [dim]{tally(self._progress.task_hosts)}[/]",
        )


def tally(hosts: dict[str, str]) -> str:
    """Return for example "5 ok, 2 changed (ctl1 ctl2)"; hosts are named where something is not just ok."""
    groups = Counter(hosts.values())
    parts = []
    for outcome, count in groups.items():
        names = (
            "" if outcome == "ok" else f" ({' '.join(sorted(h for h, o in hosts.items() if o == outcome))})"
        )
        parts.append(f"{count} {outcome}{names}")
    return ", ".join(parts)
