"""A visit to the cloud: a person's machine, network, volume and address; one JSON line a step.

It is sent with tools and erasing; the caller adds a line that calls `main` with the question, so
that passwords are in no list of processes.
"""

import json
import sys
import time
from collections.abc import Callable
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from openstack import exceptions
from openstack.connection import Connection

from dicos_site.verify.visiting.erasing import erase, erase_old_keys, is_old, leftovers
from dicos_site.verify.visiting.pages import Browser
from dicos_site.verify.visiting.tools import (
    Question,
    StepError,
    administrator,
    person,
    reason,
    spoken,
    step,
    until,
)

ACTIVE_S, READY_S, VOLUME_S, DISK_S, MOVE_S, PAGES_S = 240, 180, 120, 90, 300, 90
CIDR = "192.168.77.0/28"
# ping, and the port on which the guest says who it is.
OPEN: tuple[dict[str, Any], ...] = (
    {"protocol": "icmp"},
    {"protocol": "tcp", "port_range_min": 80, "port_range_max": 80},
)


def main(question: str) -> None:
    """Do what is asked: {"actions": [name, ...], "name": run, "people": [{"user", "password", ...}], ...}."""
    asked: Question = json.loads(question)
    try:
        for action in asked["actions"]:
            ACTIONS[action](asked)
    except Exception as error:  # the SDK, keystoneauth and requests each have errors of their own
        facts = error.facts if isinstance(error, StepError) else {}
        print(json.dumps({"error": reason(error), **facts}), flush=True)
        sys.exit(1)


def prepare(asked: Question) -> None:
    """Clear what earlier visits left, and make everything but the machine."""
    name = asked["name"]
    with step("cleared") as facts:
        facts["found"] = erase(administrator(), lambda other: is_old(other, name), everywhere=True)
        erase_old_keys(asked)
    with step("login"):
        cloud = person(asked)
    with step("network"):
        network = cloud.network.create_network(name=name)
        subnet = cloud.network.create_subnet(name=name, network_id=network.id, ip_version=4, cidr=CIDR)
        if asked["outside"]:
            outside = next(iter(cloud.network.networks(name=asked["outside"], is_router_external=True)))
            router = cloud.network.create_router(name=name, external_gateway_info={"network_id": outside.id})
            cloud.network.add_interface_to_router(router, subnet_id=subnet.id)
    with step("rights"):
        group = cloud.network.create_security_group(name=name)
        for rule in OPEN:
            cloud.network.create_security_group_rule(
                security_group_id=group.id, direction="ingress", ether_type="IPv4", **rule
            )
        cloud.compute.create_keypair(name=name, public_key=_public_key())
    with step("address") as facts:
        port = cloud.network.create_port(name=name, network_id=network.id, security_groups=[group.id])
        facts["fixed"] = port.fixed_ips[0]["ip_address"]
        if asked["outside"]:
            floating = cloud.network.create_ip(
                floating_network_id=outside.id, port_id=port.id, description=name
            )
            facts["floating"] = floating.floating_ip_address


def _public_key() -> str:
    # Nobody will have the private one.
    public = Ed25519PrivateKey.generate().public_key()
    return public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()


def boot(asked: Question) -> None:
    """Ask for a machine and wait until it runs and knows who it is."""
    cloud, name = person(asked), asked["name"]
    port = next(iter(cloud.network.ports(name=name)))
    with step("active") as facts:
        image = next(iter(cloud.image.images(name=asked["image"], status="active")), None)
        flavor = cloud.compute.find_flavor(asked["flavor"])
        if image is None or flavor is None:
            raise LookupError(f"there is no image {asked['image']} or no flavor {asked['flavor']}")
        facts["requested"] = time.time()
        server = cloud.compute.create_server(
            name=name,
            image_id=image.id,
            flavor_id=flavor.id,
            key_name=name,
            networks=[{"port": port.id}],
        )
        until("the machine is active", ACTIVE_S, lambda: _active(cloud, server.id))
        facts["host"] = host = _host(server.id)
    with step("ready") as facts:
        facts |= {"host": host, "mac": port.mac_address}
        address = f"address {port.fixed_ips[0]['ip_address']}/"
        spoken(cloud, server.id, address, "its address by DHCP", READY_S)
        spoken(
            cloud, server.id, f"instance-id {server.id} ", "its identity from the metadata service", READY_S
        )
        spoken(cloud, server.id, "public-key ssh-ed25519 ", "its key", READY_S)
        spoken(cloud, server.id, "ready after ", "ready", READY_S)


