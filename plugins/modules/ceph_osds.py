#!/usr/bin/python
"""A host's disks → their OSDs, made where there are none."""

from __future__ import annotations

import base64
import json
import os
import pwd
import secrets
import shutil
import struct
import time
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.ceph_monitors import Monitors, MonitorsError
from ansible.module_utils.host_paths import problem

DOCUMENTATION = r"""
module: ceph_osds
short_description: Make the OSDs of a host
description:
  - Every disk has an OSD whose UUID follows from rack.yml; Ceph and the disk itself say whether it is there.
  - A disk given by O(disks[].size_gib) is a file of that size.
  - A disk given by O(disks[].device) is made by C(ceph-volume).
  - A device that carries anything else is refused unless O(disks[].wipe) is true.
options:
  disks:
    description: The disks, each with C(uuid), and C(device) or C(size_gib); C(wipe) empties a device first.
    type: list
    elements: dict
    required: true
  bootstrap_key:
    description: Key of C(client.bootstrap-osd).
    type: str
    required: true
author: DiCOS (@dicos)
"""
EXAMPLES = r"""
- name: Make the OSDs
  ceph_osds:
    disks: [{uuid: fe2dbd84-a5eb-5d67-b67e-7ee63bf1a1d5, size_gib: 10}]
    bootstrap_key: AQ...
"""
RETURN = r"""
units:
  description: The systemd units of the OSDs that are there.
  type: list
  elements: str
  returned: success
made:
  description: Numbers of the OSDs that were made.
  type: list
  elements: int
  returned: success
"""

ROOT = Path("/var/lib/ceph/osd")
GIB = 1 << 30
BOOTSTRAP = "client.bootstrap-osd"


class OsdError(Exception):
    """An OSD cannot be made; its text is a whole problem."""


def main() -> None:
    """Answer Ansible."""
    spec = {
        "disks": {"type": "list", "elements": "dict", "required": True},
        "bootstrap_key": {"type": "str", "required": True, "no_log": True},
    }
    module = AnsibleModule(argument_spec=spec, supports_check_mode=True)
    made: list[int] = []
    try:
        numbers = there(module)
        absent = [disk for disk in module.params["disks"] if disk["uuid"] not in numbers]
        for disk in absent if not module.check_mode else ():
            make = _on_device if disk.get("device") else _in_file
            numbers[disk["uuid"]] = make(module, disk)
            made.append(numbers[disk["uuid"]])
    except MonitorsError as error:
        module.fail_json(
            msg=problem(
                str(error), "Ceph's monitors", "see `ceph status`, and `ceph osd tree` for an old OSD"
            )
        )
    except OsdError as error:
        module.fail_json(msg=str(error))
    wanted = [numbers[disk["uuid"]] for disk in module.params["disks"] if disk["uuid"] in numbers]
    module.exit_json(changed=bool(absent), made=made, units=[f"ceph-osd@{number}" for number in wanted])


def there(module: AnsibleModule) -> dict[str, int]:
    """Return {UUID: number} of the whole OSDs of this host."""
    found = {}
    for place in ROOT.glob("ceph-*"):
        # `ready` is what --mkfs writes last.
        if (place / "ready").exists() and (place / "fsid").exists():
            found[(place / "fsid").read_text().strip()] = int((place / "whoami").read_text())
    if any(disk.get("device") for disk in module.params["disks"]):
        found |= _prepared(module)
    return found


def _prepared(module: AnsibleModule) -> dict[str, int]:
    """Return {UUID: number} of the OSDs that ceph-volume finds on devices."""
    listed = json.loads(_run(module, ["ceph-volume", "lvm", "list", "--format", "json"]) or "{}")
    parts = [part for parts in listed.values() for part in parts if part["type"] == "block"]
    return {part["tags"]["ceph.osd_fsid"]: int(part["tags"]["ceph.osd_id"]) for part in parts}


def _in_file(module: AnsibleModule, disk: dict[str, Any]) -> int:
    """Make an OSD in a sparse file of its own folder and return its number."""
    ROOT.mkdir(mode=0o750, parents=True, exist_ok=True)
    key = _key(ROOT / f".{disk['uuid']}.key")
    with Monitors(BOOTSTRAP, module.params["bootstrap_key"], patience_s=60) as monitors:
        answer = monitors.ask("osd new", json.dumps({"cephx_secret": key}), uuid=disk["uuid"])
    number = int(answer["osdid"])
    place = ROOT / f"ceph-{number}"
    # What an interrupted run left holds no data yet: it was never ready.
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(mode=0o750)
    with (place / "block").open("wb") as block:
        block.truncate(int(disk["size_gib"]) * GIB)
    (place / "keyring").write_text(f"[osd.{number}]\nkey = {key}\n")
    (place / "keyring").chmod(0o600)
    user = pwd.getpwnam("ceph")
    for path in (ROOT, place, *place.iterdir()):
        os.chown(path, user.pw_uid, user.pw_gid)
    _wait_until_known(number, key)
    command = ["ceph-osd", "-i", str(number), "--mkfs", "--osd-uuid", disk["uuid"]]
    _run(module, [*command, "--setuser", "ceph", "--setgroup", "ceph"])
    (ROOT / f".{disk['uuid']}.key").unlink()
    return number


def _wait_until_known(number: int, key: str) -> None:
    """Wait until the monitors take an OSD's new key: `ceph-osd` asks them once and ends when they refuse."""
    with Monitors(f"osd.{number}", key, patience_s=60):
        return


def _key(file: Path) -> str:
    """Return the key of an OSD in the making.

    It is kept until the OSD is made: the monitors take the first key of a UUID and no other.
    """
    if not file.exists():
        random = secrets.token_bytes(16)
        encoded = base64.b64encode(struct.pack("<HIIH", 1, int(time.time()), 0, len(random)) + random)
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(encoded)
            os.fsync(stream.fileno())
    return file.read_text().strip()


def _on_device(module: AnsibleModule, disk: dict[str, Any]) -> int:
    """Make an OSD on a whole disk and return its number."""
    device = os.path.realpath(disk["device"])
    if not Path(device).exists():
        raise OsdError(
            problem(f"there is no {disk['device']}", disk["device"], "see `ls -l /dev/disk/by-id`")
        )
    carried = _run(module, ["wipefs", "--noheadings", "--output", "TYPE", device]).split()
    if carried and not disk.get("wipe"):
        what = f"the disk carries {', '.join(carried)}"
        fix = "write `wipe: true` at this disk in rack.yml if what is on it may be destroyed"
        raise OsdError(problem(what, disk["device"], fix))
    if carried:
        _run(module, ["ceph-volume", "lvm", "zap", "--destroy", device])
    command = ["ceph-volume", "lvm", "create", "--bluestore", "--data", device, "--osd-fsid", disk["uuid"]]
    _run(module, command)
    return _prepared(module)[disk["uuid"]]


def _run(module: AnsibleModule, command: list[str]) -> str:
    code, output, errors = module.run_command(command)
    if code != 0:
        said = "\n".join((errors + output).strip().splitlines()[-8:])
        raise OsdError(problem(f"{' '.join(command[:3])} fails: {said}", command[0], "see what it names"))
    text: str = output
    return text


if __name__ == "__main__":
    main()
