"""The cache of baked images: what a rack uses now stays, what was used longest ago goes."""

import os
from pathlib import Path

import pytest

from dicos_site.lab import image

OLDEST = "oldest"


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Return a cache of nine images, each used before the one in front of it."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    made = [image.cache() / name for name in (*(f"other{number}" for number in range(8)), OLDEST)]
    for age, folder in enumerate(made):
        folder.mkdir(parents=True)
        os.utime(folder, (1_000_000 - age, 1_000_000 - age))
    return made


def test_the_image_that_was_used_longest_ago_goes(folders: list[Path]) -> None:
    assert image._least_used(folders) == [image.cache() / OLDEST]


def test_an_image_that_is_used_now_stays(folders: list[Path]) -> None:
    image._note_use(OLDEST)
    assert image._least_used(folders) == [image.cache() / "other7"]


def test_an_image_that_is_in_no_cache_is_used_without_a_note(folders: list[Path]) -> None:
    image._note_use("imported")
    assert image._least_used(folders) == [image.cache() / OLDEST]
