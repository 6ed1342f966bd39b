"""The verb that brings a service back after a full stop: recover database."""

from dataclasses import asdict
from typing import Annotated

import typer

from dicos_site import description, places
from dicos_site.cli.options import Json, SiteName
from dicos_site.presentation import console, error_console, print_json

app = typer.Typer(no_args_is_help=True, help="Bring a service back after a full stop.")


@app.callback()
def _about() -> None:
    """Bring a service back after a full stop."""


@app.command()
def database(
    site: SiteName = "lab",
    *,
    accept_loss: Annotated[
        list[str] | None,
        typer.Option(metavar="MEMBER", help="Give up this member's data; it is kept beside. Repeatable."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be done.")] = False,
    json: Json = False,
) -> None:
    """Start the database from its newest copy; refuses, and changes nothing, where that cannot be known.

    Examples: `dicos-site recover database`, `dicos-site recover database --dry-run`,
    `dicos-site recover database example --accept-loss ctl2`
    """
    from dicos_site.galera.recovery import recover

    rack = description.read(places.site_folder(site))
    out = error_console() if json else console()
    result = recover(rack, accept_loss or [], lambda line: out.print(line, highlight=False), dry_run=dry_run)
    if json:
        print_json(asdict(result))
        return
    out.print(f"{'would be done' if dry_run else 'done'} in {result.seconds:.0f} s: {result.decision.reason}")
