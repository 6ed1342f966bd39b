"""Hosts → the same work on all at once, with every problem gathered."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from dicos_site.errors import LabError, Problem

Item = TypeVar("Item")
Answer = TypeVar("Answer")
_THREADS = 8


def each(items: Iterable[Item], work: Callable[[Item], Answer], *, threads: int = _THREADS) -> list[Answer]:
    """Return the answers in the order of the items; one LabError with the problems of all that failed."""
    problems: list[Problem] = []
    answers: list[Answer] = []
    with ThreadPoolExecutor(threads) as pool:
        for future in [pool.submit(work, item) for item in items]:
            try:
                answers.append(future.result())
            except LabError as error:
                problems += error.problems
    if problems:
        raise LabError(*problems)
    return answers
