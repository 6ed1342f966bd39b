"""The JSON Schema of rack.yml, and the other files of docs/ that are made from the model."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from dicos_site import places
from dicos_site.reference import reference
from dicos_site.schema import schema
from tests.unit.racks import EXAMPLE, LAB, changed


def complaints(text: str) -> list[str]:
    """Return the paths at which an editor would underline a rack file."""
    return [error.json_path for error in Draft202012Validator(schema()).iter_errors(yaml.safe_load(text))]


def examples(part: Any) -> Any:
    """Yield every part of the schema that has examples."""
    if isinstance(part, dict):
        if isinstance(part.get("examples"), list):
            yield part
        for value in part.values():
            yield from examples(value)


def test_the_schema_is_a_schema() -> None:
    Draft202012Validator.check_schema(schema())


@pytest.mark.parametrize("text", [LAB, EXAMPLE], ids=["lab", "example"])
def test_an_editor_finds_nothing_wrong_with_our_racks(text: str) -> None:
    assert complaints(text) == []


@pytest.mark.parametrize(
    ("old", "new", "path"),
    [
        ("kind: hub", "kind: hubs", "$.hosts.hub1.kind"),
        ("domain:", "domian:", "$"),
        ("share: 60", "share: 0", "$.communities.ams.share"),
        ("hub1: {kind", "Hub_1: {kind", "$.hosts"),
        ("10.77.0.31}", "5}", "$.hosts.hub1.address"),
        ("cidr: 10.77.0.0/24", "cidr: 10.77.0.0", "$.networks.management.cidr"),
        ("communities:", "placement: {mariadbb: [hub1]}\ncommunities:", "$.placement"),
        ("ctl1: {kind", "ctl1: {name: ctl1, kind", "$.hosts.ctl1"),
    ],
)
def test_an_editor_underlines_what_validate_refuses(old: str, new: str, path: str) -> None:
    assert path in complaints(changed((old, new)))


def test_every_example_fits_its_own_rule() -> None:
    whole = schema()
    for part in examples(whole):
        validator = Draft202012Validator({**part, "$defs": whole["$defs"]})
        for example in part["examples"]:
            assert [error.message for error in validator.iter_errors(example)] == []


def test_every_key_is_described() -> None:
    parts = [schema(), *schema()["$defs"].values()]
    silent = [
        key for part in parts for key, value in part["properties"].items() if not value.get("description")
    ]
    assert silent == []


@pytest.mark.parametrize("file", reference(), ids=lambda file: file.name)
def test_generated_documents_are_current(file: Path) -> None:
    assert file.read_text() == reference()[file], "run: python -m dicos_site.reference"


def test_our_racks_name_the_schema_for_editors() -> None:
    for name in ("lab", "example"):
        folder = places.project_root() / "inventories" / name
        first = (folder / "rack.yml").read_text().splitlines()[0]
        file = folder / first.removeprefix("# yaml-language-server: $schema=")
        assert json.loads(file.read_text()) == schema()
