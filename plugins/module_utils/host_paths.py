"""What the modules share: who owns a path of the host, and how a mistake is said."""

from __future__ import annotations

import grp
import os
import pwd
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


class RefusalError(Exception):
    """Every problem found, each as "what / at / fix"."""

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def problem(what: str, where: str | Path, fix: str) -> str:
    """Return one problem in the form of the whole project."""
    return f"{what}\n  at:  {where}\n  fix: {fix}"


@dataclass(frozen=True)
class Attributes:
    """Who owns a path and who may use it."""

    owner: int
    group: int
    mode: int

    def __str__(self) -> str:
        return f"owner: {user_name(self.owner)}\ngroup: {group_name(self.group)}\nmode: '{self.mode:04o}'\n"


def wanted_attributes(path: str | Path, entry: Mapping[str, object], check_mode: bool) -> Attributes:
    """Return an entry's owner, group and mode as numbers; in check mode a user not made yet is -1."""
    mode = str(entry["mode"])
    if not (mode.startswith("0") and all(digit in "01234567" for digit in mode)):
        raise RefusalError(problem(f'"{mode}" is not a mode', path, 'quote it, in octal: "0644"'))
    owner = _identity(path, str(entry["owner"]), "user", check_mode)
    return Attributes(owner, _identity(path, str(entry["group"]), "group", check_mode), int(mode, 8))


def current_attributes(path: Path) -> Attributes:
    """Return what a path has; a link itself, not what it points to."""
    found = path.lstat()
    return Attributes(found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode))


def set_attributes(path: Path, wanted: Attributes) -> None:
    """Give a path its owner, group and mode; changing the owner clears set-user bits, so the mode is last."""
    os.chown(path, wanted.owner, wanted.group)
    path.chmod(wanted.mode)


def write_new(path: Path, content: bytes, wanted: Attributes) -> None:
    """Write a file that is not there yet; nobody but root reads it before it has its owner and mode."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    set_attributes(path, wanted)


def system_problem(error: OSError) -> str:
    """Return what the system refused as a problem."""
    return problem(error.strerror or str(error), str(error.filename), "mend the path, then run again")


def _identity(path: str | Path, name: str, what: str, check_mode: bool) -> int:
    try:
        return pwd.getpwnam(name).pw_uid if what == "user" else grp.getgrnam(name).gr_gid
    except KeyError:
        if name.isdigit():
            return int(name)
        if check_mode:
            return -1
    raise RefusalError(
        problem(f'there is no {what} "{name}"', path, "install the package that makes it first")
    )


def user_name(number: int) -> str:
    """Return a user's name, or the number where it has none."""
    try:
        return pwd.getpwuid(number).pw_name if number >= 0 else "(not made yet)"
    except KeyError:
        return str(number)


def group_name(number: int) -> str:
    """Return a group's name, or the number where it has none."""
    try:
        return grp.getgrgid(number).gr_name if number >= 0 else "(not made yet)"
    except KeyError:
        return str(number)
