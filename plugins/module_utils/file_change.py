"""A file of the host that is replaced or removed, and can be put back until its neighbours have landed."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from ansible.module_utils.host_paths import Attributes


@dataclass(frozen=True)
class Wanted:
    """A file as it is meant to be."""

    path: Path
    content: bytes
    attributes: Attributes
    validate: str | None
    secret: bool


@dataclass(frozen=True)
class Change:
    """One path that is replaced or, where `wanted` is None, removed.

    `staging` lies beside the path; it holds the new file and, once that has landed, the previous one.
    """

    path: Path
    staging: Path
    wanted: Wanted | None

    @property
    def new(self) -> Path:
        """Where the new file waits; its name is that of the path, because some checks go by it."""
        return self.staging / "new" / self.path.name

    @property
    def previous(self) -> Path:
        """Where the file lies that was there before."""
        return self.staging / "previous"

    def land(self) -> None:
        """Move the new file in place, or the old one away; what was there is kept."""
        if self.wanted is None:
            self.path.rename(self.previous)
            return
        if self.path.is_symlink():
            self.previous.symlink_to(self.path.readlink())
        elif self.path.exists():
            self.previous.hardlink_to(self.path)
        self.new.replace(self.path)

    def put_back(self) -> None:
        """Undo that, however far it came."""
        if os.path.lexists(self.previous):
            self.previous.replace(self.path)
        elif self.wanted and not self.new.exists():
            self.path.unlink()
