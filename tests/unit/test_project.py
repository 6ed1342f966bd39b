"""The project's own rules: sizes, one truth, and pages that are made from what they list."""

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from dicos_site.report import CODES, pages
from tools import module_table, runbook_index

PROJECT = Path(__file__).resolve().parents[2]
MODULES = [
    path
    for folder in ("dicos_site", "plugins", "tools", "tests")
    for path in sorted((PROJECT / folder).rglob("*.py"))
]
TASK_FILES = [*sorted(PROJECT.glob("roles/*/tasks/*.yml")), *sorted(PROJECT.glob("playbooks/*.yml"))]
ROLES = sorted(path.name for path in (PROJECT / "roles").glob("*") if path.is_dir())


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PROJECT)))
def test_a_module_fits_in_one_reading(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 400
    assert [name for name, lines in _functions(path) if lines > 40] == []


@pytest.mark.parametrize("path", TASK_FILES, ids=lambda path: str(path.relative_to(PROJECT)))
def test_a_task_file_fits_in_one_reading(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 120


@pytest.mark.parametrize("role", ROLES)
def test_a_role_states_its_options_and_their_defaults_once(role: str) -> None:
    folder = PROJECT / "roles" / role
    specs = yaml.safe_load((folder / "meta" / "argument_specs.yml").read_text())
    options = specs["argument_specs"]["main"]["options"]
    stated = {name: option["default"] for name, option in options.items() if "default" in option}
    defaults = yaml.safe_load((folder / "defaults" / "main.yml").read_text()) or {}
    assert stated == defaults
    assert [name for name in options if not name.startswith(f"{role}_")] == []
    assert [name for name, option in options.items() if "description" not in option] == []


@pytest.mark.parametrize("role", ROLES)
def test_a_role_says_what_it_guarantees(role: str) -> None:
    text = (PROJECT / "roles" / role / "README.md").read_text()
    assert "```yaml" in text


def test_every_dependency_is_locked_with_a_hash() -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    lock = (PROJECT / "requirements.lock").read_text()
    locked = {
        name.lower()
        for name in re.findall(r"^([A-Za-z0-9._-]+)==.*\\\n\s+--hash=sha256:", lock, re.MULTILINE)
    }
    assert {re.split(r"[<>=~\[ ]", name)[0].lower() for name in wanted} <= locked


def test_every_health_code_has_its_page() -> None:
    assert pages() == {code.name for code in CODES}


def test_the_index_of_the_runbooks_is_made_from_their_pages() -> None:
    made = runbook_index.index(runbook_index.RUNBOOKS)
    assert runbook_index.INDEX.read_text() == made, "run `make docs`"


def test_the_architecture_lists_the_modules_that_exist() -> None:
    page = module_table.PAGE.read_text()
    made = module_table.with_table(page, module_table.table(PROJECT / "dicos_site"))
    assert page == made, "run `make docs`"


def _functions(path: Path) -> Iterator[tuple[str, int]]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, (node.end_lineno or node.lineno) - node.lineno + 1
