"""Events of ansible-runner → what happened: stages, tasks, counts and failures. No files, no network."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import cast

from dicos_site.errors import Problem
from dicos_site.stages import STAGES, stage_of_play

Data = Mapping[str, object]
COUNTS = ("ok", "changed", "failed", "unreachable")
# A unit's name, but not a folder or a file of that name.
# Of a command that failed, the last lines say why.
REASON_LINES = 10
_UNIT = re.compile(r"(?<![/\w.-])([A-Za-z0-9@_-][A-Za-z0-9@_.-]*\.(?:service|socket|timer))(?![\w./-]\w)")
_STARTED = re.compile(r"Unable to (?:start|restart|reload|stop) service ([A-Za-z0-9@_.-]+):")
_OUTCOMES = {
    "runner_on_ok": "ok",
    "runner_on_failed": "failed",
    "runner_on_unreachable": "unreachable",
    "runner_on_async_failed": "failed",
}


@dataclass(frozen=True)
class Failure:
    """A task that failed on a host; `unit` is the systemd unit that the reason names, or empty."""

    stage: str
    host: str
    task: str
    place: str
    reason: str
    unit: str = ""
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True)
class Change:
    """A task that changed something on a host, and what, where the task tells: files, or words."""

    stage: str
    host: str
    task: str
    what: tuple[str, ...] = ()


@dataclass
class StageTime:
    """A stage that began; moments of the caller's clock, `ended` is 0 while it runs."""

    stage: str
    began: float
    ended: float = 0.0


@dataclass
class Progress:
    """What a running deployment has come to; `take` is fed with its events in order."""

    stages: list[StageTime] = field(default_factory=list)
    task: str = ""
    tasks: int = 0
    task_hosts: dict[str, str] = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)
    counts: dict[str, dict[str, int]] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)

    @property
    def stage(self) -> str:
        """Return the stage that runs, or ran last; the first one before any has begun."""
        return self.stages[-1].stage if self.stages else STAGES[0]

    @property
    def changed(self) -> int:
        """Return how many tasks changed something, over all hosts."""
        return len(self.changes)

    def take(self, event: Data, moment: float) -> str:
        """Take one event and return its kind: "stage", "task", "host" or the empty string."""
        name, data = str(event.get("event", "")), _mapping(event.get("event_data"))
        if name == "playbook_on_play_start":
            return self._play(str(data.get("play", "")), moment)
        if name in ("playbook_on_task_start", "playbook_on_handler_task_start"):
            self.task, self.task_hosts, self.tasks = str(data.get("task", "")), {}, self.tasks + 1
            return "task"
        if name in _OUTCOMES:
            return self._outcome(_OUTCOMES[name], data)
        if name == "playbook_on_stats":
            self.end(moment)
        return ""

    def end(self, moment: float) -> None:
        """Close the stage that runs."""
        if self.stages and not self.stages[-1].ended:
            self.stages[-1].ended = moment

    def _play(self, play: str, moment: float) -> str:
        stage = stage_of_play(play)
        if not stage or (self.stages and stage == self.stages[-1].stage):
            return ""
        self.end(moment)
        self.stages.append(StageTime(stage, moment))
        return "stage"

    def _outcome(self, outcome: str, data: Data) -> str:
        host, result = str(data.get("host", "")), _mapping(data.get("res"))
        # Preflight judges all answers together: a host that is silent there is one of its problems.
        if outcome == "unreachable" and self.stage == STAGES[0]:
            return ""
        if outcome == "failed" and data.get("ignore_errors"):
            outcome = "ok"
        counts = self.counts.setdefault(host, dict.fromkeys(COUNTS, 0))
        if outcome == "ok":
            self._rescued(host)
        counts[outcome] += 1
        changed = outcome == "ok" and bool(result.get("changed"))
        counts["changed"] += changed
        if changed:
            self.changes.append(Change(self.stage, host, self.task, _told(result)))
        self.task_hosts[host] = "changed" if changed else outcome
        if outcome in ("failed", "unreachable"):
            self.failures.append(failure(self.stage, host, data))
        return "host"

    def _rescued(self, host: str) -> None:
        """Forget the failures of a host that went on: a failed host is given no further task."""
        kept = [failure for failure in self.failures if failure.host != host]
        self.counts[host]["failed"] -= len(self.failures) - len(kept)
        self.failures = kept


def _told(result: Data) -> tuple[str, ...]:
    """Return what a module of ours, or a loop of it, says that it changed."""
    items = result.get("results")
    parts = [result, *(map(_mapping, items) if isinstance(items, list) else ())]
    found = [part.get("changes") or part.get("changed_files") for part in parts]
    return tuple(str(one) for some in found if isinstance(some, list) for one in some)


def failure(stage: str, host: str, data: Data) -> Failure:
    """Return what a runner_on_failed or runner_on_unreachable event says."""
    result = _failed_item(_mapping(data.get("res")))
    reason = _reason(result)
    problems = result.get("problems")
    found = cast("list[dict[str, str]]", problems) if isinstance(problems, list) else []
    return Failure(
        stage=stage,
        host=host,
        task=str(data.get("task", "")),
        place=str(data.get("task_path", "")),
        reason=reason,
        unit=_unit(reason),
        problems=tuple(Problem(one["what"], one["where"], one["fix"]) for one in found),
    )


def _failed_item(result: Data) -> Data:
    """Return the first failed item of a loop, or the result itself."""
    items = result.get("results")
    failed = [item for item in items if _mapping(item).get("failed")] if isinstance(items, list) else []
    return _mapping(failed[0]) if failed else result


def _reason(result: Data) -> str:
    parts = [str(result.get(name) or "").strip() for name in ("msg", "module_stderr", "stderr")]
    # The gate's command says on standard output which checks failed.
    if result.get("rc") and not parts[2]:
        parts.extend(str(result.get("stdout") or "").strip().splitlines()[-REASON_LINES:])
    return "\n".join(dict.fromkeys(part for part in parts if part)) or "no reason was given"


def _unit(reason: str) -> str:
    started = _STARTED.search(reason)
    if started:
        return started.group(1) if "." in started.group(1) else f"{started.group(1)}.service"
    named = _UNIT.search(reason)
    return named.group(1) if named else ""


def _mapping(value: object) -> Data:
    return cast(Data, value) if isinstance(value, Mapping) else {}
