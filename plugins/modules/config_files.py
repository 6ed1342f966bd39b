#!/usr/bin/python
"""Wanted files → the host's files: all are checked before any lands."""

from __future__ import annotations

import base64
import os
import shlex
import shutil
import stat
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.file_change import Change, Wanted
from ansible.module_utils.host_paths import (
    Attributes,
    RefusalError,
    current_attributes,
    problem,
    set_attributes,
    system_problem,
    wanted_attributes,
    write_new,
)
from ansible.module_utils.managed_paths import MEMORY, remember

DOCUMENTATION = r"""
module: config_files
short_description: Write all files of a role in one round trip
description:
  - Templates are rendered on the controller, as M(ansible.builtin.template) does.
  - Changed files are written beside their places and checked; only when all are valid are they moved there.
  - Owner, group and mode are set even where the content is right.
options:
  files:
    description: The files, in the order in which they are moved in place.
    type: list
    elements: dict
    default: []
    suboptions:
      src:
        description: Template of the role.
        type: str
      content:
        description: The text of the file, instead of O(files[].src).
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
        description: Command that checks the file before it lands; C(%s) is its path, named as dest.
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
    description: Files, links and directories, with all they hold, that must not be there.
    type: list
    elements: path
    default: []
  validate:
    description: Commands that check all files in place; where one refuses, all are put back as they were.
    type: list
    elements: str
    default: []
  contents:
    description: The rendered contents in the order of O(files); filled in by the action plugin.
    type: list
    elements: str
    default: []
  remember:
    description: Whether the host lists the paths for M(host_report); filled in as well.
    type: bool
    default: false
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
_ATTRIBUTES = {"owner": {"type": "str", "default": "root"}, "group": {"type": "str", "default": "root"}}
_FILE = {
    **_ATTRIBUTES,
    "dest": {"type": "path", "required": True},
    "mode": {"type": "str", "default": "0644"},
    "validate": {"type": "str"},
    "secret": {"type": "bool", "default": False},
}
_DIRECTORY = {
    **_ATTRIBUTES,
    "path": {"type": "path", "required": True},
    "mode": {"type": "str", "default": "0755"},
}
ARGUMENTS = {
    "files": {"type": "list", "elements": "dict", "default": [], "options": _FILE},
    "directories": {"type": "list", "elements": "dict", "default": [], "options": _DIRECTORY},
    "absent": {"type": "list", "elements": "path", "default": []},
    "validate": {"type": "list", "elements": "str", "default": []},
    "contents": {"type": "list", "elements": "str", "default": [], "no_log": True},
    "remember": {"type": "bool", "default": False},
}


@dataclass
class Result:
    """What was, or in check mode would be, changed."""

    changed_files: list[str] = field(default_factory=list)
    diff: list[dict[str, str]] = field(default_factory=list)

    def add(self, path: Path, before: str, after: str) -> None:
        """Note one changed path."""
        self.changed_files.append(str(path))
        self.diff.append(
            {"before_header": str(path), "after_header": str(path), "before": before, "after": after}
        )


def main() -> None:
    """Answer Ansible."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    os.umask(0o022)
    try:
        result = converge(module)
    except RefusalError as refusal:
        module.fail_json(msg=str(refusal))
    except OSError as error:
        module.fail_json(msg=system_problem(error))
    told = {"diff": result.diff} if module._diff else {}
    module.exit_json(changed=bool(result.changed_files), changed_files=result.changed_files, **told)


def converge(module: AnsibleModule) -> Result:
    """Make directories, files and absences so; raises RefusalError, and then no file was touched."""
    options, check_mode = module.params, module.check_mode
    directories = _attributes(((entry["path"], entry) for entry in options["directories"]), check_mode)
    attributes = _attributes(((entry["dest"], entry) for entry in options["files"]), check_mode)
    contents = [base64.b64decode(content) for content in options["contents"]]
    files = [
        Wanted(path, content, attributes[path], entry["validate"], entry["secret"])
        for path, entry, content in zip(attributes, options["files"], contents, strict=True)
    ]
    result = Result()
    for path, wanted in directories.items():
        _ensure_directory(path, wanted, result, check_mode)
    _ensure_files(module, files, [Path(path) for path in options["absent"]], result)
    if options["remember"] and not check_mode:
        remember(MEMORY, map(str, (*directories, *attributes, *options["absent"])))
    return result


def _attributes(entries: Iterable[tuple[str, dict[str, str]]], check_mode: bool) -> dict[Path, Attributes]:
    """Return who may use each path; raises RefusalError with every mistake."""
    found: dict[Path, Attributes] = {}
    problems: list[str] = []
    for name, entry in entries:
        path = Path(name)
        if path in found:
            problems.append(problem("the path is given twice", path, "write each path once"))
        try:
            found[path] = wanted_attributes(path, entry, check_mode)
        except RefusalError as refusal:
            problems.extend(refusal.problems)
    if problems:
        raise RefusalError(*problems)
    return found


