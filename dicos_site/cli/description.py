"""The verbs about rack.yml alone: init (in a module of its own), validate, show."""

from pathlib import Path
from typing import Annotated

import typer

from dicos_site import description, places
from dicos_site.cli import init
from dicos_site.cli.options import Json, SiteName
from dicos_site.errors import Problem, UsageError
from dicos_site.model import KINDS, Site
from dicos_site.presentation import console, print_json

app = typer.Typer()
app.command("init")(init.init)

SvgFile = Annotated[Path | None, typer.Option("--svg", metavar="FILE", help="Draw the rack into this file.")]


@app.command()
def validate(site: SiteName = "lab", *, json: Json = False) -> None:
    """Report every mistake of rack.yml at once; contacts no host.

    Examples: `dicos-site validate`, `dicos-site validate example`, `dicos-site validate ./rack.yml --json`
    """
    rack = description.read(places.site_folder(site))
    if json:
        print_json({"site": rack.site, "valid": True, "problems": []})
    else:
        print(f"{rack.site}: {_counted(rack)}; no mistakes\nnext: {_next_step(rack, site)}")


@app.command()
def show(site: SiteName = "lab", *, svg: SvgFile = None, json: Json = False) -> None:
    """Show what follows from rack.yml: placement, groups, ports, addresses; or draw the rack.

    Examples: `dicos-site show`, `dicos-site show example --json`, `dicos-site show --svg rack.svg`
    """
    # The tables and the picture need rich and jinja2, which `validate` does not wait for.
    from dicos_site.overview import overview
    from dicos_site.picture import svg as drawn
    from dicos_site.rack_tables import tables

    rack = description.read(places.site_folder(site))
    if svg:
        _write(svg, drawn(rack))
    if json:
        print_json(overview(rack))
    elif svg:
        print(f"the rack of {rack.site} is drawn in {svg}")
    else:
        for table in tables(rack):
            console().print(table)


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        fix = "name a file in a folder that exists and that you may write to"
        raise UsageError(
            Problem(f"the picture cannot be written: {error.strerror}", str(file), fix)
        ) from error


def _counted(site: Site) -> str:
    counts = {kind: sum(1 for host in site.hosts if host.kind == kind) for kind in KINDS}
    kinds = ", ".join(f"{count} {kind}" for kind, count in counts.items() if count)
    return f"{len(site.hosts)} hosts ({kinds})"


def _next_step(site: Site, name: str) -> str:
    words = "" if name == "lab" else f" {name}"
    return f"dicos-site lab up{words}" if site.substrate == "incus" else f"dicos-site preflight{words}"
