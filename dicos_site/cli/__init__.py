"""The command line: words → verbs → exit code; the only place that catches a SiteError."""

import difflib
import importlib
import importlib.util
import os
import sys
from collections.abc import Sequence

import typer
from typer.core import TyperCommand, TyperGroup

from dicos_site.errors import Problem, SiteError, UsageError
from dicos_site.presentation import print_error

INTERRUPTED = 130

# verb: family module; a family is imported when one of its verbs is used, so that `validate` waits for none.
VERBS = {
    "init": "description",
    "validate": "description",
    "show": "description",
    "lab": "lab",
    "preflight": "deploy",
    "deploy": "deploy",
    "verify": "health",
    "status": "health",
    "recover": "recover",
}
GROUPS = frozenset({"lab", "recover"})


class Verbs(TyperGroup):
    """The verbs of `VERBS`, each imported when it is asked for."""

    def list_commands(self, ctx: typer.Context) -> list[str]:  # type: ignore[override]
        """Return the verbs whose family is installed, in the order of a site's life."""
        return [verb for verb, family in VERBS.items() if importlib.util.find_spec(f"{__name__}.{family}")]

    def get_command(self, ctx: typer.Context, cmd_name: str) -> TyperCommand | TyperGroup | None:  # type: ignore[override]
        """Return the command of a verb, or None where there is no such verb."""
        if cmd_name not in self.list_commands(ctx):
            return None
        module = importlib.import_module(f"{__name__}.{VERBS[cmd_name]}")
        family = typer.main.get_group(module.app)
        if cmd_name not in GROUPS:
            return family.commands.get(cmd_name)  # type: ignore[return-value]
        family.name = cmd_name
        return family


app = typer.Typer(cls=Verbs, no_args_is_help=True, context_settings={"help_option_names": ["-h", "--help"]})


@app.callback()
def _about() -> None:
    """One command turns a rack of bare Debian hosts into a DiCOS site, and keeps it one."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        return _said(_run(words))
    except SiteError as error:
        print_error(error, as_json="--json" in words)
        return error.exit_code
    except (KeyboardInterrupt, typer.Abort):
        return _said(INTERRUPTED)
    except BrokenPipeError:
        # The reader went away (`| head`): nothing is left to tell, also not when Python flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _said(code: int) -> int:
    # typer turns an interrupt inside a verb into a silent 130.
    if code == INTERRUPTED:
        print("interrupted", file=sys.stderr)
    return code


def _run(words: list[str]) -> int:
    command = typer.main.get_command(app)
    try:
        code = command.main(words or ["--help"], prog_name="dicos-site", standalone_mode=False)
    except typer.TyperException as error:
        raise _usage_error(error.format_message(), words) from error
    if not words:
        return UsageError.exit_code
    return code if isinstance(code, int) else 0


def _usage_error(message: str, words: list[str]) -> UsageError:
    near = difflib.get_close_matches(words[0], VERBS, n=1) if words[0] not in VERBS else []
    verb = f"{words[0]} " if words[0] in VERBS else ""
    fix = f"did you mean `dicos-site {near[0]}`?" if near else f"see `dicos-site {verb}--help`"
    return UsageError(Problem(message.rstrip("."), "the command line", fix))
