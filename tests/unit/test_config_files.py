"""The module config_files on real files, and the action plugin through Ansible."""

import base64
import json
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.modules import OWN, Result, run_module, run_play

NOTHING = {"changed": False, "changed_files": []}


def apply(*files: tuple[Path, str] | Mapping[str, object], **options: object) -> Result:
    """Run the module for files given as (path, content) or in full."""
    entries = [{"dest": str(e[0]), "content": e[1]} if isinstance(e, tuple) else dict(e) for e in files]
    contents = [base64.b64encode(str(entry.pop("content")).encode()).decode() for entry in entries]
    mode = {key: options.pop(key) for key in ("check_mode", "diff") if key in options}
    arguments: Result = {"files": [{**OWN, **entry} for entry in entries], "contents": contents, **options}
    return run_module("config_files", arguments, **{key: bool(value) for key, value in mode.items()})


def shown(result: Result) -> Result:
    return {key: result[key] for key in ("changed", "changed_files")}


def test_a_second_run_changes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "a.conf"
    assert shown(apply((file, "one\n"))) == {"changed": True, "changed_files": [str(file)]}
    assert shown(apply((file, "one\n"))) == NOTHING
    assert file.read_text() == "one\n"


def test_a_mode_is_mended_where_the_content_is_right(tmp_path: Path) -> None:
    file = tmp_path / "a.conf"
    apply({"dest": str(file), "content": "one\n", "mode": "0600"})
    result = apply({"dest": str(file), "content": "one\n", "mode": "0640"})
    assert shown(result) == {"changed": True, "changed_files": [str(file)]}
    assert file.stat().st_mode & 0o7777 == 0o640


def test_directories_are_made_before_the_files_in_them(tmp_path: Path) -> None:
    directory = tmp_path / "a" / "b"
    result = apply((directory / "c.conf", "c"), directories=[{**OWN, "path": str(directory), "mode": "0750"}])
    assert result["changed_files"] == [str(directory), str(directory / "c.conf")]
    assert directory.stat().st_mode & 0o7777 == 0o750


def test_no_file_lands_when_one_of_them_is_refused(tmp_path: Path) -> None:
    good, bad = tmp_path / "good", tmp_path / "bad"
    good.write_text("before")
    result = apply(
        {"dest": str(good), "content": "after", "validate": "grep -q after %s"},
        {"dest": str(bad), "content": "wrong", "validate": "grep -q right %s"},
    )
    assert (result["failed"], good.read_text(), bad.exists()) == (True, "before", False)
    assert [path.name for path in tmp_path.iterdir()] == ["good"]


def test_a_refusal_names_every_file_its_reason_and_the_fix(tmp_path: Path) -> None:
    files = [tmp_path / "one.py", tmp_path / "two.py"]
    check = f"{sys.executable} -c 'import sys; sys.exit(\"no \" + sys.argv[1])' %s"
    result = apply(*({"dest": str(file), "content": "x", "validate": check} for file in files))
    fix = "mend the option that the message names"
    assert result["msg"] == "\n".join(
        f"{sys.executable} refuses the file: no {file}\n  at:  {file}\n  fix: {fix}" for file in files
    )


