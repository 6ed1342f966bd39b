"""The verbs that look at a running site: verify, status."""

import time
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dicos_site import description, places
from dicos_site.cli.options import Json, SiteName
from dicos_site.model import Site
from dicos_site.presentation import console, print_json

if TYPE_CHECKING:
    from dicos_site.report import Report

app = typer.Typer()

# How often `status --watch` looks: the round itself takes some seconds of every host.
INTERVAL_S = 10.0


@app.command()
def verify(
    site: SiteName = "lab",
    *,
    only: Annotated[
        list[str] | None,
        typer.Option(metavar="STAGE", help="Ask only what a stage promises; may be given several times."),
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Leave out the visit to the cloud, which takes a minute.")
    ] = False,
    json: Json = False,
) -> None:
    """Ask every service over its real protocol whether it does its work.

    Examples: `dicos-site verify`, `dicos-site verify --only base`, `dicos-site verify --quick`,
    `dicos-site verify example --json`
    """
    from dicos_site import health, report
    from dicos_site.stages import STAGES, known_stage
    from dicos_site.verify import verify as verified

    folder = places.site_folder(site)
    rack = description.read(folder)
    result = verified(rack, folder, [known_stage(stage) for stage in only or STAGES], quick=quick)
    if json:
        print_json(report.as_json(result))
    else:
        console().print(health.verification(result), *filter(None, [health.failures(result)]))
        console().print(health.summary(result))
    if not result.passed:
        raise typer.Exit(1)


@app.command()
def status(
    site: SiteName = "lab",
    *,
    watch: Annotated[
        bool, typer.Option("--watch", help="Look again every ten seconds until Ctrl-C.")
    ] = False,
    json: Json = False,
) -> None:
    """Show what is wrong with a site now, worst first; reads only.

    Examples: `dicos-site status`, `dicos-site status --watch`, `dicos-site status example --json`
    """
    folder = places.site_folder(site)
    rack = description.read(folder)
    result = _shown(rack, folder, as_json=json)
    while watch:
        time.sleep(INTERVAL_S)
        result = _shown(rack, folder, as_json=json)
    if not result.passed:
        raise typer.Exit(1)


def _shown(rack: Site, folder: Path, *, as_json: bool) -> "Report":
    from dicos_site import health
    from dicos_site import status as state
    from dicos_site.verify import look

    result = look(rack, folder)
    if as_json:
        print_json(state.as_json(result, datetime.now().astimezone()))
    else:
        console().print(health.condition(result))
    return result
