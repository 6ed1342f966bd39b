"""The cache of baked images: what a rack uses now stays, what was used least recently goes."""

import os
from pathlib import Path

import pytest

from dicos_site.lab import image, incus
from dicos_site.lab.mirrors import Mirrors

USED = ("chrony",)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a cache of nine images, of which the one that will be used is the oldest; Incus has all."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(incus, "find", lambda path: {"target": path.rpartition("-")[2]})
    monkeypatch.setattr(incus, "delete", lambda _path: None)
    for age, name in enumerate([*(f"other{number}" for number in range(8)), image.key(USED)]):
        made = image.cache() / name
        made.mkdir(parents=True)
        os.utime(made, (1_000_000 - age, 1_000_000 - age))
    return image.cache()


def test_a_bake_removes_the_image_that_was_used_least_recently(folder: Path) -> None:
    image.ensure(USED, Mirrors(""), "hub", print)
    image._prune()
    assert {path.name for path in folder.iterdir()} == {*(f"other{n}" for n in range(7)), image.key(USED)}


def test_an_image_that_no_rack_uses_goes_first(folder: Path) -> None:
    image._prune()
    assert not (folder / image.key(USED)).exists()
