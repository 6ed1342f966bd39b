#!/usr/bin/python
"""Wanted settings and bridges → Open vSwitch's database: one command reads, one transaction writes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.host_paths import RefusalError, problem

DOCUMENTATION = r"""
module: open_vswitch
short_description: Keep settings and bridges of Open vSwitch
description:
  - Sets what is named and leaves everything else, because OVN and nova keep their own things there.
  - Works while ovs-vswitchd does not run yet; where it runs, waits until it has done what changed.
options:
  external_ids:
    description: Values of C(external_ids) of the switch, by name; an empty one is removed.
    type: dict
    default: {}
  other_config:
    description: Values of C(other_config) of the switch, by name; an empty one is removed.
    type: dict
    default: {}
  bridges:
    description: Bridges as {name, datapath_type, ports}; a port is the name of an interface.
    type: list
    elements: dict
    default: []
author: DiCOS (@dicos)
"""

EXAMPLES = r"""
- name: Connect the host to the provider network
  open_vswitch:
    external_ids: {ovn-bridge-mappings: "provider:br-provider"}
    bridges: [{name: br-provider, datapath_type: system, ports: [eth1]}]
"""

RETURN = r"""
changes:
  description: What was, or in check mode would be, changed.
  type: list
  elements: str
  returned: success
switching:
  description: Whether ovs-vswitchd ran already; it reads some of C(other_config) only when it starts.
  type: bool
  returned: success
"""

BRIDGE = {
    "name": {"type": "str", "required": True},
    "datapath_type": {"type": "str", "choices": ["system", "netdev"], "default": "system"},
    "ports": {"type": "list", "elements": "str", "default": []},
}
SPEC = {
    "external_ids": {"type": "dict", "default": {}},
    "other_config": {"type": "dict", "default": {}},
    "bridges": {"type": "list", "elements": "dict", "default": [], "options": BRIDGE},
}
READ = (
    *("--columns=external_ids,other_config", "list", "Open_vSwitch", "--"),
    *("--columns=datapath_type,name,ports", "list", "Bridge", "--"),
    *("--columns=_uuid,name", "list", "Port"),
)
# What a bridge without a type is.
KERNEL = "system"


@dataclass(frozen=True)
class Bridge:
    """A bridge, with the names of its ports."""

    datapath_type: str
    ports: frozenset[str]


@dataclass(frozen=True)
class Switch:
    """What the database holds."""

    external_ids: Mapping[str, str]
    other_config: Mapping[str, str]
    bridges: Mapping[str, Bridge]


@dataclass(frozen=True)
class Change:
    """One change: what it is, and the words of ovs-vsctl that make it."""

    what: str
    command: tuple[str, ...]


def parsed(lines: Iterable[str]) -> Switch:
    """Return what the three answers to `READ` say; the columns of each are in the order of their names."""
    root, bridges, ports = (json.loads(line)["data"] for line in lines)
    names = {identity[1]: name for identity, name in ports}
    return Switch(
        external_ids=dict(root[0][0][1]),
        other_config=dict(root[0][1][1]),
        bridges={
            name: Bridge(kind or KERNEL, frozenset(names[identity] for identity in _identities(members)))
            for kind, name, members in bridges
        },
    )


def _identities(value: list[object]) -> list[str]:
    """Return the UUIDs of a column; OVSDB writes one as itself, any other number as a set, RFC 7047 5.1."""
    kind, content = value
    rows = content if kind == "set" else [value]
    return [str(row[1]) for row in rows] if isinstance(rows, list) else []


def differences(found: Switch, wanted: Mapping[str, object]) -> list[Change]:
    """Return what must change."""
    changes = [
        *_settings("external_ids", found.external_ids, _strings(wanted["external_ids"])),
        *_settings("other_config", found.other_config, _strings(wanted["other_config"])),
    ]
    bridges = wanted["bridges"]
    for bridge in bridges if isinstance(bridges, list) else []:
        changes += _bridge(found.bridges.get(bridge["name"]), bridge)
    return changes


def _strings(value: object) -> dict[str, str]:
    return {key: str(one) for key, one in value.items()} if isinstance(value, dict) else {}


def _settings(column: str, found: Mapping[str, str], wanted: Mapping[str, str]) -> list[Change]:
    changes = []
    for key, value in wanted.items():
        if value and found.get(key) != value:
            # In quotes, because ovs-vsctl reads commas and colons of a value as its own.
            pair = f"{column}:{key}={json.dumps(value)}"
            changes.append(Change(f"{column} {key}", ("set", "Open_vSwitch", ".", pair)))
        elif not value and key in found:
            changes.append(Change(f"{column} {key}", ("remove", "Open_vSwitch", ".", column, key)))
    return changes


def _bridge(found: Bridge | None, wanted: Mapping[str, object]) -> list[Change]:
    name, kind, ports = str(wanted["name"]), str(wanted["datapath_type"]), wanted["ports"]
    changes = [] if found else [Change(f"bridge {name}", ("add-br", name))]
    if kind != (found.datapath_type if found else KERNEL):
        changes.append(Change(f"{name} {kind}", ("set", "Bridge", name, f"datapath_type={kind}")))
    for port in ports if isinstance(ports, list) else []:
        if found is None or port not in found.ports:
            changes.append(Change(f"{name} port {port}", ("add-port", name, str(port))))
    return changes


def main() -> None:
    """Answer Ansible."""
    module = AnsibleModule(argument_spec=SPEC, supports_check_mode=True)
    if module.check_mode and module.get_bin_path("ovs-vsctl") is None:
        module.exit_json(changed=True, changes=["everything: Open vSwitch is not installed"], switching=False)
    try:
        changes, switching = converge(module)
    except RefusalError as refusal:
        module.fail_json(msg=str(refusal))
    module.exit_json(changed=bool(changes), changes=[change.what for change in changes], switching=switching)


def converge(module: AnsibleModule) -> tuple[list[Change], bool]:
    """Make the changes; return them, and whether ovs-vswitchd runs."""
    lines = _vsctl(module, "--no-wait", "--format=json", *READ).splitlines()
    changes = differences(parsed(lines), module.params)
    code, _, _ = module.run_command(["ovs-appctl", "--timeout=5", "-t", "ovs-vswitchd", "version"])
    if changes and not module.check_mode:
        words = [word for change in changes for word in ("--", *change.command)]
        _vsctl(module, *([] if code == 0 else ["--no-wait"]), *words)
    return changes, code == 0


def _vsctl(module: AnsibleModule, *words: str) -> str:
    code, output, errors = module.run_command(["ovs-vsctl", "--timeout=60", *words])
    if code != 0:
        said = (errors + output).strip().splitlines()[-1:] or [f"exit code {code}"]
        fix = (
            "see that ovsdb-server runs: journalctl -u ovsdb-server; and what holds the port: ovs-vsctl show"
        )
        raise RefusalError(problem(f"Open vSwitch refuses: {said[0]}", "Open_vSwitch", fix))
    return str(output)


if __name__ == "__main__":
    main()
