"""A service that is asked without end → how long it was silent around a fault."""

import threading
import time
from collections.abc import Callable
from itertools import pairwise


def longest_silence(
    ask: Callable[[], bool], act: Callable[[], None], *, settle_s: float = 15, every_s: float = 0.02
) -> float:
    """Return the longest time in seconds between two answers, from before `act` until `settle_s` after it.

    `ask` says whether it was answered; it must time out by itself.
    RuntimeError where no answer came after `act`.
    """
    answers: list[float] = []
    stop = threading.Event()

    def keep_asking() -> None:
        while not stop.is_set():
            if ask():
                answers.append(time.monotonic())
            time.sleep(every_s)

    asker = threading.Thread(target=keep_asking, daemon=True)
    asker.start()
    time.sleep(1)
    acted = time.monotonic()
    try:
        act()
        time.sleep(settle_s)
    finally:
        stop.set()
        asker.join()
    if not answers or answers[-1] < acted:
        raise RuntimeError(f"no answer within {settle_s:g} s after the fault")
    return max(after - before for before, after in pairwise(answers))
