"""The model → docs/: the schema, the reference of rack.yml and the picture of the lab's rack.

`python -m dicos_site.reference` writes them; a test holds them against the model.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from dicos_site import description, places
from dicos_site.description.subject import subject
from dicos_site.model import Site
from dicos_site.picture import svg
from dicos_site.placement import SERVICES
from dicos_site.schema import schema
from dicos_site.templating import rendered

# A path of rack.yml with an example name, and what the mapping there is called.
_SECTIONS: Mapping[tuple[str | int, ...], str] = {
    (): "The whole file",
    ("networks", "management"): "networks.management",
    ("networks", "provider"): "networks.provider",
    ("hosts", "ctl1"): "hosts.NAME",
    ("hosts", "node1", "disks", 0): "hosts.NAME.disks[]",
    ("communities", "ams"): "communities.NAME",
    ("communities", "ams", "quota"): "communities.NAME.quota",
    ("flavors", "large"): "flavors.NAME",
    ("images", "debian-13"): "images.NAME",
    ("erasure",): "erasure",
    ("federation",): "federation",
    ("mirror",): "mirror",
    ("ssh",): "ssh",
}


@dataclass(frozen=True)
class Key:
    """One key of a section, in the model's words."""

    name: str
    title: str
    description: str
    example: str
    default: str


def reference() -> Mapping[Path, str]:
    """Return the text of every generated file of docs/."""
    docs = places.project_root() / "docs"
    lab = places.project_root() / "inventories" / "lab"
    sections = {title: tuple(_keys(path)) for path, title in _SECTIONS.items()}
    rack = (lab / places.RACK_FILE).read_text(encoding="utf-8")
    return {
        docs / "rack.schema.json": json.dumps(schema(), indent=2) + "\n",
        docs / "rack.md": rendered("rack.md.j2", sections=sections, services=SERVICES, rack=rack),
        docs / "rack.svg": svg(description.read(lab)),
    }


def _keys(path: tuple[str | int, ...]) -> Iterator[Key]:
    for name in subject(path).keys or tuple(Site.model_fields):
        words = subject((*path, name))
        yield Key(name, words.title, words.description, words.example, words.default)


if __name__ == "__main__":
    for file, text in reference().items():
        file.write_text(text, encoding="utf-8")
