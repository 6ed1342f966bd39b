#!/usr/bin/python
"""Wanted flavors and communities → projects, rights, quotas and networks of the cloud, in one connection."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible.module_utils.community_limits import (
    Host,
    differing,
    holds,
    host_of,
    limits,
    missing_images,
    quotas,
    tolerance,
)
from ansible.module_utils.community_network import Networks
from ansible.module_utils.host_paths import RefusalError, problem
from ansible.module_utils.site_cloud import OPENSTACK, checked, connected

if TYPE_CHECKING:
    from openstack.connection import Connection

DOCUMENTATION = r"""
module: openstack_communities
short_description: Keep flavors, and for each community a project with quotas, members and a network
description:
  - Connects as the administrator of the cloud C(site) in /etc/openstack/clouds.yaml, through the VIP.
  - Makes what is missing and corrects quotas and flavors. What belongs to a community is never deleted.
  - A quota of memory that is a share of what the hosts have stays where it is about right.
  - The default security group gets its rules before anybody may use the project, and is left alone after.
options:
  people_domain:
    description: Domain of the groups, each called like its community, that get the role C(member).
    type: str
    required: true
  external_network:
    description: Network that leads outside, to which each community gets a router; empty for none.
    type: str
    default: ""
  cidr:
    description: Addresses of each community's own network; the networks do not see each other.
    type: str
    required: true
  hosts:
    description: Hosts that run machines; those that have never reported are waited for where sizes matter.
    type: list
    elements: str
    required: true
  flavors:
    description: Public flavors. One that differs is made anew; machines keep what they have.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name of the flavor.
        type: str
        required: true
      cores:
        description: Virtual cores.
        type: int
        required: true
      memory_mib:
        description: Memory in MiB.
        type: int
        required: true
      disk_gib:
        description: Root disk in GiB.
        type: int
        required: true
      optional:
        description: Whether it is left out where no host can hold it.
        type: bool
        default: false
  communities:
    description: The communities.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name of the project, of the group of its members, and of its network and router.
        type: str
        required: true
      share:
        description: Part of the site, in parts of the sum of all shares.
        type: int
        required: true
      cores:
        description: Virtual cores of all machines; left out, the share of what the hosts have.
        type: int
      memory_gib:
        description: Memory of all machines in GiB; left out, the share of what the hosts have.
        type: int
      machines:
        description: Number of machines; left out, the number of cores.
        type: int
      volumes_gib:
        description: Volumes and snapshots in GiB; -1 is no limit.
        type: int
        required: true
      floating_addresses:
        description: Number of floating addresses.
        type: int
        required: true
  images:
    description: SHA-256 of images by their names; those that are not offered with it are returned.
    type: dict
    default: {}
author: DiCOS (@dicos)
"""

EXAMPLES = r"""
- name: Give each community its part of the cloud
  openstack_communities:
    people_domain: tw-lab
    external_network: provider
    cidr: 172.24.0.0/18
    hosts: [node1, node2, node3]
    flavors: [{name: dicos.tiny, cores: 1, memory_mib: 128, disk_gib: 1}]
    communities: [{name: ams, share: 60, volumes_gib: 6, floating_addresses: 58}]
  run_once: true
"""

RETURN = r"""
changes:
  description: What was, or in check mode would be, made or changed.
  type: list
  elements: str
  returned: success
missing_images:
  description: Names of the images that are not there as stated.
  type: list
  elements: str
  returned: success
left_out:
  description: Optional flavors that no host can hold.
  type: list
  elements: str
  returned: success
