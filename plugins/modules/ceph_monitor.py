#!/usr/bin/python
"""A monitor's name and peers → its database on this host, made where there is none."""

from __future__ import annotations

import os
import pwd
import shutil
import tempfile
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.host_paths import problem

DOCUMENTATION = r"""
module: ceph_monitor
short_description: Make the database of a Ceph monitor
description:
  - Makes the monitor's database from the list of all monitors and a keyring; one that is there is left alone.
  - A monitor that lost its database makes an empty one, and gets its content from the others.
options:
  name:
    description: Name of the monitor.
    type: str
    required: true
  fsid:
    description: UUID of the cluster.
    type: str
    required: true
  members:
    description: All monitors, each with O(members[].name) and O(members[].address).
    type: list
    elements: dict
    required: true
  keyring:
    description: File with the keys of C(mon.) and C(client.admin).
    type: path
    required: true
author: DiCOS (@dicos)
"""
EXAMPLES = r"""
- name: Make the monitor's database
  ceph_monitor:
    name: ctl1
    fsid: 0b9ea1d6-5f02-4a0f-8f4d-8b8a3a9c2e4a
    members: [{name: ctl1, address: 10.77.0.11}]
    keyring: /etc/ceph/ceph.mon.keyring
"""
RETURN = r""" # """

ROOT = Path("/var/lib/ceph/mon")


def main() -> None:
    """Answer Ansible."""
    spec = {
        "name": {"type": "str", "required": True},
        "fsid": {"type": "str", "required": True},
        "members": {"type": "list", "elements": "dict", "required": True},
        "keyring": {"type": "path", "required": True},
    }
    module = AnsibleModule(argument_spec=spec, supports_check_mode=True)
    place = ROOT / f"ceph-{module.params['name']}"
    # `keyring` is the last file that --mkfs writes.
    if (place / "keyring").exists() and (place / "store.db").is_dir():
        module.exit_json(changed=False)
    if not module.check_mode:
        _make(module, place)
    module.exit_json(changed=True)


def _make(module: AnsibleModule, place: Path) -> None:
    """Make the database; what a run that was cut off left is thrown away first."""
    asked = module.params
    user = pwd.getpwnam("ceph")
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(mode=0o750, parents=True)
    for path in (ROOT, place):
        os.chown(path, user.pw_uid, user.pw_gid)
    with tempfile.TemporaryDirectory() as folder:
        monitors = Path(folder, "monmap")
        words = [
            word
            for member in asked["members"]
            for word in ("--addv", member["name"], f"[v2:{member['address']}:3300]")
        ]
        _run(module, ["monmaptool", "--create", "--fsid", asked["fsid"], *words, str(monitors)])
        os.chown(folder, user.pw_uid, user.pw_gid)
        command = ["ceph-mon", "--mkfs", "-i", asked["name"], "--monmap", str(monitors)]
        _run(module, [*command, "--keyring", asked["keyring"], "--setuser", "ceph", "--setgroup", "ceph"])


def _run(module: AnsibleModule, command: list[str]) -> None:
    code, output, errors = module.run_command(command)
    if code != 0:
        said = (errors + output).strip()
        module.fail_json(msg=problem(f"{command[0]} fails: {said}", str(ROOT), "see what its message names"))


if __name__ == "__main__":
    main()