def _ensure_directory(path: Path, wanted: Attributes, result: Result, check_mode: bool) -> None:
    if path.exists() and not path.is_dir():
        raise RefusalError(problem("a file is where a directory must be", path, "move it away"))
    current = current_attributes(path.resolve()) if path.exists() else None
    if current == wanted:
        return
    result.add(path, str(current or ""), str(wanted))
    if not check_mode:
        path.mkdir(parents=True, exist_ok=True)
        set_attributes(path, wanted)


def _ensure_files(module: AnsibleModule, files: list[Wanted], absent: list[Path], result: Result) -> None:
    """Write what differs: staged, checked, moved, checked together; put back where that fails."""
    plan: list[tuple[Path, Wanted | None]] = [(path, None) for path in absent if _is_there(path, result)]
    plan += [(file.path, file) for file in files if _differs(file, result)]
    if module.check_mode:
        return
    _clear_leftovers({path.parent for path, _ in plan})
    changes: list[Change] = []
    try:
        for path, wanted in plan:
            changes.append(Change(path, _staging(path), wanted))
            if wanted:
                write_new(changes[-1].new, wanted.content, wanted.attributes)
        _check_each(module, changes)
        _land(module, changes)
    finally:
        for change in changes:
            shutil.rmtree(change.staging, ignore_errors=True)
    for file in files:
        set_attributes(file.path, file.attributes)


def _is_there(path: Path, result: Result) -> bool:
    if not os.path.lexists(path):
        return False
    result.add(path, "present\n", "absent\n")
    return True


def _differs(file: Wanted, result: Result) -> bool:
    """Tell whether a file needs new content; wrong attributes alone are only noted."""
    if file.path.is_dir():
        raise RefusalError(problem("a directory is where a file must be", file.path, "move it away"))
    regular = os.path.lexists(file.path) and stat.S_ISREG(file.path.lstat().st_mode)
    before = file.path.read_bytes() if regular else b""
    if not regular or before != file.content:
        result.add(file.path, _shown(before, file.secret, "old"), _shown(file.content, file.secret, "new"))
        return True
    current = current_attributes(file.path)
    if current != file.attributes:
        result.add(file.path, str(current), str(file.attributes))
    return False


def _shown(content: bytes, secret: bool, which: str) -> str:
    return f"({which} content: secret)\n" if secret and content else content.decode(errors="replace")


def _clear_leftovers(directories: set[Path]) -> None:
    """Remove what an interrupted run left: a service that reads the whole directory would trip over it."""
    for directory in directories:
        for left in directory.glob(_PREFIX + "*"):
            shutil.rmtree(left, ignore_errors=True)


def _staging(path: Path) -> Path:
    if not path.parent.is_dir():
        raise RefusalError(problem("the directory is missing", path, f"list {path.parent} under directories"))
    staging = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=path.parent))
    (staging / "new").mkdir()
    # A check may drop its privileges; the file in here has its final owner and mode.
    staging.chmod(0o711)
    return staging


def _check_each(module: AnsibleModule, changes: list[Change]) -> None:
    problems = []
    for change in changes:
        wanted = change.wanted
        if wanted is None or not wanted.validate:
            continue
        if "%s" not in wanted.validate:
            raise RefusalError(
                problem("validate does not name the file", wanted.path, "write %s where its path belongs")
            )
        command = [part.replace("%s", str(change.new)) for part in shlex.split(wanted.validate)]
        said = _objection(module, command, wanted.secret)
        if said:
            said = said.replace(str(change.new), str(wanted.path))
            problems.append(problem(said, wanted.path, "mend the option that the message names"))
    if problems:
        raise RefusalError(*problems)


def _objection(module: AnsibleModule, command: list[str], secret: bool) -> str:
    code, output, errors = module.run_command(command)
    if code == 0:
        return ""
    said = "its words are withheld, the file is secret" if secret else (errors + output).strip()
    return f"{command[0]} refuses the file: {said or f'exit code {code}'}"


def _land(module: AnsibleModule, changes: list[Change]) -> None:
    """Move every file in place and check them together; put all back where that fails."""
    try:
        for change in changes:
            change.land()
        if changes:
            _check_together(module, changes)
    except BaseException:
        for change in reversed(changes):
            change.put_back()
        raise


def _check_together(module: AnsibleModule, changes: list[Change]) -> None:
    secret = any(change.wanted and change.wanted.secret for change in changes)
    paths = ", ".join(str(change.path) for change in changes)
    said = [_objection(module, shlex.split(line), secret) for line in module.params["validate"]]
    problems = [problem(text, paths, "mend the option that the message names") for text in said if text]
    if problems:
        raise RefusalError(*problems)


if __name__ == "__main__":
    main()
