"""What long work says while it runs: one sentence a step, shown by whoever called it."""

from collections.abc import Callable

Progress = Callable[[str], None]


def silent(_: str) -> None:
    """Show nothing: tests, and callers with a display of their own."""
