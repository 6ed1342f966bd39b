"""The verbs that read and write rack.yml and contact no host: init, validate, show."""

import typer

from dicos_site import description, places
from dicos_site.cli.options import Json, SiteName
from dicos_site.model import KINDS, Site
from dicos_site.presentation import print_json

app = typer.Typer()


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


def _counted(site: Site) -> str:
    counts = {kind: sum(1 for host in site.hosts if host.kind == kind) for kind in KINDS}
    return (
        f"{len(site.hosts)} hosts ("
        + ", ".join(f"{count} {kind}" for kind, count in counts.items() if count)
        + ")"
    )


def _next_step(site: Site, name: str) -> str:
    words = "" if name == "lab" else f" {name}"
    return f"dicos-site lab up{words}" if site.substrate == "incus" else f"dicos-site preflight{words}"