def _active(cloud: Connection, server: str) -> bool:
    found = cloud.compute.get_server(server)
    if found.status == "ERROR":
        raise RuntimeError(
            f"the machine is in error: {(found.fault or {}).get('message', 'no reason given')}"
        )
    return bool(found.status == "ACTIVE")


def _host(server: str) -> str:
    return str(administrator().compute.get_server(server).compute_host)


def volume(asked: Question) -> None:
    """Give the machine a volume of 1 GiB, on which the guest writes and reads back."""
    cloud, name = person(asked), asked["name"]
    server = next(iter(cloud.compute.servers(name=name)))
    with step("volume"):
        made = cloud.block_storage.create_volume(name=name, size=1)
        until("the volume is available", VOLUME_S, lambda: _volume_is(cloud, made.id, "available"))
    with step("written") as facts:
        cloud.compute.create_volume_attachment(server, volume=made.id)
        until("the volume is attached", VOLUME_S, lambda: _volume_is(cloud, made.id, "in-use"))
        line = spoken(cloud, server.id, " 1024 MiB written checksum ", "that it wrote the volume", DISK_S)
        if not line.endswith(" OK"):
            raise RuntimeError(f"the guest says: {line}")
        facts["checksum"] = line.split()[-2]


def _volume_is(cloud: Connection, volume_id: str, status: str) -> bool:
    found = cloud.block_storage.get_volume(volume_id)
    if found.status.startswith("error"):
        raise RuntimeError(f"the volume is in {found.status}")
    return bool(found.status == status)


def pages(asked: Question) -> None:
    """Log in to the cloud's pages as a browser does; they show her machine."""
    who, browser = asked["people"][0], Browser(asked["pages"], administrator().config.config["cacert"])
    with step("pages"):
        form = until("the pages show their login", PAGES_S, browser.form)
        own = {"domain": who["domain"], "username": who["user"], "password": who["password"]}
        browser.log_in(form | own)
        if asked["name"] not in browser.page("/project/instances/"):
            raise LookupError("the pages do not show her machine")
        browser.page("/auth/logout/")


def stranger(asked: Question) -> None:
    """A person of another community asks for what is not hers."""
    owner, other, name = person(asked), person(asked, 1), asked["name"]
    server = next(iter(owner.compute.servers(name=name)))
    volumes = [one.id for one in owner.block_storage.volumes(name=name)]
    port = next(iter(owner.network.ports(name=name)))
    with step("stranger") as facts:
        questions: dict[str, Callable[[], object]] = {
            "machine": lambda: other.compute.get_server(server.id),
            "console": lambda: other.compute.get_server_console_output(server.id),
            "port": lambda: other.network.get_port(port.id),
            "network": lambda: other.network.get_network(port.network_id),
            "removal": lambda: other.compute.delete_server(server.id, ignore_missing=False),
            "volume": lambda: [other.block_storage.get_volume(one) for one in volumes],
        }
        seen = [what for what, question in questions.items() if not _refused(question)]
        lists = {
            "list of machines": [one.id for one in other.compute.servers()],
            "list of volumes": [one.id for one in other.block_storage.volumes()],
            "list of networks": [one.id for one in other.network.networks()],
        }
        hers = {server.id, port.network_id, *volumes}
        seen += [what for what, found in lists.items() if hers & set(found)]
        facts["objects"] = _objects(owner, other, name, seen)
        if seen:
            raise PermissionError(f"another community's person reaches the {', '.join(seen)}")


def _refused(question: Callable[[], object]) -> bool:
    try:
        question()
    except (exceptions.NotFoundException, exceptions.ForbiddenException):
        return True
    return False


