#!/usr/bin/python
"""Wanted options and users of Ceph → what its monitors keep."""

from __future__ import annotations

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.ceph_monitors import Monitors, MonitorsError, flat
from ansible.module_utils.host_paths import problem

DOCUMENTATION = r"""
module: ceph_settings
short_description: Set the central configuration and the users of Ceph
description:
  - Waits for a quorum, compares what the monitors keep with what is wanted, and changes what differs.
  - Options and users that are not named are left alone.
options:
  settings:
    description: Options, each with O(settings[].who), O(settings[].name) and O(settings[].value).
    type: list
    elements: dict
    default: []
  entities:
    description: Users, each with O(entities[].name), O(entities[].key) and O(entities[].caps).
    type: list
    elements: dict
    default: []
  timeout_s:
    description: How long to wait for a quorum.
    type: int
    default: 120
author: DiCOS (@dicos)
"""
EXAMPLES = r"""
- name: Set what Ceph keeps for all its daemons
  ceph_settings:
    settings: [{who: global, name: osd_pool_default_size, value: "3"}]
    entities: [{name: client.science, key: AQ..., caps: {mon: allow r}}]
"""
RETURN = r"""
changes:
  description: What was changed, without any key.
  type: list
  elements: str
  returned: success
"""


def main() -> None:
    """Answer Ansible."""
    spec = {
        "settings": {"type": "list", "elements": "dict", "default": []},
        "entities": {"type": "list", "elements": "dict", "default": [], "no_log": True},
        "timeout_s": {"type": "int", "default": 120},
    }
    module = AnsibleModule(argument_spec=spec, supports_check_mode=True)
    try:
        with Monitors(patience_s=0 if module.check_mode else module.params["timeout_s"]) as monitors:
            changes = apply(monitors, module.params, check_mode=module.check_mode)
    except MonitorsError as error:
        if module.check_mode:
            module.exit_json(changed=True, changes=["everything: the monitors do not run yet"])
        module.fail_json(msg=problem(str(error), "Ceph's monitors", "see `ceph status` on a monitor's host"))
    module.exit_json(changed=bool(changes), changes=changes)


def apply(monitors: Monitors, wanted: dict[str, Any], *, check_mode: bool) -> list[str]:
    """Change what differs and return what that was."""
    options = differing_settings(monitors.ask("config dump"), wanted["settings"])
    users = differing_entities(monitors.ask("auth ls")["auth_dump"], wanted["entities"])
    if not check_mode:
        for setting in options:
            monitors.tell("config set", **setting)
        for entity in users:
            caps = "".join(f'caps {service} = "{cap}"\n' for service, cap in sorted(entity["caps"].items()))
            keyring = f"[{entity['name']}]\nkey = {entity['key']}\n{caps}"
            monitors.tell("auth import", keyring)
            monitors.tell("auth caps", entity=entity["name"], caps=flat(entity["caps"]))
    return [f"{one['name']} of {one['who']}" for one in options] + [f"user {one['name']}" for one in users]


def differing_settings(kept: list[dict[str, Any]], wanted: list[dict[str, str]]) -> list[dict[str, str]]:
    """Return the options that the monitors do not keep as wanted."""
    values = {(entry["section"], entry["name"]): entry["value"] for entry in kept}
    return [one for one in wanted if values.get((one["who"], one["name"])) != one["value"]]


def differing_entities(kept: list[dict[str, Any]], wanted: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the users whose key or caps are not as wanted."""
    known = {entry["entity"]: (entry["key"], entry["caps"]) for entry in kept}
    return [one for one in wanted if known.get(one["name"]) != (one["key"], one["caps"])]


if __name__ == "__main__":
    main()
