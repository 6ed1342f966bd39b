#!/usr/bin/python
"""Wanted provider network → neutron: the network that leads outside, and its subnet of floating addresses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible.module_utils.host_paths import RefusalError, problem
from ansible.module_utils.site_cloud import OPENSTACK, connected

if TYPE_CHECKING:
    from openstack.network.v2._proxy import Proxy
    from openstack.resource import Resource

DOCUMENTATION = r"""
module: openstack_network
short_description: Keep the network of the cloud that leads outside
description:
  - Connects as the administrator of the cloud C(site) in /etc/openstack/clouds.yaml, through the VIP.
  - Makes an external network that no project may attach machines to, and one subnet without DHCP; changes
    gateway and range where they differ. What machines rest on, the kind of the network and the addresses of
    the subnet, is never changed but refused.
options:
  name:
    description: Name of the network and, with C(-floating), of its subnet.
    type: str
    required: true
  physical_network:
    description: Name of the network in C(ovn-bridge-mappings).
    type: str
    required: true
  cidr:
    description: Addresses of the network.
    type: str
    required: true
  gateway:
    description: The way out.
    type: str
    required: true
  first:
    description: First floating address.
    type: str
    required: true
  last:
    description: Last floating address.
    type: str
    required: true
author: DiCOS (@dicos)
"""

EXAMPLES = r"""
- name: Give the cloud its way outside
  openstack_network:
    name: provider
    physical_network: provider
    cidr: 10.78.0.0/24
    gateway: 10.78.0.1
    first: 10.78.0.100
    last: 10.78.0.199
  run_once: true
"""

RETURN = r"""
changes:
  description: What was, or in check mode would be, made or changed.
  type: list
  elements: str
  returned: success
"""

NAMES = ("name", "physical_network", "cidr", "gateway", "first", "last")
SPEC = {name: {"type": "str", "required": True} for name in NAMES}
# An API that starts needs a minute, and load balancers take it back two seconds after it answers.
PATIENCE_S = 180


def ensure(neutron: Proxy, wanted: dict[str, str], *, check_mode: bool) -> list[str]:
    """Make the network and its subnet or change what differs; return what that was."""
    changes: list[str] = []
    network = next(iter(neutron.networks(name=wanted["name"])), None)
    fixed = {"provider_network_type": "flat", "provider_physical_network": wanted["physical_network"]}
    loose = {"is_router_external": True, "is_shared": False, "is_admin_state_up": True}
    if network is None:
        changes.append(f"network {wanted['name']}")
        if check_mode:
            return changes
        network = neutron.create_network(name=wanted["name"], **fixed, **loose)
    else:
        refuse_other(network, fixed, f"network {wanted['name']}")
        if differing := differences(network, loose):
            changes += [f"network {wanted['name']}: {key}" for key in differing]
            if not check_mode:
                neutron.update_network(network, **differing)
    return changes + _ensure_subnet(neutron, str(network.id), wanted, check_mode=check_mode)


def _ensure_subnet(neutron: Proxy, network: str, wanted: dict[str, str], *, check_mode: bool) -> list[str]:
    name = f"{wanted['name']}-floating"
    loose: dict[str, object] = {
        "gateway_ip": wanted["gateway"],
        "allocation_pools": [{"start": wanted["first"], "end": wanted["last"]}],
        "is_dhcp_enabled": False,
    }
    found = next(iter(neutron.subnets(network_id=network, name=name)), None)
    if found is None:
        if not check_mode:
            neutron.create_subnet(name=name, network_id=network, ip_version=4, cidr=wanted["cidr"], **loose)
        return [f"subnet {name}"]
    refuse_other(found, {"cidr": wanted["cidr"]}, f"subnet {name}")
    differing = differences(found, loose)
    if differing and not check_mode:
        neutron.update_subnet(found, **differing)
    return [f"subnet {name}: {key}" for key in differing]


def differences(found: Resource, wanted: Mapping[str, object]) -> dict[str, object]:
    """Return what is wanted and different."""
    return {key: value for key, value in wanted.items() if getattr(found, key) != value}


def refuse_other(found: Resource, fixed: dict[str, str], where: str) -> None:
    """RefusalError where something differs that cannot change under the machines that use it."""
    kind, name = where.split()
    problems = [
        problem(
            f"its {key.removeprefix('provider_')} is {getattr(found, key)}, rack.yml says {value}",
            where,
            "put rack.yml back, or delete it when nobody uses it: "
            f"openstack --os-cloud site {kind} delete {name}",
        )
        for key, value in fixed.items()
        if getattr(found, key) != value
    ]
    if problems:
        raise RefusalError(*problems)


def main() -> None:
    """Connect, apply, report."""
    module = AnsibleModule(argument_spec=SPEC, supports_check_mode=True)
    if not OPENSTACK and not module.check_mode:
        module.fail_json(msg=missing_required_lib("openstacksdk"))
    try:
        patience_s = 0 if module.check_mode else PATIENCE_S
        cloud = connected(patience_s, lambda cloud: list(cloud.network.networks(limit=1, paginated=False)))
        changes = ensure(cloud.network, module.params, check_mode=module.check_mode)
    except RefusalError as refusal:
        module.fail_json(msg=str(refusal))
    except Exception as error:  # the SDK, keystoneauth and their files each have errors of their own
        if module.check_mode:  # on a host where neutron would be started first
            module.exit_json(changed=True, changes=["everything: neutron does not answer yet"])
        fix = "see that neutron answers: openstack --os-cloud site network list"
        module.fail_json(msg=problem(f"neutron refuses: {error}", f"network {module.params['name']}", fix))
    module.exit_json(changed=bool(changes), changes=changes)


if __name__ == "__main__":
    main()
