"""The keys of tokens: what every controller makes by itself, and what keystone reads of it."""

from pathlib import Path

import pytest
from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from dicos_site import keystone_keys

SECRET = b"c2VjcmV0IG9mIGEgc2l0ZSwgNDQgY2hhcmFjdGVycyBsb25n"
DAY_S = 86_400
PREVIOUS = 3
NOW = 20_000 * DAY_S + 1.5


def at(moment: float, secret: bytes = SECRET) -> dict[str, str]:
    return keystone_keys.keys(secret, moment, DAY_S, PREVIOUS)


def reader(keys: dict[str, str]) -> MultiFernet:
    """Return what signs with the key of the highest number and reads with all, as keystone does."""
    return MultiFernet([Fernet(keys[name]) for name in sorted(keys, key=int, reverse=True)])


def test_the_primary_has_the_number_of_its_period() -> None:
    assert sorted(at(NOW), key=int) == ["0", "19997", "19998", "19999", "20000"]


def test_every_controller_makes_the_same_keys() -> None:
    assert at(NOW) == at(NOW + DAY_S - 2)


def test_another_secret_or_another_length_of_period_gives_other_keys() -> None:
    other = keystone_keys.keys(SECRET, NOW, DAY_S // 2, PREVIOUS)
    assert not set(at(NOW).values()) & (set(at(NOW, b"another").values()) | set(other.values()))


def test_what_is_staged_becomes_the_primary() -> None:
    assert at(NOW)["0"] == at(NOW + DAY_S)["20001"]


@pytest.mark.parametrize("periods", [-1, 0, 1, 2, 3])
def test_a_token_is_read_by_a_clock_that_is_behind_and_for_as_long_as_it_may_be_asked_for(
    periods: int,
) -> None:
    token = reader(at(NOW)).encrypt(b"token")
    assert reader(at(NOW + periods * DAY_S)).decrypt(token) == b"token"


def test_a_token_is_not_read_for_ever() -> None:
    token = reader(at(NOW)).encrypt(b"token")
    with pytest.raises(InvalidToken):
        reader(at(NOW + (PREVIOUS + 1) * DAY_S)).decrypt(token)


def test_the_repository_holds_the_keys_and_no_others(tmp_path: Path) -> None:
    repository = tmp_path / "keys"
    repository.mkdir()
    for moment in (NOW, NOW + 5 * DAY_S, NOW):
        keystone_keys.write(repository, at(moment))
        assert {path.name: path.read_text() for path in repository.iterdir()} == at(moment)
    assert [path.name for path in tmp_path.iterdir()] == ["keys"]


def test_keys_are_readable_by_their_owner_only(tmp_path: Path) -> None:
    repository = tmp_path / "keys"
    repository.mkdir()
    keystone_keys.write(repository, at(NOW))
    assert {path.stat().st_mode & 0o777 for path in repository.iterdir()} == {0o600}


def test_a_key_that_is_right_is_not_written_again(tmp_path: Path) -> None:
    repository = tmp_path / "keys"
    repository.mkdir()
    keystone_keys.write(repository, at(NOW))
    before = {path.name: path.stat().st_ino for path in repository.iterdir()}
    keystone_keys.write(repository, at(NOW))
    assert {path.name: path.stat().st_ino for path in repository.iterdir()} == before
