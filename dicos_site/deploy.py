"""Site → a run of site.yml by ansible-runner: its record, its log, and what to do where it stopped."""

import json
import os
import re
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from types import FrameType

from dicos_site import leftovers, places, secrets
from dicos_site.causes import journal, problem_of
from dicos_site.errors import DeploymentError, Problem
from dicos_site.events import Change, Failure, Progress
from dicos_site.lock import held
from dicos_site.model import Site
from dicos_site.progress import screen
from dicos_site.remote import require_lab
from dicos_site.stages import STAGES

PLAYBOOK = "site.yml"
PREFLIGHT = "playbooks/preflight.yml"
# How long ansible-runner waits for output before it looks whether it shall stop.
POLL_S = 1


@dataclass(frozen=True)
class Order:
    """What is asked for: the site as the user named it, its folder, and the stages in order."""

    name: str
    folder: Path
    site: Site
    stages: tuple[str, ...]
    dry: bool = False


@dataclass(frozen=True)
class Record:
    """What a finished deployment did; seconds by stage, counts by host, each change in order."""

    site: str
    changed: int
    seconds: float
    stages: dict[str, float]
    hosts: dict[str, dict[str, int]]
    log: str
    dry: bool
    changes: tuple[Change, ...]


@dataclass(frozen=True)
class Memory:
    """What is remembered of the last deployment: the stage it came to, and whether it finished.

    `changing`: the stages in which it, or one before, died: files there may be new and their restarts lost.
    """

    stage: str
    finished: bool
    moment: str
    changing: tuple[str, ...] = ()


def deploy(order: Order) -> Record:
    """Deploy the stages of a site; DeploymentError says what stopped it."""
    require_lab(order.site)
    with held(_state(order.site) / "deploy.lock", order.site.site):
        # A deployment that was killed may have left workers, which would go on beside this one.
        leftovers.end(_mark(order, PLAYBOOK))
        secrets.ensure(order.folder, order.site)
        return _run(order, PLAYBOOK)


def preflight(order: Order) -> Record:
    """Run the preflight alone; DeploymentError carries every problem of every host."""
    require_lab(order.site)
    return _run(replace(order, stages=STAGES[:1]), PREFLIGHT)


def stage_to_resume(site: Site) -> str | None:
    """Return the stage at which the last deployment stopped; None where it finished or never was."""
    memory = remembered(site)
    return None if memory is None or memory.finished else memory.stage


