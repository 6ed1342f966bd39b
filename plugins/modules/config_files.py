#!/usr/bin/python
"""Wanted files → the host's files: all are checked before any lands."""

from __future__ import annotations

import base64
import glob
import grp
import os
import pwd
import shlex
import shutil
import stat
import tempfile
from dataclasses import dataclass, field

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: config_files
short_description: Write all files of a role in one round trip
description:
  - Templates are rendered on the controller, as M(ansible.builtin.template) does, and sent in one call.
  - Every changed file is written beside its place and checked; only when all are valid are they moved in place.
  - Owner, group and mode are set even where the content is right.
options:
  files:
    description: The files, in the order in which they are moved in place.
    type: list
    elements: dict
    default: []
    suboptions:
      src:
        description: Template of the role; this or O(files[].content).
        type: str
      content:
        description: The text of the file; this or O(files[].src).
        type: str
      vars:
        description: Variables for this file's template alone.
        type: dict
      dest:
        description: Path on the host. Its directory exists or is in O(directories).
        type: path
        required: true
      owner:
        description: User who owns the file.
        type: str
        default: root
      group:
        description: Group that owns the file.
        type: str
        default: root
      mode:
        description: Permissions, quoted, in octal.
        type: str
        default: "0644"
      validate:
        description: Command that checks the file before it lands; C(%s) is its path (its name is that of dest).
        type: str
      secret:
        description: The content is secret; no diff, and no output of the check, is shown.
        type: bool
        default: false
  directories:
    description: Directories to make before the files; missing parents are made, owned by root, mode 0755.
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description: Path on the host.
        type: path
        required: true
      owner:
        description: User who owns the directory.
        type: str
        default: root
      group:
        description: Group that owns the directory.
        type: str
        default: root
      mode:
        description: Permissions, quoted, in octal.
        type: str
        default: "0755"
  absent:
    description: Files, links and empty directories that must not be there.
    type: list
    elements: path
    default: []
  validate:
    description:
      - Commands that check all files together, run when they are in place and something has changed.
      - Where one refuses, everything is put back as it was. For files that depend on each other.
    type: list
    elements: str
    default: []
  contents:
    description: The rendered contents in the order of O(files); filled in by the action plugin.
    type: list
    elements: str
    default: []
author: DiCOS (@dicos)
"""

EXAMPLES = r"""
- name: Write chrony configuration
  config_files:
    directories:
      - {path: /etc/chrony/sources.d, mode: "0755"}
    files:
      - {src: chrony.conf.j2, dest: /etc/chrony/chrony.conf, mode: "0644", validate: chronyd -p -f %s}
      - {src: chrony.keys.j2, dest: /etc/chrony/chrony.keys, group: _chrony, mode: "0640", secret: true}
  register: __time_sync_files
  notify: Restart chronyd
"""

RETURN = r"""
changed_files:
  description: Paths whose content, owner, group or mode changed, that were made, or that were removed.
  type: list
  elements: str
  returned: success
