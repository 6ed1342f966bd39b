"""A community's network: its own, its router to the outside, and what its default security group lets in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ansible.module_utils.community_limits import ANYWHERE, closed
from ansible.module_utils.host_paths import RefusalError, problem

if TYPE_CHECKING:
    from collections.abc import Callable

    from openstack.network.v2._proxy import Proxy


class Networks:
    """neutron, and whom to tell of a change, who says whether to make it."""

    def __init__(self, neutron: Proxy, changing: Callable[[str], bool], *, check_mode: bool) -> None:
        self.neutron = neutron
        self.changing = changing
        self.check_mode = check_mode

    def outside(self, name: str) -> str | None:
        """Return the network that leads outside; None where there is none, or not yet in check mode."""
        if not name:
            return None
        found = next(iter(self.neutron.networks(name=name, is_router_external=True)), None)
        if found is None and not self.check_mode:
            fix = "make it: dicos-site deploy --only cloud"
            raise RefusalError(problem(f"the cloud has no external network {name}", "neutron", fix))
        return str(found.id) if found is not None else None

    def open(self, name: str, project: str) -> None:
        """Let into machines of the default group what is in OPEN."""
        # neutron makes the group of a project when it is first asked for it.
        group = next(iter(self.neutron.security_groups(project_id=project, name="default")))
        missing = closed(self.neutron.security_group_rules(security_group_id=group.id))
        if not missing or not self.changing(f"{name}: security group"):
            return
        for rule in missing:
            ends = {key: value for key, value in rule.items() if value is not None}
            self.neutron.create_security_group_rule(
                security_group_id=group.id,
                project_id=project,
                direction="ingress",
                ether_type="IPv4",
                remote_ip_prefix=ANYWHERE,
                **ends,
            )

    def subnet(self, name: str, project: str, cidr: str) -> str | None:
        """Return the subnet of a community's own network."""
        network = next(iter(self.neutron.networks(name=name, project_id=project)), None)
        if network is None:
            if not self.changing(f"{name}: network"):
                return None
            network = self.neutron.create_network(name=name, project_id=project)
        subnet = next(iter(self.neutron.subnets(network_id=network.id, ip_version=4)), None)
        if subnet is None:
            if not self.changing(f"{name}: subnet"):
                return None
            subnet = self.neutron.create_subnet(
                name=name,
                network_id=network.id,
                project_id=project,
                ip_version=4,
                cidr=cidr,
            )
        return str(subnet.id)

    def router(self, name: str, project: str, outside: str, subnet: str) -> None:
        """Lead a community's network outside."""
        gateway = {"network_id": outside}
        router = next(iter(self.neutron.routers(name=name, project_id=project)), None)
        if router is None:
            if not self.changing(f"{name}: router"):
                return
            router = self.neutron.create_router(name=name, project_id=project, external_gateway_info=gateway)
        elif (router.external_gateway_info or {}).get("network_id") != outside and self.changing(
            f"{name}: gateway"
        ):
            self.neutron.update_router(router.id, external_gateway_info=gateway)
        ports = self.neutron.ports(device_id=router.id)
        joined = {address["subnet_id"] for port in ports for address in port.fixed_ips}
        if subnet not in joined and self.changing(f"{name}: router's interface"):
            self.neutron.add_interface_to_router(router.id, subnet_id=subnet)
