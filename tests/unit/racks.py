"""Rack files that the unit tests start from."""

import pytest

from dicos_site import description, places
from dicos_site.errors import DescriptionError, Problem
from dicos_site.model import Site

# Without its last line, so that a test can say how pieces are kept.
LAB = (places.project_root() / "inventories" / "lab" / "rack.yml").read_text().partition("erasure:")[0]
LAB_IN_PIECES = f"{LAB}erasure: {{data: 2, parity: 1}}\n"
EXAMPLE = (places.project_root() / "inventories" / "example" / "rack.yml").read_text()


def lab() -> Site:
    """Return the lab's site."""
    return description.parse(LAB)


def changed(*replacements: tuple[str, str]) -> str:
    """Return the lab's rack.yml with texts replaced; a text that is not there is a mistake of the test."""
    text = LAB
    for old, new in replacements:
        assert old in text, old
        text = text.replace(old, new)
    return text


def problems(text: str) -> tuple[Problem, ...]:
    """Return what is wrong with a rack file; a file without mistakes fails the test."""
    with pytest.raises(DescriptionError) as refusal:
        description.parse(text)
    return refusal.value.problems


def refusal_of(*replacements: tuple[str, str]) -> str:
    """Return the whole text of the error for the lab's rack.yml with texts replaced."""
    with pytest.raises(DescriptionError) as refusal:
        description.parse(changed(*replacements))
    return str(refusal.value)
