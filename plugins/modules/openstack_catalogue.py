#!/usr/bin/python
"""Wanted services → their entries in the catalogue, endpoints, users and roles, in one connection."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible.module_utils.host_paths import problem
from ansible.module_utils.site_cloud import OPENSTACK, connected

if TYPE_CHECKING:
    from openstack.connection import Connection
    from openstack.identity.v3._proxy import Proxy

if OPENSTACK:
    from keystoneauth1 import exceptions
    from keystoneauth1.identity.v3 import Password
    from keystoneauth1.session import Session

DOCUMENTATION = r"""
module: openstack_catalogue
short_description: Keep the services of the cloud in keystone
description:
  - Connects as the administrator of the cloud C(site) in /etc/openstack/clouds.yaml, through the VIP.
  - Makes each service, its public, internal and admin endpoint, its user in the domain Default with roles in
    the project C(service), and changes what differs. A user's password is tried by logging in.
options:
  region:
    description: Region of the endpoints.
    type: str
    default: regionOne
  services:
    description: The services; what else is in the catalogue stays.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the service, and of the user as which it logs in.
        type: str
        required: true
      type:
        description: Type by which clients find the service.
        type: str
        required: true
      description:
        description: What the service is, for people.
        type: str
        default: ""
      url:
        description: URL of all three endpoints.
        type: str
        required: true
      password:
        description: Password of the user.
        type: str
        required: true
      roles:
        description: Roles of the user in the project C(service).
        type: list
        elements: str
        default: [admin, service]
author: DiCOS (@dicos)
"""

EXAMPLES = r"""
- name: Put the services into the catalogue
  openstack_catalogue:
    services:
      - name: glance
        type: image
        description: Images of machines
        url: https://api.lab.dicos.test:9292
        password: "{{ glance_password }}"
  run_once: true
"""

RETURN = r"""
changes:
  description: What was, or in check mode would be, made or changed.
  type: list
  elements: str
  returned: success
