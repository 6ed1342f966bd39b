#!/usr/bin/python
"""Wanted type of volume → cinder."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible.module_utils.host_paths import problem
from ansible.module_utils.site_cloud import OPENSTACK, connected

if TYPE_CHECKING:
    from openstack.block_storage.v3._proxy import Proxy

DOCUMENTATION = r"""
module: openstack_volume_type
short_description: Keep a public type of volume in cinder
description:
  - Connects as the administrator of the cloud C(site) in /etc/openstack/clouds.yaml, through the VIP.
  - Properties that the type has beside the wanted ones are left to who gave them.
options:
  name:
    description: Name of the type.
    type: str
    required: true
  description:
    description: What it is, for people.
    type: str
    default: ""
  properties:
    description: What cinder's scheduler looks at, as C(volume_backend_name).
    type: dict
    default: {}
author: DiCOS (@dicos)
"""

EXAMPLES = r"""
- name: Make the type of volume
  openstack_volume_type:
    name: ceph
    properties: {volume_backend_name: ceph}
  run_once: true
"""

RETURN = r"""
changes:
  description: What was, or in check mode would be, made or changed.
  type: list
  elements: str
  returned: success
"""

SPEC = {
    "name": {"type": "str", "required": True},
    "description": {"type": "str", "default": ""},
    "properties": {"type": "dict", "default": {}},
}
# Load balancers take a member back two seconds after it answers again; one that starts needs a minute.
PATIENCE_S = 120


def ensure(
    cinder: Proxy, name: str, description: str, properties: dict[str, str], *, check_mode: bool
) -> list[str]:
    """Make the type or change what differs; return what that was."""
    found = next((kind for kind in cinder.types() if kind.name == name), None)
    if found is None:
        if not check_mode:
            cinder.create_type(name=name, description=description, extra_specs=properties)
        return [f"type {name}"]
    changes = []
    if found.description != description:
        changes.append("description")
        if not check_mode:
            cinder.update_type(found, description=description)
    differing = {
        key: value for key, value in properties.items() if (found.extra_specs or {}).get(key) != value
    }
    if differing:
        changes.extend(sorted(differing))
        if not check_mode:
            cinder.update_type_extra_specs(found, **differing)
    return changes


def main() -> None:
    """Connect, apply, report."""
    module = AnsibleModule(argument_spec=SPEC, supports_check_mode=True)
    if not OPENSTACK and not module.check_mode:
        module.fail_json(msg=missing_required_lib("openstacksdk"))
    wanted = module.params
    properties = {key: str(value) for key, value in wanted["properties"].items()}
    try:
        patience_s = 0 if module.check_mode else PATIENCE_S
        cinder = connected(patience_s, lambda cloud: list(cloud.block_storage.types())).block_storage
        changes = ensure(
            cinder, wanted["name"], wanted["description"], properties, check_mode=module.check_mode
        )
    except Exception as error:  # the SDK, keystoneauth and their files each have errors of their own
        if module.check_mode:  # on a host where cinder would be started first
            module.exit_json(changed=True, changes=["everything: cinder does not answer yet"])
        fix = "see that cinder answers: openstack --os-cloud site volume type list"
        module.fail_json(msg=problem(f"cinder refuses: {error}", f"type {wanted['name']}", fix))
    module.exit_json(changed=bool(changes), changes=changes)


if __name__ == "__main__":
    main()
