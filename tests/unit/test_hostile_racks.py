"""Whatever a rack.yml holds: a site, or problems in words; never another exception."""

from collections.abc import Callable

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from dicos_site import description
from dicos_site.errors import DescriptionError, Problem
from dicos_site.model import Site
from tests.unit.racks import LAB

LINES = LAB.splitlines(keepends=True)
WORDS = sorted(set(LAB.replace(",", " ").replace("{", " ").replace("}", " ").split()))
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.dates()
    | st.binary(max_size=8)
    | st.text(max_size=20)
    | st.sampled_from(WORDS)
)
KEYS = st.sampled_from(
    [*Site.model_fields, "management", "provider", "cidr", "vip", "gateway", "floating", "kind", "disks"]
)
TREES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(KEYS | st.text(max_size=8), inner, max_size=6)
    ),
    max_leaves=25,
)


def judged(text: str) -> None:
    """Parse a text; every problem names what is wrong, where, and what to do."""
    found = problems(text)
    assert found is None or found
    for problem in found or ():
        assert problem.what, problem
        assert problem.where, problem
        assert problem.fix, problem
        assert str(problem).count("\n") == 2, problem


def problems(text: str) -> tuple[Problem, ...] | None:
    """Return what is wrong with a text, None where it is a site; any other exception is what we look for."""
    try:
        description.parse(text)
    except DescriptionError as refusal:
        return refusal.problems
    return None


@settings(max_examples=150, deadline=None)
@given(st.text())
def test_any_text_is_judged(text: str) -> None:
    judged(text)


@settings(max_examples=150, deadline=None)
@given(st.text(alphabet="{}[]:,-&*!|>'\"#%@`?~ \n\tab01._/", max_size=60))
def test_any_text_of_yaml_signs_is_judged(text: str) -> None:
    judged(text)


@settings(max_examples=150, deadline=None)
@given(TREES)
def test_any_tree_is_judged(tree: object) -> None:
    judged(yaml.dump(tree, allow_unicode=True))


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(KEYS, TREES, max_size=6), st.sampled_from(["root", "hosts", "networks"]))
def test_any_values_in_place_of_the_labs_are_judged(values: dict[str, object], place: str) -> None:
    lab = yaml.safe_load(LAB)
    (lab if place == "root" else lab[place]).update(values)
    judged(yaml.dump(lab, allow_unicode=True))


def cut(text: str, at: int, length: int, _: str) -> str:
    """Remove a piece."""
    return text[:at] + text[at + length :]


def doubled(text: str, at: int, length: int, _: str) -> str:
    """Repeat a piece."""
    return text[: at + length] + text[at:]


def replaced(text: str, at: int, length: int, word: str) -> str:
    """Put a word in place of a piece."""
    return text[:at] + word + text[at + length :]


MUTATIONS: list[Callable[[str, int, int, str], str]] = [cut, doubled, replaced]


@settings(max_examples=250, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(MUTATIONS),
            st.integers(0, len(LAB)),
            st.integers(0, 40),
            st.sampled_from(WORDS) | st.text(max_size=3),
        ),
        min_size=1,
        max_size=4,
    )
)
def test_any_damage_to_the_labs_rack_is_judged(
    damages: list[tuple[Callable[[str, int, int, str], str], int, int, str]],
) -> None:
    text = LAB
    for mutate, at, length, word in damages:
        text = mutate(text, at, length, word)
    judged(text)


@settings(max_examples=50, deadline=None)
@given(st.permutations(range(len(LINES))))
def test_any_order_of_the_labs_lines_is_judged(order: list[int]) -> None:
    judged("".join(LINES[index] for index in order))
