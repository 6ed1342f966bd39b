"""Reports → the terminal: text for people, JSON for machines."""

import json
import sys
from functools import cache
from typing import TYPE_CHECKING

from dicos_site.errors import SiteError

if TYPE_CHECKING:
    from rich.console import Console


@cache
def console() -> "Console":
    """Return the console of standard output; plain and unwrapped where it is no terminal."""
    return _console(stderr=False)


@cache
def error_console() -> "Console":
    """Return the console of standard error: errors and progress."""
    return _console(stderr=True)


def print_json(data: object) -> None:
    """Print one JSON document for machines."""
    print(json.dumps(data, indent=2, default=str))


def print_error(error: SiteError, *, as_json: bool) -> None:
    """Print every problem on standard error, and where the caller asked for JSON also on standard output."""
    for problem in error.problems:
        print(f"{problem}\n", file=sys.stderr)
    if as_json:
        print_json(error_report(error))


def error_report(error: SiteError) -> dict[str, object]:
    """Return {"error": class name, "problems": [{"what", "where", "fix"}]}."""
    problems = [
        {"what": problem.what, "where": problem.where, "fix": problem.fix} for problem in error.problems
    ]
    return {"error": type(error).__name__, "problems": problems}


def _console(*, stderr: bool) -> "Console":
    # rich costs 60 ms to import; `validate` has one second for everything.
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    return Console(stderr=stderr, soft_wrap=not stream.isatty(), highlight=False)
