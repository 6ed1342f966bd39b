"""Site → the names of its lab in Incus and in the kernel. Pure."""

import hashlib
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

from dicos_site.model import Host, Site

# Bigger than any metric that a router or DHCP client sets: the bridge's own route wins while it is up.
GUARD_METRIC = 4278198272
# An interface has at most 15 characters in its name.
_SLUG_LENGTH = 9
_PROVIDER_KINDS = ("controller", "node", "compute")


@dataclass(frozen=True)
class Bridge:
    """One network of the rack as a bridge on this machine; `interface` is its name inside a host."""

    name: str
    interface: str
    cidr: IPv4Network
    gateway: IPv4Address
    nat: bool

    @property
    def address(self) -> str:
        """Return the bridge's own address with its prefix length."""
        return f"{self.gateway}/{self.cidr.prefixlen}"


def project(site: Site) -> str:
    """Return the Incus project that holds the lab's hosts."""
    return f"dicos-{site.site.lower()}"


def bridges(site: Site) -> tuple[Bridge, ...]:
    """Return the management bridge, which reaches the package mirrors, and the provider bridge if any."""
    management, provider = site.networks.management, site.networks.provider
    found = [Bridge(_interface(site, "m"), "eth0", management.cidr, management.gateway, nat=True)]
    if provider:
        found.append(Bridge(_interface(site, "p"), "eth1", provider.cidr, provider.gateway, nat=False))
    return tuple(found)


def bridges_of(site: Site, host: Host) -> tuple[Bridge, ...]:
    """Return the bridges of a host: the kinds that run virtual machines, or route for them, have both."""
    return tuple(
        bridge for bridge in bridges(site) if bridge.interface == "eth0" or host.kind in _PROVIDER_KINDS
    )


def guard_route(cidr: IPv4Network) -> tuple[str, ...]:
    """Return the words of `ip route` that keep packets for a lab network on this machine while it is down."""
    return ("unreachable", str(cidr), "metric", str(GUARD_METRIC))


def _interface(site: Site, suffix: str) -> str:
    slug = site.site.lower()[:_SLUG_LENGTH].rstrip("-")
    return f"{slug}{hashlib.sha256(site.site.encode()).hexdigest()[:4]}{suffix}"