"""

_PREFIX = ".config_files-"
_ATTRIBUTES = {
    "owner": {"type": "str", "default": "root"},
    "group": {"type": "str", "default": "root"},
}
ARGUMENTS = {
    "files": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            **_ATTRIBUTES,
            "dest": {"type": "path", "required": True},
            "mode": {"type": "str", "default": "0644"},
            "validate": {"type": "str"},
            "secret": {"type": "bool", "default": False},
        },
    },
    "directories": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            **_ATTRIBUTES,
            "path": {"type": "path", "required": True},
            "mode": {"type": "str", "default": "0755"},
        },
    },
    "absent": {"type": "list", "elements": "path", "default": []},
    "validate": {"type": "list", "elements": "str", "default": []},
    "contents": {"type": "list", "elements": "str", "default": [], "no_log": True},
}


class Refusal(Exception):
    """What is wrong, where, and the next step; several of them joined."""

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def problem(what: str, where: str, fix: str) -> str:
    """Return one problem in the form of the whole project."""
    return f"{what}\n  at:  {where}\n  fix: {fix}"


@dataclass(frozen=True)
class Attributes:
    """Who owns a path and who may use it."""

    owner: int
    group: int
    mode: int

    def __str__(self) -> str:
        return f"owner: {_name(self.owner, pwd)}\ngroup: {_name(self.group, grp)}\nmode: '{self.mode:04o}'\n"


@dataclass(frozen=True)
class Wanted:
    """A file as it is meant to be."""

    path: str
    content: bytes
    attributes: Attributes
    validate: str | None
    secret: bool


@dataclass
class Change:
    """One path that is replaced or removed; `staging` holds the new file and, later, the previous one."""

    path: str
    staging: str
    wanted: Wanted | None = None

    @property
    def new(self) -> str:
        return os.path.join(self.staging, "new", os.path.basename(self.path))

    @property
    def previous(self) -> str:
        return os.path.join(self.staging, "previous")


@dataclass
class Result:
    """What was, or in check mode would be, changed."""

    changed_files: list[str] = field(default_factory=list)
    diff: list[dict[str, str]] = field(default_factory=list)

    def add(self, path: str, before: str, after: str) -> None:
        self.changed_files.append(path)
        self.diff.append({"before_header": path, "after_header": path, "before": before, "after": after})


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    os.umask(0o022)
    try:
        result = converge(module)
    except Refusal as refusal:
        module.fail_json(msg=str(refusal))
    except OSError as error:
        module.fail_json(msg=problem(error.strerror or str(error), str(error.filename), "mend the path, run again"))
    facts = {"changed": bool(result.changed_files), "changed_files": result.changed_files}
    module.exit_json(**facts, **({"diff": result.diff} if module._diff else {}))


def converge(module: AnsibleModule) -> Result:
    """Make directories, files and absences so; raises Refusal, and then no file was touched."""
    options, check = module.params, module.check_mode
    directories = _collected([(entry["path"], entry) for entry in options["directories"]], check)
    attributes = _collected([(entry["dest"], entry) for entry in options["files"]], check)
    files = [
        Wanted(entry["dest"], base64.b64decode(content), attributes[entry["dest"]], entry["validate"], entry["secret"])
        for entry, content in zip(options["files"], options["contents"], strict=True)
    ]
    result = Result()
    for path, wanted in directories.items():
        _ensure_directory(path, wanted, result, check)
    _replace(module, files, options["absent"], options["validate"], result)
    return result


def _collected(entries: list[tuple[str, dict[str, str]]], check: bool) -> dict[str, Attributes]:
    found, problems = {}, []
    for path, entry in entries:
        if path in found:
            problems.append(problem("the path is given twice", path, "write each path once"))
        try:
            found[path] = _attributes(path, entry, check)
        except Refusal as refusal:
            problems.extend(refusal.problems)
    if problems:
        raise Refusal(*problems)
    return found


def _attributes(path: str, entry: dict[str, str], check: bool) -> Attributes:
    mode = entry["mode"]
    if not (mode.startswith("0") and all(digit in "01234567" for digit in mode)):
        raise Refusal(problem(f'"{mode}" is not a mode', path, 'quote it, in octal: "0644"'))
    owner = _identity(path, entry["owner"], "user", check)
    return Attributes(owner, _identity(path, entry["group"], "group", check), int(mode, 8))


def _identity(path: str, name: str, what: str, check: bool) -> int:
    """Return the number of a user or group; in check mode the package that brings it may not be there yet."""
    try:
        return pwd.getpwnam(name).pw_uid if what == "user" else grp.getgrnam(name).gr_gid
    except KeyError:
        if name.isdigit():
            return int(name)
        if check:
            return -1
    raise Refusal(problem(f'there is no {what} "{name}"', path, "install the package that makes it first"))


def _name(number: int, database: object) -> str:
    if number < 0:
        return "(not made yet)"
    try:
        return (pwd.getpwuid if database is pwd else grp.getgrgid)(number)[0]
    except KeyError:
        return str(number)


def _current(path: str) -> os.stat_result | None:
    try:
        return os.lstat(path)
    except FileNotFoundError:
        return None


def _current_attributes(found: os.stat_result) -> Attributes:
    return Attributes(found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode))


def _ensure_directory(path: str, wanted: Attributes, result: Result, check: bool) -> None:
    found = os.stat(path) if os.path.exists(path) else None
    if found and not stat.S_ISDIR(found.st_mode):
        raise Refusal(problem("a file is where a directory must be", path, "move it away"))
    if found and _current_attributes(found) == wanted:
        return
    result.add(path, str(_current_attributes(found)) if found else "", str(wanted))
    if check:
        return
    os.makedirs(path, exist_ok=True)
    _set_attributes(path, wanted)


def _set_attributes(path: str, wanted: Attributes) -> None:
    os.chown(path, wanted.owner, wanted.group)
    os.chmod(path, wanted.mode)


def _replace(module: AnsibleModule, files: list[Wanted], absent: list[str], commands: list[str], result: Result) -> None:
    """Write what differs: staged, checked, moved, checked together; put back where that fails."""
    differing = [file for file in files if _differs(file, result)]
    removed = [path for path in absent if _is_there(path, result)]
    if module.check_mode:
        return
    _clear_leftovers({os.path.dirname(path) for path in [*removed, *(file.path for file in differing)]})
    changes: list[Change] = []
    try:
        for path, wanted in [*((path, None) for path in removed), *((file.path, file) for file in differing)]:
            changes.append(Change(path, _staging(path), wanted))
            _write(changes[-1])
        _check_each(module, changes)
        _land(module, changes, commands)
    finally:
        for change in changes:
            shutil.rmtree(change.staging, ignore_errors=True)
    for file in files:
        _set_attributes(file.path, file.attributes)


def _differs(file: Wanted, result: Result) -> bool:
    """Tell whether a file needs new content; wrong attributes alone are only noted."""
    found = _current(file.path)
    if found and stat.S_ISDIR(found.st_mode):
        raise Refusal(problem("a directory is where a file must be", file.path, "move it away"))
    regular = found is not None and stat.S_ISREG(found.st_mode)
    before = _read(file.path) if regular else b""
    if not regular or before != file.content:
        result.add(file.path, _shown(before, file.secret, "old"), _shown(file.content, file.secret, "new"))
        return True
    current = _current_attributes(os.lstat(file.path))
    if current != file.attributes:
        result.add(file.path, str(current), str(file.attributes))
    return False


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def _shown(content: bytes, secret: bool, which: str) -> str:
    return f"({which} content: secret)\n" if secret and content else content.decode(errors="replace")


def _is_there(path: str, result: Result) -> bool:
    found = _current(path)
    if found is None:
        return False
    if stat.S_ISDIR(found.st_mode) and os.listdir(path):
        raise Refusal(problem("the directory is not empty", path, "list what is in it under absent, or remove it"))
    result.add(path, "present\n", "absent\n")
    return True


def _clear_leftovers(directories: set[str]) -> None:
    """Remove what an interrupted run left: a service that reads the whole directory would trip over it."""
    for directory in directories:
        for left in glob.glob(os.path.join(glob.escape(directory), _PREFIX + "*")):
            shutil.rmtree(left, ignore_errors=True)


def _staging(path: str) -> str:
    """Return a new directory beside the path: renames stay in one file system, and names stay as they are."""
    parent = os.path.dirname(path)
    if not os.path.isdir(parent):
        raise Refusal(problem("the directory is missing", path, f"list {parent} under directories"))
    staging = tempfile.mkdtemp(prefix=_PREFIX, dir=parent)
    os.mkdir(os.path.join(staging, "new"))
    # A check may drop its privileges; the file in here has its final owner and mode.
    os.chmod(staging, 0o711)
    return staging


def _write(change: Change) -> None:
    if change.wanted is None:
        return
    descriptor = os.open(change.new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(change.wanted.content)
        file.flush()
        os.fsync(file.fileno())
    _set_attributes(change.new, change.wanted.attributes)


def _check_each(module: AnsibleModule, changes: list[Change]) -> None:
    problems = []
    for change in changes:
        wanted = change.wanted
        if wanted is None or not wanted.validate:
            continue
        if "%s" not in wanted.validate:
            raise Refusal(problem("validate does not name the file", wanted.path, "write %s where its path belongs"))
        command = [part.replace("%s", change.new) for part in shlex.split(wanted.validate)]
        code, output, errors = module.run_command(command)
        if code != 0:
            said = "its output is secret" if wanted.secret else (errors + output).strip().replace(change.new, wanted.path)
            problems.append(problem(f"{command[0]} refuses the file: {said}", wanted.path, "mend the option it names"))
    if problems:
        raise Refusal(*problems)


def _land(module: AnsibleModule, changes: list[Change], commands: list[str]) -> None:
    landed: list[Change] = []
    try:
        for change in changes:
            landed.append(change)
            _move(change)
        if changes:
            _check_together(module, changes, commands)
    except BaseException:
        for change in reversed(landed):
            _put_back(change)
        raise


def _move(change: Change) -> None:
    if change.wanted is None:
        os.rename(change.path, change.previous)
        return
    if os.path.lexists(change.path):
        os.link(change.path, change.previous, follow_symlinks=False)
    os.replace(change.new, change.path)


def _put_back(change: Change) -> None:
    if os.path.lexists(change.previous):
        os.replace(change.previous, change.path)
    elif change.wanted and not os.path.exists(change.new):
        os.unlink(change.path)


def _check_together(module: AnsibleModule, changes: list[Change], commands: list[str]) -> None:
    secret = any(change.wanted and change.wanted.secret for change in changes)
    problems = []
    for line in commands:
        code, output, errors = module.run_command(shlex.split(line))
        if code != 0:
            said = "its output is secret" if secret else (errors + output).strip()
            paths = ", ".join(change.path for change in changes)
            problems.append(problem(f"{line} refuses the files: {said}", paths, "mend the option it names"))
    if problems:
        raise Refusal(*problems)


if __name__ == "__main__":
    main()