def _objects(owner: Connection, other: Connection, name: str, seen: list[str]) -> bool:
    """Try an object too, where the cloud stores objects; return whether it does."""
    if not any(entry["type"] == "object-store" for entry in owner.service_catalog):
        return False
    path = f"/{name}/secret"
    store = owner.object_store
    exceptions.raise_from_response(store.put(f"/{name}"))
    try:
        exceptions.raise_from_response(store.put(path, data=b"secret"))
        url = f"{store.get_endpoint().rstrip('/')}{path}"
        if other.session.get(url, raise_exc=False).status_code < 400:
            seen.append("object")
    finally:
        store.delete(path)
        store.delete(f"/{name}")
    return True


def migrate(asked: Question) -> None:
    """Let the administrator move the machine to another host while it runs."""
    admin, server = administrator(), _server_of(asked)
    with step("migrated") as facts:
        facts["source"] = before = _host(server)
        facts["began"] = time.time()
        admin.compute.live_migrate_server(server, block_migration="auto")
        until("the machine is on another host", MOVE_S, lambda: _moved(server, before))
        facts["target"], facts["ended"] = _host(server), time.time()


def _moved(server: str, before: str) -> bool:
    found = administrator().compute.get_server(server)
    if found.status == "ERROR":
        raise RuntimeError(
            f"the machine is in error: {(found.fault or {}).get('message', 'no reason given')}"
        )
    if found.compute_host != before and found.status == "ACTIVE" and not found.task_state:
        return True
    states = {one.status for one in administrator().compute.migrations(server_id=server)}
    if states & {"error", "failed"}:
        raise RuntimeError(f"nova could not move it from {before}: see nova-compute's journal there")
    return False


def evacuate(asked: Question) -> None:
    """Let the administrator start the machine anew elsewhere, because its host is gone."""
    admin, server = administrator(), _server_of(asked)
    with step("evacuated") as facts:
        facts["source"] = before = _host(server)
        _force_down(before, forced=True)
        admin.compute.evacuate_server(server)
        until("the machine is on another host", MOVE_S, lambda: _elsewhere(server, before))
        # Since version 2.95 of the API a machine is stopped when it arrives.
        if admin.compute.get_server(server).status == "SHUTOFF":
            admin.compute.start_server(server)
        until("the machine is active", ACTIVE_S, lambda: _active(admin, server))
        facts["target"] = _host(server)


def _elsewhere(server: str, before: str) -> bool:
    found = administrator().compute.get_server(server)
    return found.compute_host != before and not found.task_state and found.status in ("ACTIVE", "SHUTOFF")


def readmit(asked: Question) -> None:
    """Give work to a host again that was said to be gone, once it has cleared what was started elsewhere."""
    with step("readmitted"):
        until("the host takes machines again", MOVE_S, lambda: _admitted(asked["host"]))


def _admitted(host: str) -> bool:
    try:
        _force_down(host, forced=False)
    except exceptions.BadRequestException:  # its nova-compute has not started yet
        return False
    return True


def _force_down(host: str, *, forced: bool) -> None:
    compute = administrator().compute
    for service in compute.services(host=host, binary="nova-compute"):
        compute.update_service(service, forced_down=forced)


def _server_of(asked: Question) -> str:
    return str(next(iter(person(asked).compute.servers(name=asked["name"]))).id)


def remove(asked: Question) -> None:
    """Remove everything with her own rights, then ask the administrator whether anything is left."""
    name = asked["name"]
    with step("removed"):
        erase(person(asked), lambda other: other == name, everywhere=False)
    with step("left") as facts:
        facts["left"] = leftovers(administrator(), lambda other: other == name)


def clear(asked: Question) -> None:
    """Remove what is left of this visit as administrator, whatever happened to it."""
    with step("cleared"):
        erase(administrator(), lambda other: other == asked["name"], everywhere=True)


ACTIONS: dict[str, Callable[[Question], None]] = {
    "prepare": prepare,
    "boot": boot,
    "volume": volume,
    "pages": pages,
    "stranger": stranger,
    "migrate": migrate,
    "evacuate": evacuate,
    "readmit": readmit,
    "remove": remove,
    "clear": clear,
}