def test_all_files_are_put_back_when_they_do_not_fit_together(tmp_path: Path) -> None:
    old, new, gone = tmp_path / "old", tmp_path / "new", tmp_path / "gone"
    old.write_text("before")
    gone.symlink_to("nowhere")
    result = apply((old, "after"), (new, "new"), absent=[str(gone)], validate=[f"grep -q before {old}"])
    assert result["failed"]
    assert (old.read_text(), new.exists(), gone.is_symlink()) == ("before", False, True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["gone", "old"]


def test_files_that_fit_together_stay(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    old.write_text("before")
    apply((old, "after"), (new, "new"), validate=[f"grep -q after {old}", f"grep -q new {new}"])
    assert (old.read_text(), new.read_text()) == ("after", "new")


def test_check_mode_tells_and_touches_nothing(tmp_path: Path) -> None:
    file, gone, directory = tmp_path / "a", tmp_path / "gone", tmp_path / "d"
    gone.touch()
    options = {"absent": [str(gone)], "directories": [{**OWN, "path": str(directory)}]}
    result = apply((file, "a"), (directory / "b", "b"), check_mode=True, **options)
    assert result["changed_files"] == [str(directory), str(gone), str(file), str(directory / "b")]
    assert [path.name for path in tmp_path.iterdir()] == ["gone"]


def test_check_mode_works_before_the_package_has_made_its_user(tmp_path: Path) -> None:
    file = {"dest": str(tmp_path / "a"), "content": "a", "owner": "no-such-user"}
    assert apply(file, check_mode=True)["changed"] is True
    assert apply(file)["msg"] == (
        f'there is no user "no-such-user"\n  at:  {tmp_path}/a\n'
        "  fix: install the package that makes it first"
    )


def test_a_secret_is_in_no_diff_and_in_no_result(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("old-secret")
    entry = {
        "dest": str(file),
        "content": "new-secret",
        "mode": "0600",
        "secret": True,
        "validate": "grep x %s",
    }
    refused = apply(entry, diff=True)
    changed = apply({**entry, "validate": "cat %s"}, diff=True)
    assert (refused["failed"], changed["changed"]) == (True, True)
    everything = json.dumps([refused, changed])
    assert "old-secret" not in everything
    assert "new-secret" not in everything
    assert base64.b64encode(b"new-secret").decode() not in everything


def test_a_diff_shows_what_changes(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_text("one\n")
    assert apply((file, "two\n"), diff=True)["diff"] == [
        {"before_header": str(file), "after_header": str(file), "before": "one\n", "after": "two\n"}
    ]


def test_a_link_is_replaced_and_what_it_points_to_is_left_alone(tmp_path: Path) -> None:
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_text("mine")
    link.symlink_to(target)
    apply((link, "ours"))
    assert (link.is_symlink(), link.read_text(), target.read_text()) == (False, "ours", "mine")


def test_what_must_be_absent_is_removed_once(tmp_path: Path) -> None:
    directory = tmp_path / "d"
    directory.mkdir()
    (directory / "inside").touch()
    assert apply(absent=[str(directory)])["changed_files"] == [str(directory)]
    assert shown(apply(absent=[str(directory)])) == NOTHING


def test_what_an_interrupted_run_left_is_cleared(tmp_path: Path) -> None:
    left = tmp_path / ".config_files-left"
    left.mkdir()
    apply((tmp_path / "a", "a"))
    assert not left.exists()


@pytest.mark.parametrize(
    ("file", "message"),
    [
        ({"mode": "420"}, '"420" is not a mode\n  at:  {dest}\n  fix: quote it, in octal: "0644"'),
        (
            {"validate": "true"},
            "validate does not name the file\n  at:  {dest}\n  fix: write %s where its path belongs",
        ),
        (
            {"dest": "missing/a"},
            "the directory is missing\n  at:  {dest}\n  fix: list {parent} under directories",
        ),
    ],
)
def test_a_mistake_of_a_role_has_its_place_and_its_fix(
    tmp_path: Path, file: dict[str, str], message: str
) -> None:
    dest = tmp_path / file.get("dest", "a")
    result = apply({"content": "x", **file, "dest": str(dest)})
    assert result["msg"] == message.replace("{dest}", str(dest)).replace("{parent}", str(dest.parent))


def test_a_run_that_is_killed_in_its_check_leaves_the_old_file(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_text("before")
    script = tmp_path / "kill"
    script.write_text("#!/bin/sh\nkill -9 $PPID\n")
    script.chmod(0o755)
    with pytest.raises(AssertionError):
        apply({"dest": str(file), "content": "after", "validate": f"{script} %s"})
    assert file.read_text() == "before"
    apply((file, "after"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "kill"]


PLAY = """
- hosts: localhost
  connection: local
  gather_facts: false
  vars: {things: [one, two], ansible_python_interpreter: "{{ ansible_playbook_python }}"}
  tasks:
    - config_files:
        files:
          - {src: a.j2, dest: "OUT/a", owner: USER, group: GROUP, vars: {own: mine}}
          - {content: "{{ things | join }}", dest: "OUT/b", owner: USER, group: GROUP}
    - ansible.builtin.template: {src: plain.j2, dest: "OUT/expected", mode: "0644"}
"""
TEMPLATE = """{{ ansible_managed | comment }}
{% for thing in things %}
thing {{ thing }}
{% endfor %}
{% include 'part.j2' %}
"""


def test_templates_are_rendered_as_ansible_renders_them(tmp_path: Path) -> None:
    text = PLAY.replace("OUT", str(tmp_path)).replace("USER", OWN["owner"]).replace("GROUP", OWN["group"])
    (tmp_path / "play.yml").write_text(text)
    templates = tmp_path / "templates"
    templates.mkdir()
    (templates / "plain.j2").write_text(TEMPLATE)
    (templates / "a.j2").write_text(TEMPLATE.replace("{% endfor", "{{ own }}\n{% endfor"))
    (templates / "part.j2").write_text("part of {{ things | length }}\n")
    run_play(tmp_path / "play.yml")
    assert (tmp_path / "a").read_text().replace("mine\n", "") == (tmp_path / "expected").read_text()
    assert (tmp_path / "a").read_text().count("mine\n") == 2
    assert (tmp_path / "b").read_text() == "onetwo"
