"""The verbs that bring a site about: preflight, deploy."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from dicos_site import description, places
from dicos_site.cli.options import Json, SiteName
from dicos_site.presentation import console, print_json

if TYPE_CHECKING:
    from dicos_site.deploy import Record

app = typer.Typer()
# More changes than these are told by --json alone.
FEW = 20


@app.command()
def preflight(site: SiteName = "lab", *, json: Json = False) -> None:
    """Report what would stop a deployment: every problem of every host; changes nothing.

    Examples: `dicos-site preflight`, `dicos-site preflight example --json`
    """
    from dicos_site import deploy as deployment

    folder = places.site_folder(site)
    rack = description.read(folder)
    record = deployment.preflight(deployment.Order(site, folder, rack, ()))
    if json:
        print_json({"site": rack.site, "passed": True, "seconds": record.seconds, "problems": []})
    else:
        text = f"{rack.site}: {len(rack.hosts)} hosts are fit ({record.seconds:.1f} s)"
        console().print(f"{text}\nnext: dicos-site deploy{_word(site)}")


@app.command()
def deploy(
    site: SiteName = "lab",
    *,
    first: Annotated[str | None, typer.Option("--from", metavar="STAGE", help="Begin at a stage.")] = None,
    only: Annotated[str | None, typer.Option(metavar="STAGE", help="Run one stage.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Begin where the last run stopped.")] = False,
    dry: Annotated[
        bool, typer.Option("--check", "--dry-run", help="Say what would change; change nothing.")
    ] = False,
    json: Json = False,
) -> None:
    """Turn the rack into the site; a second run changes nothing.

    Preflight always runs first. Examples: `dicos-site deploy`, `dicos-site deploy --from platform`,
    `dicos-site deploy example --resume`, `dicos-site deploy --only base --check`
    """
    from dicos_site import deploy as deployment
    from dicos_site.stages import chosen_stages

    folder = places.site_folder(site)
    rack = description.read(folder)
    if resume and not first and not only:
        first = deployment.stage_to_resume(rack)
    record = deployment.deploy(deployment.Order(site, folder, rack, chosen_stages(first, only), dry))
    if json:
        print_json(asdict(record))
    else:
        _print(record, site)


def _print(record: "Record", name: str) -> None:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD)
    for column in ("host", "ok", "changed", "failed"):
        table.add_column(column, justify="left" if column == "host" else "right")
    for host, counts in record.hosts.items():
        table.add_row(host, *(str(counts[word]) for word in ("ok", "changed", "failed")))
    stages = ", ".join(f"{stage} {seconds:.1f} s" for stage, seconds in record.stages.items())
    word = "would be changed" if record.dry else "changed"
    console().print(table, f"{stages}\n{record.site}: {record.changed} {word}, {record.seconds:.1f} s")
    for line in _changes(record):
        console().print(line, markup=False)
    console().print(f"log: {record.log}\nnext: dicos-site verify{_word(name)}")


def _changes(record: "Record") -> list[str]:
    """Return a line for each change, where they are few: whoever ran it again wants to know why."""
    if len(record.changes) > FEW:
        return []
    lines = (f"  {one.host}  {one.task}: {', '.join(one.what)}" for one in record.changes)
    return [line.removesuffix(": ") for line in lines]


def _word(name: str) -> str:
    return "" if name == "lab" else f" {name}"
