#!/usr/bin/python
"""Wanted pools and file systems of Ceph → pools and file systems."""

from __future__ import annotations

import time
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.ceph_monitors import Monitors, MonitorsError
from ansible.module_utils.host_paths import problem

DOCUMENTATION = r"""
module: ceph_pools
short_description: Make the pools and file systems of Ceph
description:
  - Makes what is missing and sets copies and application of what is there. Removes nothing.
  - The number of placement groups is that of the beginning; Ceph's autoscaler changes it.
options:
  pools:
    description: >-
      Pools, each with C(name), C(application), C(placement_groups), and C(size) with C(min_size), or
      C(erasure) with C(data) and C(parity).
    type: list
    elements: dict
    required: true
  file_systems:
    description: >-
      File systems, each with C(name), C(metadata) and C(data), the names of its pools, and C(more), others in
      which its files may lie.
    type: list
    elements: dict
    default: []
  hosts:
    description: How many hosts must have an OSD that is up before pools are made.
    type: int
    required: true
  timeout_s:
    description: How long to wait for them.
    type: int
    default: 180
author: DiCOS (@dicos)
"""
EXAMPLES = r"""
- name: Make the pools
  ceph_pools:
    pools: [{name: images, application: rbd, placement_groups: 8, size: 3, min_size: 2}]
    hosts: 3
"""
RETURN = r"""
changes:
  description: What was changed.
  type: list
  elements: str
  returned: success
"""


def main() -> None:
    """Answer Ansible."""
    spec = {
        "pools": {"type": "list", "elements": "dict", "required": True},
        "file_systems": {"type": "list", "elements": "dict", "default": []},
        "hosts": {"type": "int", "required": True},
        "timeout_s": {"type": "int", "default": 180},
    }
    module = AnsibleModule(argument_spec=spec, supports_check_mode=True)
    asked = module.params
    try:
        with Monitors() as monitors:
            if not module.check_mode:
                _wait_for_hosts(monitors, asked["hosts"], asked["timeout_s"])
            changes = Pools(monitors, check_mode=module.check_mode).ensure(asked["pools"])
            changes += _file_systems(monitors, asked["file_systems"], check_mode=module.check_mode)
            changes += _more_pools(monitors, asked["file_systems"], check_mode=module.check_mode)
    except MonitorsError as error:
        if module.check_mode:
            module.exit_json(changed=True, changes=["everything: the monitors do not run yet"])
        module.fail_json(msg=problem(str(error), "Ceph's monitors", "see `ceph status` on a monitor's host"))
    module.exit_json(changed=bool(changes), changes=changes)


def _wait_for_hosts(monitors: Monitors, hosts: int, timeout_s: int) -> None:
    deadline = time.monotonic() + timeout_s
    while (found := hosts_up(monitors.ask("osd tree"))) < hosts:
        if time.monotonic() > deadline:
            raise MonitorsError(f"{found} of {hosts} hosts have an OSD that is up after {timeout_s} s")
        time.sleep(1)


def hosts_up(tree: dict[str, Any]) -> int:
    """Return how many hosts of `ceph osd tree` have an OSD that is up."""
    nodes = {node["id"]: node for node in tree["nodes"]}
    hosts = [node for node in nodes.values() if node["type"] == "host"]
    return sum(any(nodes[child].get("status") == "up" for child in host["children"]) for host in hosts)


class Pools:
    """The pools of a cluster, and what was changed of them."""

    def __init__(self, monitors: Monitors, *, check_mode: bool) -> None:
        self._monitors = monitors
        self._check_mode = check_mode
        self._changes: list[str] = []

    def ensure(self, wanted: list[dict[str, Any]]) -> list[str]:
        """Make or change each pool and return what that was."""
        found = {pool["pool_name"]: pool for pool in self._monitors.ask("osd pool ls", detail="detail")}
        for pool in wanted:
            if pool["name"] not in found:
                self._make(pool)
            self._set(pool, found.get(pool["name"], {}))
        return self._changes

    def _make(self, pool: dict[str, Any]) -> None:
        words: dict[str, object] = {"pool": pool["name"], "pg_num": pool["placement_groups"]}
        if erasure := pool.get("erasure"):
            profile = f"erasure-{erasure['data']}-{erasure['parity']}"
            shape = [f"k={erasure['data']}", f"m={erasure['parity']}", "crush-failure-domain=host"]
            self._tell(f"profile {profile}", "osd erasure-code-profile set", name=profile, profile=shape)
            words |= {"pool_type": "erasure", "erasure_code_profile": profile}
        self._tell(f"pool {pool['name']}", "osd pool create", **words)

    def _set(self, pool: dict[str, Any], found: dict[str, Any]) -> None:
        if pool["application"] not in found.get("application_metadata", {}):
            what = f"application of {pool['name']}"
            application = {"pool": pool["name"], "app": pool["application"]}
            self._tell(what, "osd pool application enable", **application)
        wanted: dict[str, object] = {name: pool[name] for name in ("size", "min_size") if name in pool}
        if pool.get("erasure"):
            wanted = {"allow_ec_overwrites": "true"}
            found = found | {
                "allow_ec_overwrites": str("ec_overwrites" in found.get("flags_names", "")).lower()
            }
        for name, value in wanted.items():
            if found.get(name) != value:
                words = {"pool": pool["name"], "var": name, "val": str(value)}
                self._tell(f"{name} of {pool['name']}", "osd pool set", **words)

    def _tell(self, what: str, prefix: str, **words: object) -> None:
        self._changes.append(what)
        if not self._check_mode:
            self._monitors.tell(prefix, **words)


def _file_systems(monitors: Monitors, wanted: list[dict[str, str]], *, check_mode: bool) -> list[str]:
    """Make the file systems that are missing and return their names."""
    found = {entry["name"] for entry in monitors.ask("fs ls")}
    absent = [one for one in wanted if one["name"] not in found]
    for one in absent if not check_mode else ():
        monitors.tell("fs new", fs_name=one["name"], metadata=one["metadata"], data=one["data"])
    return [f"file system {one['name']}" for one in absent]


def _more_pools(monitors: Monitors, wanted: list[dict[str, Any]], *, check_mode: bool) -> list[str]:
    """Give file systems the pools that they lack and return what was given."""
    found = {entry["name"]: entry["data_pools"] for entry in monitors.ask("fs ls")}
    lacking = [
        (one["name"], pool)
        for one in wanted
        for pool in one.get("more") or ()
        if pool not in found.get(one["name"], ())
    ]
    for name, pool in lacking if not check_mode else ():
        monitors.tell("fs add_data_pool", fs_name=name, pool=pool)
    return [f"{pool} for {name}" for name, pool in lacking]


if __name__ == "__main__":
    main()
