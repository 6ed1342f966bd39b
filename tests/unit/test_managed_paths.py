"""What a host says of the files that roles wrote, and when a role believes it."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import pytest

import tests.modules  # noqa: F401  (finds what the modules share)
from plugins.action.config_files import all_there
from plugins.module_utils.managed_paths import remember, remembered, there
from tests.modules import OWN

OWNER, GROUP = OWN["owner"], OWN["group"]


def test_a_path_is_told_as_it_is(tmp_path: Path) -> None:
    file, link = tmp_path / "file", tmp_path / "link"
    file.write_text("one\n")
    file.chmod(0o640)
    link.symlink_to(file)
    tmp_path.chmod(0o2755)
    assert there(file) == ["file", OWNER, GROUP, "0640", hashlib.sha256(b"one\n").hexdigest()]
    assert there(tmp_path) == ["directory", OWNER, GROUP, "2755"]
    assert there(tmp_path / "none") == ["absent"]
    assert there(link) == ["other"]


def test_paths_are_added_to_the_list_and_never_forgotten(tmp_path: Path) -> None:
    memory = tmp_path / "of" / "paths"
    assert remembered(memory) == []
    remember(memory, ["/etc/b"])
    remember(memory, ["/etc/a", "/etc/b"])
    assert remembered(memory) == ["/etc/a", "/etc/b"]


def test_a_broken_list_is_an_empty_one(tmp_path: Path) -> None:
    (tmp_path / "paths").write_text('["/etc/a"')
    assert remembered(tmp_path / "paths") == []


CONTENT = "server 10.77.0.11 iburst\n"
ARGUMENTS: Mapping[str, object] = {"directories": [{"path": "/etc/chrony"}], "absent": ["/etc/chrony/old"]}
FILE: Mapping[str, object] = {"dest": "/etc/chrony/chrony.conf", "group": "_chrony", "mode": "0640"}
REPORTED = {
    "/etc/chrony": ["directory", "root", "root", "0755"],
    "/etc/chrony/old": ["absent"],
    "/etc/chrony/chrony.conf": [
        *("file", "root", "_chrony", "0640"),
        hashlib.sha256(CONTENT.encode()).hexdigest(),
    ],
}


def believed(reported: object, file: Mapping[str, object] = FILE, content: str = CONTENT) -> bool:
    return all_there(ARGUMENTS, [file], [content], {"host_files": reported})


def test_files_that_the_host_has_are_not_asked_for_again() -> None:
    assert believed(REPORTED)


@pytest.mark.parametrize(
    ("path", "state"),
    [
        ("/etc/chrony", ["directory", "root", "root", "0700"]),
        ("/etc/chrony", ["absent"]),
        ("/etc/chrony/old", ["file", "root", "root", "0644", "0"]),
        ("/etc/chrony/chrony.conf", ["absent"]),
        ("/etc/chrony/chrony.conf", ["other"]),
        ("/etc/chrony/chrony.conf", ["file", "root", "_chrony", "0640", "0"]),
        (
            "/etc/chrony/chrony.conf",
            ["file", "root", "root", "0640", *REPORTED["/etc/chrony/chrony.conf"][4:]],
        ),
    ],
)
def test_whatever_differs_is_asked_for(path: str, state: list[str]) -> None:
    assert not believed({**REPORTED, path: state})


@pytest.mark.parametrize("path", REPORTED)
def test_a_path_that_the_host_has_not_told_is_asked_for(path: str) -> None:
    assert not believed({name: state for name, state in REPORTED.items() if name != path})


@pytest.mark.parametrize("reported", [None, {}, "all"])
def test_without_a_report_the_host_is_asked(reported: object) -> None:
    assert not believed(reported)


def test_new_content_or_a_new_mode_is_asked_for() -> None:
    assert not believed(REPORTED, content=CONTENT + "#\n")
    assert not believed(REPORTED, {**FILE, "mode": "0600"})


def test_a_mode_that_is_none_is_left_to_the_module_to_refuse() -> None:
    assert not believed(REPORTED, {**FILE, "mode": "rw"})
