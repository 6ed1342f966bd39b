"""How long a module waits for a cloud that only starts."""

from types import SimpleNamespace

import pytest

import tests.modules  # noqa: F401, it lets modules find module_utils of ours; isort: skip

from plugins.module_utils import site_cloud


class RefusedError(Exception):
    """What the SDK raises; the SDK is on the controllers, not here."""


class Answers:
    """Refuses as often as it is told to, then answers; counts the questions."""

    def __init__(self, refusals: int) -> None:
        self.refusals = refusals
        self.asked = 0

    def __call__(self, cloud: object) -> None:
        self.asked += 1
        if self.asked <= self.refusals:
            raise RefusedError


@pytest.fixture(autouse=True)
def library(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand in for the libraries with what the waiting needs of them: a connection, and their errors."""
    errors = SimpleNamespace(SDKException=RefusedError, ClientException=RefusedError)
    sdk = SimpleNamespace(connect=lambda **_: object(), exceptions=errors)
    monkeypatch.setattr(site_cloud, "openstack", sdk, raising=False)
    monkeypatch.setattr(site_cloud, "exceptions", errors, raising=False)


def test_a_cloud_that_starts_within_the_patience_is_waited_for() -> None:
    ask = Answers(refusals=1)
    site_cloud.connected(30, ask)
    assert ask.asked == 2


def test_without_patience_the_first_error_is_raised() -> None:
    ask = Answers(refusals=9)
    with pytest.raises(RefusedError):
        site_cloud.connected(0, ask)
    assert ask.asked == 1


def test_an_error_that_does_not_pass_is_raised_at_once() -> None:
    ask = Answers(refusals=9)
    with pytest.raises(RefusedError):
        site_cloud.connected(30, ask, passes=lambda _: False)
    assert ask.asked == 1
