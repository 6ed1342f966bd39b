#!/usr/bin/python
"""A file system of Ceph and a pool → new files of that file system lie in that pool."""

from __future__ import annotations

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.host_paths import problem

try:
    import cephfs
except ImportError:
    cephfs = None

DOCUMENTATION = r"""
module: ceph_layout
short_description: Let the files of a file system lie in a pool
description:
  - Sets the layout of the root folder, which files made later inherit; the others stay where they are.
  - Asks the metadata server, as the administrator of Ceph.
options:
  file_system:
    description: Name of the file system.
    type: str
    required: true
  pool:
    description: One of its data pools.
    type: str
    required: true
author: DiCOS (@dicos)
"""
EXAMPLES = r"""
- name: Let files lie in pieces
  ceph_layout:
    file_system: science
    pool: science.erasure
"""
RETURN = r"""
before:
  description: The pool in which new files lay.
  type: str
  returned: success
"""

CONFIGURATION = "/etc/ceph/ceph.conf"
LAYOUT = "ceph.dir.layout.pool"
# A metadata server that has just begun takes over within seconds.
MOUNT_TIMEOUT_S = "120"


def main() -> None:
    """Answer Ansible."""
    spec = {"file_system": {"type": "str", "required": True}, "pool": {"type": "str", "required": True}}
    module = AnsibleModule(argument_spec=spec, supports_check_mode=True)
    asked = module.params
    if cephfs is None:
        if module.check_mode:
            module.exit_json(changed=True, before="")
        module.fail_json(msg=problem("the host cannot mount Ceph", "import cephfs", "install python3-cephfs"))
    options = {"client_mount_timeout": MOUNT_TIMEOUT_S}
    system = cephfs.LibCephFS(conffile=CONFIGURATION, auth_id="admin", conf=options)
    try:
        system.mount(filesystem_name=asked["file_system"].encode())
        before = _pool(system)
        if before != asked["pool"] and not module.check_mode:
            system.setxattr("/", LAYOUT, asked["pool"].encode(), 0)
    except cephfs.Error as error:
        fix = "see `ceph fs status` on a monitor's host"
        module.fail_json(msg=problem(str(error), f"the file system {asked['file_system']}", fix))
    finally:
        system.shutdown()
    module.exit_json(changed=before != asked["pool"], before=before)


def _pool(system: cephfs.LibCephFS) -> str:
    """Return the pool of the root's layout; the empty string where it has none of its own yet."""
    try:
        found: bytes = system.getxattr("/", LAYOUT)
    except (cephfs.NoData, cephfs.ObjectNotFound):
        return ""
    return found.decode()


if __name__ == "__main__":
    main()