"""

SERVICE = {
    "name": {"type": "str", "required": True},
    "type": {"type": "str", "required": True},
    "description": {"type": "str", "default": ""},
    "url": {"type": "str", "required": True},
    "password": {"type": "str", "required": True, "no_log": True},
    "roles": {"type": "list", "elements": "str", "default": ["admin", "service"]},
}
SPEC = {
    "region": {"type": "str", "default": "regionOne"},
    "services": {"type": "list", "elements": "dict", "required": True, "options": SERVICE},
}
INTERFACES = ("public", "internal", "admin")
DOMAIN = "default"
PROJECT = "service"
# Load balancers take a keystone back two seconds after it answers again; one that starts needs a minute.
PATIENCE_S = 120


class Identities:
    """One connection, and what was changed through it; in check mode nothing is."""

    def __init__(self, cloud: Connection, *, check_mode: bool) -> None:
        self.cloud = cloud
        self.keystone: Proxy = cloud.identity
        self.check_mode = check_mode
        self.changes: list[str] = []

    def changing(self, what: str) -> bool:
        """Note one change; return whether to make it."""
        self.changes.append(what)
        return not self.check_mode

    def service(self, name: str, kind: str, description: str) -> str | None:
        """Return the ID of the service of that type; None where check mode did not make it."""
        wanted = {"name": name, "type": kind, "description": description, "is_enabled": True}
        found = next(iter(self.keystone.services(type=kind)), None)
        if found is None:
            return self.keystone.create_service(**wanted).id if self.changing(f"service {name}") else None
        if _differs(found, wanted) and self.changing(f"service {name}"):
            self.keystone.update_service(found.id, **wanted)
        return str(found.id)

    def endpoints(self, service: str | None, url: str, region: str) -> None:
        """Give the service one endpoint of each interface in the region."""
        found = list(self.keystone.endpoints(service_id=service, region_id=region)) if service else []
        for interface in INTERFACES:
            wanted = {"url": url, "is_enabled": True}
            same = [one for one in found if one.interface == interface]
            if not same and self.changing(f"{interface} endpoint {url}"):
                identity = {"service_id": service, "interface": interface, "region_id": region}
                self.keystone.create_endpoint(**wanted, **identity)
            for number, one in enumerate(same):
                if number > 0 and self.changing(f"{interface} endpoint of {url}, a second one"):
                    self.keystone.delete_endpoint(one.id)
                elif number == 0 and _differs(one, wanted) and self.changing(f"{interface} endpoint {url}"):
                    self.keystone.update_endpoint(one.id, **wanted)

    def project(self) -> str | None:
        """Return the ID of the project of all services."""
        found = next(iter(self.keystone.projects(name=PROJECT, domain_id=DOMAIN)), None)
        if found is not None:
            return str(found.id)
        if not self.changing(f"project {PROJECT}"):
            return None
        description = "The services of the cloud"
        return str(self.keystone.create_project(name=PROJECT, domain_id=DOMAIN, description=description).id)

    def user(self, name: str, password: str) -> str | None:
        """Return the ID of the user, who can log in with the password."""
        found = next(iter(self.keystone.users(name=name, domain_id=DOMAIN)), None)
        if found is None:
            if not self.changing(f"user {name}"):
                return None
            return str(self.keystone.create_user(name=name, domain_id=DOMAIN, password=password).id)
        if not self._logs_in(found.id, password) and self.changing(f"password of user {name}"):
            self.keystone.update_user(found.id, password=password, is_enabled=True)
        return str(found.id)

    def roles(self, user: str | None, project: str | None, names: list[str]) -> None:
        """Give the user roles in the project; others that it has are left to who gave them."""
        known = {role.name: role.id for role in self.keystone.roles()}
        given: set[str] = set()
        if user and project:
            assignments = self.keystone.role_assignments(user_id=user, scope_project_id=project)
            given = {one.role["id"] for one in assignments}
        for name in names:
            if name in known and known[name] in given:
                continue
            if self.changing(f"role {name}"):
                role = known.get(name) or self.keystone.create_role(name=name).id
                self.keystone.assign_project_role_to_user(project, user, role)

    def _logs_in(self, user: str, password: str) -> bool:
        login = Password(auth_url=self.cloud.config.auth["auth_url"], user_id=user, password=password)
        try:
            Session(auth=login, verify=self.cloud.session.verify, timeout=30).get_token()
        except exceptions.Unauthorized:
            return False
        return True


def apply(identities: Identities, services: list[dict[str, Any]], region: str) -> None:
    """Make everything that is wanted."""
    project = identities.project()
    for wanted in services:
        service = identities.service(wanted["name"], wanted["type"], wanted["description"])
        identities.endpoints(service, wanted["url"], region)
        user = identities.user(wanted["name"], wanted["password"])
        identities.roles(user, project, wanted["roles"])


def passes(error: Exception) -> bool:
    """Return whether a keystone that only starts is the cause: a wrong password stays wrong."""
    # The SDK wraps what keystoneauth raises.
    return isinstance(error.__cause__ or error, (exceptions.ConnectionError, exceptions.HttpServerError))


def main() -> None:
    """Connect, apply, report."""
    module = AnsibleModule(argument_spec=SPEC, supports_check_mode=True)
    if not OPENSTACK and not module.check_mode:
        module.fail_json(msg=missing_required_lib("openstacksdk"))
    try:
        patience_s = 0 if module.check_mode else PATIENCE_S
        cloud = connected(patience_s, lambda cloud: cloud.authorize(), passes=passes)
        identities = Identities(cloud, check_mode=module.check_mode)
        apply(identities, module.params["services"], module.params["region"])
    except Exception as error:  # the SDK, keystoneauth and its files each have errors of their own
        if module.check_mode:  # on a host where keystone would be started first
            module.exit_json(changed=True, changes=["everything: keystone does not answer yet"])
        fix = "see that keystone answers: openstack --os-cloud site catalog list"
        module.fail_json(msg=problem(f"keystone refuses: {error}", "openstack_catalogue", fix))
    module.exit_json(changed=bool(identities.changes), changes=identities.changes)


def _differs(found: object, wanted: dict[str, object]) -> bool:
    return any(getattr(found, name) != value for name, value in wanted.items())


if __name__ == "__main__":
    main()
