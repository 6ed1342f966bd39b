"""Paths that `config_files` takes care of on this host → what is there now, for the preflight's report."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from ansible.module_utils.host_paths import current_attributes, group_name, user_name

if TYPE_CHECKING:
    from collections.abc import Iterable

# The names alone: what is at them is asked each time.
MEMORY = Path("/var/lib/dicos/managed-paths")
LARGEST = 1 << 20
ABSENT = ["absent"]
OTHER = ["other"]


def remember(memory: Path, paths: Iterable[str]) -> None:
    """Add paths to the list; it is written anew only where one is new."""
    known, told = set(remembered(memory)), set(paths)
    if told <= known:
        return
    memory.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    fresh = memory.with_name(f".{memory.name}.new")
    fresh.write_text(json.dumps(sorted(known | told)), encoding="utf-8")
    fresh.replace(memory)


def remembered(memory: Path) -> list[str]:
    """Return the list; empty where there is none, or a broken one."""
    try:
        return [str(path) for path in json.loads(memory.read_text(encoding="utf-8"))]
    except (OSError, ValueError):
        return []


def there(path: Path) -> list[str]:
    """Return what is at a path.

    ["absent"], ["other"], ["directory", owner, group, mode] or ["file", owner, group, mode, SHA-256].
    """
    if not os.path.lexists(path):
        return ABSENT
    if path.is_dir():
        return ["directory", *_attributes(path.resolve())]
    found = path.lstat()
    if not stat.S_ISREG(found.st_mode) or found.st_size > LARGEST:
        return OTHER
    return ["file", *_attributes(path), hashlib.sha256(path.read_bytes()).hexdigest()]


def _attributes(path: Path) -> list[str]:
    found = current_attributes(path)
    return [user_name(found.owner), group_name(found.group), f"{found.mode:04o}"]
