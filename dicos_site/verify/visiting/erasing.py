"""What a visit made → gone; and whether anything is left."""

from collections.abc import Callable
from typing import Any

from openstack import exceptions
from openstack.connection import Connection

from dicos_site.verify.visiting.tools import Question, administrator, until

# Everything that a visit makes begins so.
PREFIX = "dicos-verify-"
GONE_S = 180


def is_old(other: str, name: str) -> bool:
    """Tell whether a name is another visit's."""
    return other.startswith(PREFIX) and other != name


def erase(cloud: Connection, mine: Callable[[str], bool], *, everywhere: bool) -> int:
    """Remove what has one of the names, machines first; return how many there were."""
    machines = _named(cloud.compute.servers(all_projects=everywhere), mine)
    for machine in machines:
        cloud.compute.delete_server(machine)
    until(
        "the machines are gone",
        GONE_S,
        lambda: not _named(cloud.compute.servers(all_projects=everywhere), mine),
    )
    return len(machines) + _erase_volumes(cloud, mine, everywhere) + _erase_network(cloud, mine)


def _erase_volumes(cloud: Connection, mine: Callable[[str], bool], everywhere: bool) -> int:
    def there() -> list[Any]:
        return _named(cloud.block_storage.volumes(all_projects=everywhere), mine)

    found = there()
    for one in found:
        until("the volume is free", GONE_S, lambda one=one: _free(cloud, one.id))  # type: ignore[misc]
        cloud.block_storage.delete_volume(one.id)
    until("the volumes are gone", GONE_S, lambda: not there())
    return len(found)


def _free(cloud: Connection, volume_id: str) -> bool:
    return cloud.block_storage.get_volume(volume_id).status in ("available", "error")


def _erase_network(cloud: Connection, mine: Callable[[str], bool]) -> int:
    network = cloud.network
    addresses = [one for one in network.ips() if mine(one.description or "")]
    for address in addresses:
        network.delete_ip(address)
    ports, routers = _named(network.ports(), mine), _named(network.routers(), mine)
    for port in ports:
        network.delete_port(port)
    for router in routers:
        for port in network.ports(device_id=router.id, device_owner="network:router_interface"):
            network.remove_interface_from_router(router, port_id=port.id)
        network.delete_router(router)
    networks, groups = _named(network.networks(), mine), _named(network.security_groups(), mine)
    for one in networks:
        network.delete_network(one)
    for group in groups:
        network.delete_security_group(group)
    keys = _named(cloud.compute.keypairs(), mine)
    for key in keys:
        cloud.compute.delete_keypair(key.name)
    return sum(map(len, (addresses, ports, routers, networks, groups, keys)))


def erase_old_keys(asked: Question) -> None:
    """Remove the key pairs of people whom an earlier visit left: keys belong to people, not to projects."""
    admin = administrator()
    domain = admin.identity.find_domain(asked["people"][0]["domain"], ignore_missing=False)
    query = {"domain_id": domain.id, "name__startswith": PREFIX}
    answer = admin.identity.get("/users", params=query)
    exceptions.raise_from_response(answer)
    for user in answer.json()["users"]:
        for key in admin.compute.keypairs(user_id=user["id"]):
            if is_old(key.name, asked["name"]):
                admin.compute.delete_keypair(key.name, user_id=user["id"])


def leftovers(admin: Connection, mine: Callable[[str], bool]) -> list[str]:
    """Return what is still there, in words."""
    network = admin.network
    found = {
        "machine": _named(admin.compute.servers(all_projects=True), mine),
        "volume": _named(admin.block_storage.volumes(all_projects=True), mine),
        "port": _named(network.ports(), mine),
        "router": _named(network.routers(), mine),
        "network": _named(network.networks(), mine),
        "subnet": _named(network.subnets(), mine),
        "security group": _named(network.security_groups(), mine),
        "floating address": [one for one in network.ips() if mine(one.description or "")],
    }
    return [what for what, entries in found.items() for _ in entries]


def _named(found: Any, mine: Callable[[str], bool]) -> list[Any]:
    return [one for one in found if mine(one.name or "")]
