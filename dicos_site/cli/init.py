"""The verb init: flags or questions → inventories/NAME/rack.yml."""

import os
import re
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from dicos_site import description, places
from dicos_site.errors import DescriptionError, Problem, UsageError
from dicos_site.new_rack import DEVICES, Answers, rack_text


def _option(text: str) -> Any:
    return typer.Option(help=text, show_default=False)


def _count_option(text: str) -> Any:
    return typer.Option(min=0, max=99, help=text, show_default=False)


def init(
    name: Annotated[str, typer.Argument(help="The new folder of inventories/.")],
    *,
    site: Annotated[str | None, _option("Site name in capitals; left out: NAME.")] = None,
    domain: Annotated[str | None, _option("Domain of the hosts; left out: NAME.dicos.test.")] = None,
    substrate: Annotated[str | None, _option("metal or incus; left out: metal.")] = None,
    network: Annotated[str | None, _option("Management network; left out: 10.77.0.0/24.")] = None,
    provider: Annotated[str | None, _option('Provider network, "" for none; left out: 10.78.0.0/24.')] = None,
    controllers: Annotated[int | None, _count_option("Controllers; left out: 3.")] = None,
    nodes: Annotated[int | None, _count_option("Nodes; left out: 3, or 0 beside --storage.")] = None,
    storage: Annotated[int, _count_option("Storage hosts; left out: 0.")] = 0,
    compute: Annotated[int, _count_option("Compute hosts; left out: 0.")] = 0,
    hubs: Annotated[int, _count_option("Hubs; left out: 1.")] = 1,
    device: Annotated[list[str] | None, _option("A disk of every storage host; repeat it.")] = None,
) -> None:
    """Write inventories/NAME/rack.yml from flags, or from questions on a terminal; never overwrites.

    Examples: `dicos-site init asgc`, `dicos-site init box --substrate incus --controllers 3 --nodes 3`
    """
    folder = _new_folder(name)
    flags = (site, domain, substrate, network, provider, controllers, nodes)
    ask = sys.stdin.isatty() and all(flag is None for flag in flags)
    answers = Answers(
        site=_answer(site, "Site name, in capitals", _site_name(name), ask=ask),
        domain=_answer(domain, "Domain of the hosts", f"{name}.dicos.test", ask=ask),
        substrate=_answer(substrate, "metal (real servers) or incus (a rack in a box)", "metal", ask=ask),
        management=_answer(network, "Management network", "10.77.0.0/24", ask=ask),
        provider=_answer(provider, "Provider network for virtual machines", "10.78.0.0/24", ask=ask),
        counts={
            "controller": _count(controllers, "Controllers", 3, ask=ask),
            "node": _count(nodes, "Nodes (storage and compute in one)", 0 if storage else 3, ask=ask),
            **{"storage": storage, "compute": compute, "hub": hubs},
        },
        devices=tuple(device or DEVICES),
    )
    _create(folder, rack_text(answers, name, _schema(folder)))
    print(f"wrote {folder / places.RACK_FILE}\nnext: read it, then dicos-site validate {name}")


def _new_folder(name: str) -> Path:
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,40}", name):
        what = f'"{name}" is not a name for a folder of inventories/'
        raise UsageError(Problem(what, "NAME", "use lower-case letters, digits and hyphens"))
    folder = places.new_site_folder(name)
    if (folder / places.RACK_FILE).exists():
        fix = f"edit it, or choose another name; check it with `dicos-site validate {name}`"
        raise DescriptionError(
            Problem(f'the site "{name}" is already there', str(folder / places.RACK_FILE), fix)
        )
    return folder


def _create(folder: Path, text: str) -> None:
    description.parse(text, "the new rack.yml")
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with (folder / places.RACK_FILE).open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise UsageError(
            Problem(f"rack.yml cannot be written: {error.strerror}", str(folder), "make it writable")
        ) from error


def _schema(folder: Path) -> str:
    return os.path.relpath(places.project_root() / "docs" / "rack.schema.json", folder)


def _site_name(name: str) -> str:
    letters = name.upper().strip("-")[:24].rstrip("-")
    return letters if re.match("[A-Z].", letters) else f"SITE-{letters}"[:24].rstrip("-")


def _answer(given: str | None, question: str, default: str, *, ask: bool) -> str:
    if given is not None:
        return given
    return str(typer.prompt(question, default=default)) if ask else default


def _count(given: int | None, question: str, default: int, *, ask: bool) -> int:
    if given is not None:
        return given
    return int(typer.prompt(question, default=default, type=int)) if ask else default
