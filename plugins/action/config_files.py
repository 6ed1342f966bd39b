"""Task arguments → rendered files → nothing where the host has them, else one call of the module."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible.template import generate_ansible_template_vars, trust_as_template

_FILE_KEYS = frozenset(("src", "content", "dest", "owner", "group", "mode", "validate", "secret", "vars"))


class ActionModule(ActionBase):
    """Renders on the controller what `ansible.builtin.template` would, for all files of a task at once."""

    TRANSFERS_FILES = True
    _requires_connection = True

    def run(self, tmp: str | None = None, task_vars: dict[str, object] | None = None) -> dict[str, object]:
        """Return the module's result: `changed`, `changed_files` and, where asked for, `diff`."""
        super().run(tmp, task_vars)
        variables = task_vars or {}
        arguments = dict(self._task.args)
        files = arguments.pop("files", None) or []
        problems = [problem for number, file in enumerate(files) for problem in mistakes(file, number)]
        if problems:
            raise AnsibleActionFail("\n".join(problems))
        contents = [self._content(file, variables) for file in files]
        died = set(str(variables.get("site_interrupted", "")).split(",")) & set(self._task.tags)
        if not died and all_there(arguments, files, contents, variables.get("ansible_facts")):
            return {"changed": False, "changed_files": []}
        # The contents travel beside the files, encoded: this one argument is no_log, and what it hides can
        # never be mistaken for a path or a line of a diff.
        arguments["contents"] = [_encoded(content) for content in contents]
        arguments["files"] = [_sent(file) for file in files]
        # A play on a host of no site leaves no list there.
        arguments["remember"] = "site_folder" in variables
        result: dict[str, object] = self._execute_module(
            module_name="config_files", module_args=arguments, task_vars=variables
        )
        if result.get("changed"):
            # What the preflight's report says of files, and of units whose file may be new, is past.
            result["ansible_facts"] = {"host_running_units": [], "host_files": {}}
        if died and not self._task.check_mode:
            # A run died in this stage, perhaps between a file and the restart that it notified.
            result |= {"changed": True, "changed_files": [str(file["dest"]) for file in files]}
        return result

    def _content(self, file: Mapping[str, object], variables: dict[str, object]) -> str:
        if "content" in file:
            return str(file["content"])
        name = str(file["src"])
        path = self._template(name)
        source = trust_as_template(self._loader.get_text_file_contents(path))
        local = {**variables, **_template_variables(name, path, str(file["dest"]), variables)}
        local.update(_mapping(file.get("vars")))
        templar = self._templar.copy_with_new_env(
            searchpath=self._search_path(path, variables), available_variables=local
        )
        overrides = {"trim_blocks": True, "lstrip_blocks": False, "newline_sequence": "\n"}
        rendered = templar.template(source, escape_backslashes=False, overrides=overrides)
        return "" if rendered is None else str(rendered)

    def _template(self, name: str) -> str:
        """Return the path of a template: the role's own, else that of a role which it depends on."""
        shared = (Path(place, name) for place in self._shared_templates())
        return next((str(path) for path in shared if path.is_file()), "") or str(
            self._find_needle("templates", name)
        )

    def _shared_templates(self) -> list[str]:
        role = self._task._role
        return [f"{one._role_path}/templates" for one in role.get_all_dependencies()] if role else []

    def _search_path(self, path: str, variables: Mapping[str, object]) -> list[str]:
        roots = variables.get("ansible_search_path")
        places = [
            *(roots if isinstance(roots, list) else []),
            self._loader.get_basedir(),
            str(Path(path).parent),
        ]
        own = [entry for place in places for entry in (f"{place}/templates", place)]
        return [*own, *self._shared_templates()]


def all_there(
    arguments: Mapping[str, object], files: list[Mapping[str, object]], contents: list[str], facts: object
) -> bool:
    """Return whether the report of this run's preflight has every path as it is wanted."""
    reported = facts.get("host_files") if isinstance(facts, Mapping) else None
    if not isinstance(reported, Mapping) or not reported:
        return False
    try:
        wanted = _wanted(arguments, files, contents)
    except (ValueError, TypeError, KeyError):  # the module says what is wrong with it
        return False
    return all(reported.get(path) == state for path, state in wanted.items())


def _wanted(
    arguments: Mapping[str, object], files: list[Mapping[str, object]], contents: list[str]
) -> dict[str, list[str]]:
    """Return what is to be at each path, as module_utils.managed_paths.there tells it."""
    found = {str(Path(str(path))): ["absent"] for path in _list(arguments.get("absent"))}
    for entry in _list(arguments.get("directories")):
        found[str(Path(entry["path"]))] = ["directory", *_attributes(entry, "0755")]
    for file, content in zip(files, contents, strict=True):
        checksum = hashlib.sha256(content.encode()).hexdigest()
        found[str(Path(str(file["dest"])))] = ["file", *_attributes(file, "0644"), checksum]
    return found


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _attributes(entry: Mapping[str, object], mode: str) -> list[str]:
    permissions = int(str(entry.get("mode", mode)), 8)
    return [str(entry.get("owner", "root")), str(entry.get("group", "root")), f"{permissions:04o}"]


def mistakes(file: object, number: int) -> list[str]:
    """Return what is wrong with one entry of `files`, each as "what / at / fix"."""
    if not isinstance(file, Mapping):
        return [
            f"an entry of files is not a mapping\n  at:  files[{number}]\n  fix: write src, dest and mode"
        ]
    found = []
    unknown = sorted(str(key) for key in file.keys() - _FILE_KEYS)
    if unknown:
        found.append(
            _mistake(f"unknown key {', '.join(unknown)}", number, f"use {', '.join(sorted(_FILE_KEYS))}")
        )
    if ("src" in file) == ("content" in file):
        found.append(_mistake("src and content exclude each other", number, "give exactly one of them"))
    if "dest" not in file:
        found.append(_mistake("dest is missing", number, "name the file on the host"))
    return found


def _mistake(what: str, number: int, fix: str) -> str:
    return f"{what}\n  at:  files[{number}]\n  fix: {fix}"


def _mapping(value: object) -> dict[str, object]:
    return {str(key): entry for key, entry in value.items()} if isinstance(value, Mapping) else {}


def _template_variables(
    name: str, path: str, destination: str, variables: Mapping[str, object]
) -> dict[str, object]:
    made = dict(generate_ansible_template_vars(path=name, fullpath=path, dest_path=destination))
    if "ansible_managed" in variables:
        made.pop("ansible_managed", None)
    return made


def _encoded(content: str) -> str:
    return base64.b64encode(content.encode()).decode()


def _sent(file: Mapping[str, object]) -> dict[str, object]:
    return {key: value for key, value in file.items() if key not in ("src", "content", "vars")}
