#!/usr/bin/python
"""Wanted units → enabled and running units, all of a role in one call."""

from __future__ import annotations

import time

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.host_paths import problem

DOCUMENTATION = r"""
module: units
short_description: Enable and start all systemd units of a role in one round trip
description:
  - Reloads the manager where a unit file changed, enables what is not enabled, starts what is not active.
  - A unit whose first start fails and that systemd starts again is waited for as long as O(patience_s).
  - For one unit M(ansible.builtin.systemd_service) does the same; each of its calls costs a round trip.
options:
  names:
    description: The units, with or without C(.service), in the order in which they start.
    type: list
    elements: str
    required: true
  patience_s:
    description: Seconds within which a unit with C(Restart=) is active, however often systemd starts it.
    type: int
    default: 60
author: DiCOS (@dicos)
"""

EXAMPLES = r"""
- name: Start the services of every host
  units:
    names: [chrony, nftables, ssh]
"""

RETURN = r"""
changed_units:
  description: Units that were enabled or started.
  type: list
  elements: str
  returned: success
"""

_PROPERTIES = ("LoadState", "ActiveState", "UnitFileState", "NeedDaemonReload")


def main() -> None:
    """Answer Ansible."""
    spec = {
        "names": {"type": "list", "elements": "str", "required": True},
        "patience_s": {"type": "int", "default": 60},
    }
    module = AnsibleModule(argument_spec=spec, supports_check_mode=True)
    names = [name if "." in name else f"{name}.service" for name in module.params["names"]]
    states = _states(module, names)
    if not module.check_mode and any(state["NeedDaemonReload"] == "yes" for state in states.values()):
        _run(module, "daemon-reload", [])
    disabled = [name for name in names if states[name]["UnitFileState"] not in ("enabled", "static", "alias")]
    stopped = [
        name for name in names if states[name]["ActiveState"] not in ("active", "activating", "reloading")
    ]
    if not module.check_mode:
        _run(module, "enable", disabled)
        for name in stopped:
            _start(module, name)
    changed = [name for name in names if name in disabled or name in stopped]
    module.exit_json(changed=bool(changed), changed_units=changed)


def _states(module: AnsibleModule, names: list[str]) -> dict[str, dict[str, str]]:
    """Return {unit: {property: value}}; a unit that does not exist has the LoadState "not-found"."""
    command = ["systemctl", "show", f"--property={','.join(_PROPERTIES)}", *names]
    _, output, _ = module.run_command(command, check_rc=True)
    # systemctl prints one paragraph a unit, in the order asked.
    paragraphs = [
        dict(line.split("=", 1) for line in part.splitlines()) for part in output.strip().split("\n\n")
    ]
    return dict(zip(names, paragraphs, strict=True))


def _start(module: AnsibleModule, name: str) -> None:
    """Start a unit; what it needs elsewhere may not answer yet, so a restart by systemd is waited for."""
    code, output, errors = module.run_command(["systemctl", "start", name])
    end = time.monotonic() + module.params["patience_s"]
    while code != 0:
        state = _states(module, [name])[name]
        if state["ActiveState"] == "active":
            return
        if state["ActiveState"] != "activating" or time.monotonic() > end:
            _fail(module, "start", [name], errors + output)
        time.sleep(1)


def _run(module: AnsibleModule, verb: str, names: list[str]) -> None:
    if not names and verb != "daemon-reload":
        return
    code, output, errors = module.run_command(["systemctl", verb, *names])
    if code != 0:
        _fail(module, verb, names, errors + output)


def _fail(module: AnsibleModule, verb: str, names: list[str], said: str) -> None:
    fix = f"read its journal: journalctl -u {names[0]}" if names else "read systemd's journal"
    what = f"systemctl {verb} fails: {said.strip()}"
    module.fail_json(msg=problem(what, ", ".join(names) or "systemd", fix))


if __name__ == "__main__":
    main()
