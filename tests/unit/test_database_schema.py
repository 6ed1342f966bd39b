"""The newest revisions among a release's migrations, read from real scripts."""

from pathlib import Path

import tests.modules  # noqa: F401  (finds what the modules share)
from plugins.module_utils.revisions import heads


def script(folder: Path, revision: str, down: str) -> None:
    folder.mkdir(exist_ok=True)
    lines = ['"""A migration."""', f'revision = "{revision}"', f"down_revision = {down}", "value = open"]
    (folder / f"{revision}.py").write_text("\n".join(lines))


def test_the_newest_revision_is_the_one_that_no_other_follows(tmp_path: Path) -> None:
    script(tmp_path, "a1", "None")
    script(tmp_path, "b2", '"a1"')
    assert heads(tmp_path) == {"b2"}


def test_every_branch_has_its_own_newest_revision(tmp_path: Path) -> None:
    script(tmp_path, "a1", "None")
    script(tmp_path / "expand", "b2", '"a1"')
    script(tmp_path / "contract", "c3", '"a1"')
    assert heads(tmp_path) == {"b2", "c3"}


def test_a_revision_may_join_two_branches(tmp_path: Path) -> None:
    script(tmp_path, "a1", "None")
    script(tmp_path, "b2", "None")
    script(tmp_path, "c3", '("a1", "b2")')
    assert heads(tmp_path) == {"c3"}


def test_a_script_with_types_counts_and_one_that_is_no_migration_does_not(tmp_path: Path) -> None:
    (tmp_path / "typed.py").write_text('revision: str = "a1"\ndown_revision: str | None = None\n')
    (tmp_path / "helper.py").write_text("revision = None\n\n\ndef help_out():\n    pass\n")
    assert heads(tmp_path) == {"a1"}


def test_a_branch_that_another_waits_for_is_no_newest_revision(tmp_path: Path) -> None:
    script(tmp_path, "expand1", "None")
    script(tmp_path, "contract1", 'None\ndepends_on = "expand1"')
    assert heads(tmp_path) == {"contract1"}
