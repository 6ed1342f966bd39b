#!/usr/bin/python
"""A daemon of Ceph → its own key, made by the monitors and kept on its host."""

from __future__ import annotations

import os
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.ceph_monitors import Monitors, MonitorsError, flat
from ansible.module_utils.host_paths import (
    Attributes,
    current_attributes,
    problem,
    wanted_attributes,
    write_new,
)

DOCUMENTATION = r"""
module: ceph_daemon
short_description: Give a daemon of Ceph its own key
description:
  - Asks the monitors for the key of the daemon, which they make the first time, and keeps it in its folder.
  - The bootstrap key of the kind of daemon can make such keys and nothing else.
options:
  entity:
    description: Name of the daemon, such as C(mgr.ctl1).
    type: str
    required: true
  caps:
    description: What it may do, by service.
    type: dict
    required: true
  bootstrap:
    description: Name of the user that may make the key.
    type: str
    required: true
  bootstrap_key:
    description: Its key.
    type: str
    required: true
  folder:
    description: The daemon's folder.
    type: path
    required: true
author: DiCOS (@dicos)
"""
EXAMPLES = r"""
- name: Give the manager its key
  ceph_daemon:
    entity: mgr.ctl1
    caps: {mon: allow profile mgr, osd: allow *, mds: allow *}
    bootstrap: client.bootstrap-mgr
    bootstrap_key: AQ...
    folder: /var/lib/ceph/mgr/ceph-ctl1
"""
RETURN = r""" # """

OWNER = {"owner": "ceph", "group": "ceph"}


def main() -> None:
    """Answer Ansible."""
    spec = {
        "entity": {"type": "str", "required": True},
        "caps": {"type": "dict", "required": True},
        "bootstrap": {"type": "str", "required": True},
        "bootstrap_key": {"type": "str", "required": True, "no_log": True},
        "folder": {"type": "path", "required": True},
    }
    module = AnsibleModule(argument_spec=spec, supports_check_mode=True)
    asked = module.params
    file = Path(asked["folder"], "keyring")
    if module.check_mode and not file.exists():
        module.exit_json(changed=True)
    try:
        with Monitors(asked["bootstrap"], asked["bootstrap_key"], patience_s=60) as monitors:
            keyring = monitors.tell("auth get-or-create", entity=asked["entity"], caps=flat(asked["caps"]))
    except MonitorsError as error:
        fix = f"see whether {asked['entity']} exists with other caps: `ceph auth get {asked['entity']}`"
        module.fail_json(msg=problem(str(error), asked["entity"], fix))
    changed = _keep(file, keyring.encode(), module.check_mode)
    module.exit_json(changed=changed)


def _keep(file: Path, content: bytes, check_mode: bool) -> bool:
    """Write the keyring where it differs; tell whether it did."""
    wanted = wanted_attributes(file, {**OWNER, "mode": "0600"}, check_mode)
    if file.exists() and file.read_bytes() == content and current_attributes(file) == wanted:
        return False
    if not check_mode:
        file.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
        os.chown(file.parent, wanted.owner, wanted.group)
        part = file.with_name(".keyring.part")
        part.unlink(missing_ok=True)
        write_new(part, content, Attributes(wanted.owner, wanted.group, wanted.mode))
        part.replace(file)
    return True


if __name__ == "__main__":
    main()
