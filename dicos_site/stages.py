"""The stages of a site, in order; site.yml imports one playbook for each."""

from functools import cache

import yaml

from dicos_site import places
from dicos_site.errors import Problem, UsageError

STAGES: tuple[str, ...] = ("preflight", "base", "platform", "storage", "cloud")
# By this the callback `stage_changes` tells the action `gate` that a host was changed.
CHANGED = "DICOS_CHANGED"


def until(stage: str) -> tuple[str, ...]:
    """Return the stages up to and with one: those whose services are there when it has ended."""
    return STAGES[: STAGES.index(stage) + 1]


def known_stage(name: str) -> str:
    """Return the stage of that name; UsageError names those that exist."""
    if name not in STAGES:
        fix = f"give one of: {', '.join(STAGES)}"
        raise UsageError(Problem(f'there is no stage "{name}"', "the command line", fix))
    return name


def chosen_stages(first: str | None, only: str | None) -> tuple[str, ...]:
    """Return the stages to run: all, those from `first` on, or `only` one; preflight always comes first."""
    if first and only:
        problem = Problem("--from and --only exclude each other", "the command line", "give one of them")
        raise UsageError(problem)
    if only:
        chosen: tuple[str, ...] = (known_stage(only),)
    else:
        chosen = STAGES[STAGES.index(known_stage(first)) if first else 0 :]
    return tuple(dict.fromkeys((STAGES[0], *chosen)))


@cache
def stage_of_play(play: str) -> str:
    """Return the stage whose playbook has a play of that name; the empty string where none has."""
    return next((stage for stage in STAGES if play in _plays(stage)), "")


def _plays(stage: str) -> tuple[str, ...]:
    playbook = places.project_root() / "playbooks" / f"{stage}.yml"
    content = yaml.safe_load(playbook.read_text()) if playbook.exists() else []
    return tuple(str(play.get("name", "")) for play in content or ())