"""

FLAVOR = {
    "name": {"type": "str", "required": True},
    "cores": {"type": "int", "required": True},
    "memory_mib": {"type": "int", "required": True},
    "disk_gib": {"type": "int", "required": True},
    "optional": {"type": "bool", "default": False},
}
COMMUNITY = {
    "name": {"type": "str", "required": True},
    "share": {"type": "int", "required": True},
    "cores": {"type": "int"},
    "memory_gib": {"type": "int"},
    "machines": {"type": "int"},
    "volumes_gib": {"type": "int", "required": True},
    "floating_addresses": {"type": "int", "required": True},
}
SPEC = {
    "people_domain": {"type": "str", "required": True},
    "external_network": {"type": "str", "default": ""},
    "cidr": {"type": "str", "required": True},
    "hosts": {"type": "list", "elements": "str", "required": True},
    "flavors": {"type": "list", "elements": "dict", "default": [], "options": FLAVOR},
    "communities": {"type": "list", "elements": "dict", "default": [], "options": COMMUNITY},
    "images": {"type": "dict", "default": {}},
}
DOMAIN = "default"
ROLE = "member"
# Load balancers take a member back two seconds after it answers again; one that starts needs a minute.
PATIENCE_S = 120


class Communities:
    """One connection, and what was changed through it; in check mode nothing is."""

    def __init__(self, cloud: Connection, wanted: dict[str, Any], *, check_mode: bool) -> None:
        self.cloud = cloud
        self.networks = Networks(cloud.network, self._changing, check_mode=check_mode)
        self.wanted = wanted
        self.check_mode = check_mode
        self.changes: list[str] = []
        self.left_out: list[str] = []

    def apply(self) -> None:
        """Make everything that is wanted."""
        communities = self.wanted["communities"]
        measured = any(one["cores"] is None or one["memory_gib"] is None for one in communities)
        optional = any(flavor["optional"] for flavor in self.wanted["flavors"])
        hosts = self._hosts() if measured or optional else []
        self._flavors(hosts)
        shares = sum(one["share"] for one in communities)
        outside = self.networks.outside(self.wanted["external_network"])
        for community in communities:
            quota = limits(community, community["share"] / shares, hosts)
            self._community(community, quota, outside)

    def images(self) -> list[str]:
        """Return the names of the images that are not there as stated."""
        found: list[dict[str, Any]] = []
        for name in self.wanted["images"]:
            query = {"name": name, "owner": self.cloud.current_project_id}
            found += checked(self.cloud.image.get("/images", params=query)).json()["images"]
        return list(missing_images(found, self.wanted["images"]))

    def _changing(self, what: str) -> bool:
        self.changes.append(what)
        return not self.check_mode

    def _hosts(self) -> list[Host]:
        """Return the hosts that run machines, waiting for those that have never reported."""
        end = time.monotonic() + (0 if self.check_mode else PATIENCE_S)
        while True:
            found = [self._host(provider) for provider in self.cloud.placement.resource_providers()]
            hosts = [host for host in found if host is not None]
            if len(hosts) >= len(self.wanted["hosts"]) or time.monotonic() > end:
                break
            time.sleep(2)
        if not hosts and not self.check_mode:
            fix = "see that nova-compute runs there: openstack --os-cloud site compute service list"
            raise RefusalError(problem("no host offers room for machines", "placement", fix))
        return hosts

    def _host(self, provider: object) -> Host | None:
        found = self.cloud.placement.resource_provider_inventories(provider)
        names = ("total", "reserved", "allocation_ratio", "max_unit")
        return host_of({one.resource_class: {name: getattr(one, name) for name in names} for one in found})

    def _flavors(self, hosts: list[Host]) -> None:
        known = {flavor.name: flavor for flavor in self.cloud.compute.flavors()}
        for flavor in self.wanted["flavors"]:
            name, found = flavor["name"], known.get(flavor["name"])
            if flavor["optional"] and not holds(hosts, flavor):
                self.left_out.append(name)
                continue
            size = {"vcpus": flavor["cores"], "ram": flavor["memory_mib"], "disk": flavor["disk_gib"]}
            if found is not None and all(getattr(found, key) == value for key, value in size.items()):
                continue
            if not self._changing(f"flavor {name}"):
                continue
            if found is not None:
                self.cloud.compute.delete_flavor(found)
            self.cloud.compute.create_flavor(name=name, is_public=True, **size)

    def _community(self, community: dict[str, Any], quota: dict[str, int], outside: str | None) -> None:
        name = community["name"]
        project = self._project(name)
        if project is None:
            self.changes.append(f"everything of {name}")
            return
        self._quotas(name, project, quotas(quota), tolerance(community, quota))
        group, role = self._group(name), self._role()
        member = group is not None and self.cloud.identity.validate_group_has_project_role(
            project, group, role
        )
        if not member:
            self.networks.open(name, project)
        subnet = self.networks.subnet(name, project, self.wanted["cidr"])
        if outside and subnet:
            self.networks.router(name, project, outside, subnet)
        # Last: whoever may use the project finds it whole.
        if not member and self._changing(f"{name}: role {ROLE}"):
            self.cloud.identity.assign_project_role_to_group(project, group, role)

    def _project(self, name: str) -> str | None:
        found = next(iter(self.cloud.identity.projects(name=name, domain_id=DOMAIN)), None)
        if found is not None:
            if not found.is_enabled and self._changing(f"{name}: project enabled"):
                self.cloud.identity.update_project(found.id, is_enabled=True)
            return str(found.id)
        if not self._changing(f"{name}: project"):
            return None
        description = f"The community {name}"
        made = self.cloud.identity.create_project(name=name, domain_id=DOMAIN, description=description)
        return str(made.id)

    def _quotas(
        self, name: str, project: str, wanted: dict[str, dict[str, int]], tolerated: dict[str, int]
    ) -> None:
        services = {
            "compute": (self.cloud.compute, f"/os-quota-sets/{project}", "quota_set", {"force": True}),
            "volume": (self.cloud.block_storage, f"/os-quota-sets/{project}", "quota_set", {}),
            "network": (self.cloud.network, f"/quotas/{project}", "quota", {}),
        }
        for service, (client, path, key, extra) in services.items():
            found = checked(client.get(path)).json()[key]
            wrong = differing(found, wanted[service], tolerated)
            if wrong and self._changing(f"{name}: quota of {', '.join(wrong)}"):
                checked(client.put(path, json={key: {**wrong, **extra}}))

    def _group(self, name: str) -> str | None:
        domain = self.cloud.identity.find_domain(self.wanted["people_domain"], ignore_missing=False)
        found = next(iter(self.cloud.identity.groups(domain_id=domain.id, name=name)), None)
        if found is None and not self.check_mode:
            fix = "make it: dicos-site deploy --only platform"
            raise RefusalError(problem(f"the directory has no group {name}", domain.name, fix))
        return str(found.id) if found is not None else None

    def _role(self) -> str:
        return str(next(iter(self.cloud.identity.roles(name=ROLE))).id)


def ask(cloud: Connection) -> None:
    """Ask nova and neutron, which may only start."""
    cloud.authorize()
    for client, path in ((cloud.compute, "/flavors"), (cloud.network, "/extensions")):
        checked(client.get(path, params={"limit": "1"}))


def main() -> None:
    """Connect, apply, report."""
    module = AnsibleModule(argument_spec=SPEC, supports_check_mode=True)
    if not OPENSTACK and not module.check_mode:
        module.fail_json(msg=missing_required_lib("openstacksdk"))
    try:
        cloud = connected(0 if module.check_mode else PATIENCE_S, ask)
        communities = Communities(cloud, module.params, check_mode=module.check_mode)
        communities.apply()
        missing = communities.images()
    except RefusalError as refusal:
        module.fail_json(msg=str(refusal))
    except Exception as error:  # the SDK, keystoneauth and their files each have errors of their own
        if module.check_mode:  # on a host where the cloud would be started first
            everything = ["everything: the cloud does not answer yet"]
            module.exit_json(changed=True, changes=everything, missing_images=[], left_out=[])
        fix = "see that its services answer: dicos-site status"
        module.fail_json(msg=problem(f"the cloud refuses: {error}", "openstack_communities", fix))
    result = {"missing_images": missing, "left_out": communities.left_out}
    module.exit_json(changed=bool(communities.changes), changes=communities.changes, **result)


if __name__ == "__main__":
    main()
