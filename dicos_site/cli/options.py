"""What several verbs take: the site and the form of the report."""

from typing import Annotated

import typer

from dicos_site import places


def _names(incomplete: str) -> list[str]:
    return [name for name in places.site_names() if name.startswith(incomplete)]


SiteName = Annotated[
    str, typer.Argument(metavar="[SITE]", help="A folder of inventories/, or a path.", autocompletion=_names)
]
Json = Annotated[bool, typer.Option("--json", help="Report as JSON, for machines.")]