def remembered(site: Site) -> Memory | None:
    """Return what is remembered of the last deployment; a damaged note is as good as none."""
    try:
        content = json.loads((_state(site) / "deploy.json").read_text())
        return Memory(
            str(content["stage"]),
            bool(content["finished"]),
            str(content["moment"]),
            tuple(str(one) for one in content.get("changing", ())),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def interrupted(site: Site) -> tuple[str, ...]:
    """Return the stages in which a deployment died: files may be new and the restarts they need lost."""
    memory = remembered(site)
    return memory.changing if memory else ()


def _run(order: Order, playbook: str) -> Record:
    progress, began = Progress(), time.monotonic()
    log = _logs(order.site) / f"{datetime.now():%Y-%m-%dT%H-%M-%S.%f}.log"
    shown = screen(progress, order.stages, began)
    with log.open("w") as stream, shown, _interrupts() as stopping:

        def take(event: Mapping[str, object]) -> bool:
            kind = progress.take(event, time.monotonic())
            if text := str(event.get("stdout") or ""):
                stream.write(f"{_plain(text)}\n")
                stream.flush()
            if kind == "stage" and playbook == PLAYBOOK and not order.dry:
                _begin(order, progress.stage)
            shown.show(kind)
            return False  # ansible-runner need not keep the event

        outcome = _ansible(order, playbook, take, stopping)
        stream.write(outcome.text)
        if stopping():
            leftovers.end(_mark(order, playbook))
    progress.end(time.monotonic())
    if stopping():
        raise KeyboardInterrupt
    if outcome.status != "successful":
        raise _stopped(order, progress, outcome, log, playbook)
    if playbook == PLAYBOOK and not order.dry:
        _finish(order, progress.stage)
    return _record(order, progress, time.monotonic() - began, log)


@dataclass(frozen=True)
class _Outcome:
    """How ansible-playbook ended, and what it printed without an event: its own start-up errors."""

    status: str
    text: str


def _ansible(
    order: Order,
    playbook: str,
    take: Callable[[Mapping[str, object]], bool],
    stopping: Callable[[], bool],
) -> _Outcome:
    """Run ansible-playbook; its events, which hold results of modules, are kept nowhere."""
    import ansible_runner

    root = places.project_root()
    words = ["--tags", ",".join(order.stages), "-e", "preflight_secrets_follow=true"]
    words += ["--check", "--diff"] if order.dry else []
    if died := interrupted(order.site):
        words += ["-e", f"site_interrupted={','.join(died)}"]
    with tempfile.TemporaryDirectory(prefix="dicos-site-") as folder:
        runner = ansible_runner.run(
            private_data_dir=folder,
            project_dir=str(root),
            playbook=playbook,
            inventory=str(order.folder / places.RACK_FILE),
            cmdline=" ".join(words),
            envvars=_environment(root) | {leftovers.MARK: _mark(order, playbook)},
            settings={"pexpect_timeout": POLL_S, "suppress_env_files": True},
            event_handler=take,
            cancel_callback=stopping,
            quiet=True,
        )
        output = Path(folder) / "artifacts"
        texts = [path.read_text(errors="replace") for path in sorted(output.rglob("stderr"))]
        if runner.status != "successful" and not any(texts):
            texts = [path.read_text(errors="replace")[-4000:] for path in sorted(output.rglob("stdout"))]
        return _Outcome(str(runner.status), _plain("\n".join(texts)))


def _mark(order: Order, playbook: str) -> str:
    """Return what names the processes of this site's deployments: no two of them run at the same time."""
    return f"{order.site.site} {places.home_path(order.site)} {playbook}"


def _environment(root: Path) -> dict[str, str]:
    # This command may be called by its path, without the environment of its virtual environment.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    return {"ANSIBLE_CONFIG": str(root / "ansible.cfg"), "ANSIBLE_FORCE_COLOR": "false", "PATH": path}


def _stopped(
    order: Order, progress: Progress, outcome: _Outcome, log: Path, playbook: str
) -> DeploymentError:
    """Return the error of a run that failed: preflight's own problems, or the tasks that failed."""
    found = [problem for failure in progress.failures for problem in failure.problems]
    if found:
        return DeploymentError(*found)
    resume = f"dicos-site deploy{_word(order.name)} --from {progress.stage}"
    if not progress.failures:
        fix = f"see the end of {log}; then: {resume}"
        text = outcome.text.strip().splitlines()[-12:]
        return DeploymentError(Problem("\n".join(["ansible-playbook stopped", *text]), playbook, fix))
    alike: dict[tuple[str, str], list[Failure]] = {}
    for failure in progress.failures:
        alike.setdefault((failure.task, failure.reason), []).append(failure)
    groups = [(some, journal(order.site, some[0])) for some in alike.values()]
    return DeploymentError(*(problem_of(some, lines, f"{resume}   (log: {log})") for some, lines in groups))


def _record(order: Order, progress: Progress, seconds: float, log: Path) -> Record:
    stages = {one.stage: round(one.ended - one.began, 1) for one in progress.stages}
    hosts = {
        host.name: progress.counts[host.name] for host in order.site.hosts if host.name in progress.counts
    }
    return Record(
        site=order.site.site,
        changed=progress.changed,
        seconds=round(seconds, 1),
        stages=stages,
        hosts=hosts,
        log=str(log),
        dry=order.dry,
        changes=tuple(progress.changes),
    )


def _word(name: str) -> str:
    return "" if name == "lab" else f" {name}"


def _plain(text: str) -> str:
    """Return text without the terminal's colours and line ends."""
    return re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", text).replace("\r\n", "\n").replace("\r", "\n")


def _state(site: Site) -> Path:
    folder = places.site_home(site) / "state"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def _logs(site: Site) -> Path:
    folder = places.site_home(site) / "logs"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def _begin(order: Order, stage: str) -> None:
    """Note where to resume: at the stage that has begun; during preflight, at the first one asked for.

    The stages of this run before it have made their restarts.
    """
    wanted = [one for one in order.stages if one != STAGES[0]]
    # Ansible names the plays of other stages too, and passes over their tasks.
    if not wanted or stage not in order.stages:
        return
    if stage == STAGES[0]:
        _remember(order.site, wanted[0], finished=False, changing=interrupted(order.site))
        return
    settled = set(order.stages[: order.stages.index(stage)])
    changing = {*interrupted(order.site), stage} - settled
    _remember(order.site, stage, finished=False, changing=_in_order(changing))


def _finish(order: Order, stage: str) -> None:
    """Note that every stage of this run has made its restarts."""
    changing = set(interrupted(order.site)) - set(order.stages)
    _remember(order.site, stage, finished=True, changing=_in_order(changing))


def _in_order(stages: set[str]) -> tuple[str, ...]:
    return tuple(stage for stage in STAGES if stage in stages)


def _remember(site: Site, stage: str, *, finished: bool, changing: tuple[str, ...]) -> None:
    """Write the note whole or not at all: the next command reads it after a kill, too."""
    memory = Memory(stage, finished, f"{datetime.now().astimezone():%Y-%m-%dT%H:%M:%S%z}", changing)
    file = _state(site) / "deploy.json"
    new = file.with_suffix(f".{os.getpid()}")
    new.write_text(json.dumps(asdict(memory)))
    new.replace(file)


@contextmanager
def _interrupts() -> Iterator[Callable[[], bool]]:
    """Yield whether Ctrl-C or SIGTERM has come: Ansible is then stopped before this command ends."""
    seen: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        seen.append(number)

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: bool(seen)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
