"""Site → the lab's bridges and the routes that keep its packets on this machine."""

import json
import subprocess
from dataclasses import dataclass
from ipaddress import IPv4Interface, IPv4Network

from dicos_site.errors import LabError, Problem
from dicos_site.lab import incus, names
from dicos_site.model import Site


@dataclass(frozen=True)
class Taken:
    """A network that something on this machine uses already."""

    cidr: IPv4Network
    owner: str


def guard(site: Site) -> None:
    """Keep packets for the lab's networks on this machine also while there is no bridge; needs no Incus."""
    present = _ip("-json", "route", "show", "type", "unreachable")
    known = {route["dst"] for route in json.loads(present or "[]")}
    for bridge in names.bridges(site):
        if str(bridge.cidr) not in known:
            _ip("route", "replace", *names.guard_route(bridge.cidr))


def unguard(site: Site) -> None:
    """Take the guard routes away."""
    for bridge in names.bridges(site):
        subprocess.run(
            ["ip", "route", "del", *names.guard_route(bridge.cidr)], capture_output=True, check=False
        )


def check_free(site: Site) -> None:
    """LabError naming every network of the site that another lab or interface uses."""
    own = {bridge.name for bridge in names.bridges(site)}
    conflicts = overlaps(tuple(bridge.cidr for bridge in names.bridges(site)), _taken(own))
    if conflicts:
        raise LabError(
            *(
                Problem(
                    f"the network {cidr} overlaps {taken.cidr} of {taken.owner}",
                    "networks",
                    "choose another network in rack.yml, or remove the other: `dicos-site lab down SITE`",
                )
                for cidr, taken in conflicts
            )
        )


def overlaps(
    wanted: tuple[IPv4Network, ...], taken: tuple[Taken, ...]
) -> tuple[tuple[IPv4Network, Taken], ...]:
    """Return each wanted network with what it overlaps."""
    return tuple((cidr, other) for cidr in wanted for other in taken if cidr.overlaps(other.cidr))


def ensure(site: Site) -> None:
    """Make the bridges that are missing; LabError where one is there with another address."""
    for bridge in names.bridges(site):
        found = incus.find(f"/1.0/networks/{bridge.name}")
        if found is None:
            incus.post(
                "/1.0/networks", {"name": bridge.name, "type": "bridge", "config": _config(site, bridge)}
            )
        elif (address := found["config"].get("ipv4.address")) != bridge.address:
            raise LabError(
                Problem(
                    f"{site.site} is up with {address}, rack.yml says {bridge.address}",
                    "networks",
                    "dicos-site lab down, then lab up: the hosts are made anew with the new addresses",
                )
            )


def remove(site: Site) -> None:
    """Remove the bridges; one that Incus forgot while it was dead is removed from the kernel."""
    for bridge in names.bridges(site):
        incus.delete(f"/1.0/networks/{bridge.name}")
        subprocess.run(["ip", "link", "del", bridge.name], capture_output=True, check=False)


def partition(interface: str, *, apart: bool) -> None:
    """Cut a host's card off its bridge, or plug it in again; its link stays up, as behind a bad switch."""
    # 0 is disabled, 3 is forwarding, bridge(8).
    state = "0" if apart else "3"
    command = ["bridge", "link", "set", "dev", interface, "state", state]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise LabError(Problem(f"{' '.join(command)}: {done.stderr.strip()}", interface))


def _config(site: Site, bridge: names.Bridge) -> dict[str, str]:
    return {
        "ipv4.address": bridge.address,
        "ipv4.nat": "true" if bridge.nat else "false",
        "ipv4.dhcp": "false",
        "ipv6.address": "none",
        "user.dicos.site": site.site,
    }


def _taken(own: set[str]) -> tuple[Taken, ...]:
    """Return the networks of all interfaces but our own, and of labs whose bridge is not up."""
    networks = incus.get("/1.0/networks", recursion="1")
    labs: dict[str, dict[str, str]] = {
        entry["name"]: entry["config"] for entry in networks if entry["managed"]
    }
    addresses = {(name, config.get("ipv4.address", "none")) for name, config in labs.items()}
    for link in json.loads(_ip("-json", "-4", "address", "show") or "[]"):
        for address in link.get("addr_info", ()):
            addresses.add((link["ifname"], f"{address['local']}/{address['prefixlen']}"))
    return tuple(
        Taken(IPv4Interface(address).network, _owner(name, labs.get(name)))
        for name, address in sorted(addresses)
        if name not in own and "/" in address
    )


def _owner(name: str, config: dict[str, str] | None) -> str:
    lab = (config or {}).get("user.dicos.site")
    return f"the lab {lab}" if lab else f"the interface {name}"


def _ip(*words: str) -> str:
    done = subprocess.run(["ip", *words], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise LabError(Problem(f"ip {' '.join(words)}: {done.stderr.strip()}", "the kernel's routes"))
    return done.stdout
