"""The benchmark's measure of silence."""

import time

import pytest

from tools.gap import longest_silence


def test_a_silence_is_measured_from_the_last_answer_to_the_next() -> None:
    silent_until = 0.0

    def fall_silent() -> None:
        nonlocal silent_until
        silent_until = time.monotonic() + 0.5

    gap = longest_silence(lambda: time.monotonic() > silent_until, fall_silent, settle_s=1)
    assert 0.5 <= gap < 0.7


def test_a_service_that_stays_silent_is_not_measured() -> None:
    answering = True

    def stop() -> None:
        nonlocal answering
        answering = False

    with pytest.raises(RuntimeError, match=r"no answer within 0\.2 s after the fault"):
        longest_silence(lambda: answering, stop, settle_s=0.2)
