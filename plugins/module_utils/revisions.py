"""Alembic's scripts → the revisions that a release wants; the scripts are read, not run."""

from __future__ import annotations

import ast
from pathlib import Path


def heads(scripts: Path) -> set[str]:
    """Return the newest revisions among Alembic's scripts: one for each branch.

    They are read, not run: revision and down_revision are literals at the top of each script.
    """
    revisions: set[str] = set()
    ancestors: set[str] = set()
    for script in scripts.rglob("*.py"):
        values = _literals(script)
        revision = values.get("revision")
        if isinstance(revision, str):
            revisions.add(revision)
            # A revision of another branch that this one waits for leaves the table too.
            for older in (values.get("down_revision"), values.get("depends_on")):
                ancestors |= {older} if isinstance(older, str) else set(older or ())
    return revisions - ancestors


def _literals(script: Path) -> dict[str, str | tuple[str, ...] | None]:
    """Return the module's revision, down_revision and depends_on, where they are literals."""
    found = {}
    for statement in ast.parse(script.read_text()).body:
        if isinstance(statement, ast.Assign):
            targets, value = statement.targets, statement.value
        elif isinstance(statement, ast.AnnAssign) and statement.value:
            targets, value = [statement.target], statement.value
        else:
            continue
        for target in targets:
            if isinstance(target, ast.Name) and target.id in ("revision", "down_revision", "depends_on"):
                found[target.id] = ast.literal_eval(value)
    return found
