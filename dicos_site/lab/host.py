"""Site, host → what Incus makes of it: devices, files, options. Pure."""

from dicos_site.lab import names
from dicos_site.model import Host, Site

POOL = "dicos"
KEY = "user.dicos."

Instance = dict[str, object]


def instance(site: Site, host: Host, image: str, authorized_keys: str) -> Instance:
    """Return the body of Incus' request for one host, cloned from an image by its fingerprint.

    The image's templates (templates/lab/) write the `user.dicos.*` texts into the host before its first
    start: it boots with its name, address and keys.
    """
    return {
        "name": host.name,
        "type": "container",
        "profiles": [],
        "source": {"type": "image", "fingerprint": image},
        "config": {
            # ceph-osd, libvirt, Open vSwitch and FUSE need both (docs/lab.md).
            "security.privileged": "true",
            "security.nesting": "true",
            **{KEY + name: text for name, text in files(site, host, authorized_keys).items()},
        },
        "devices": devices(site, host),
    }


def files(site: Site, host: Host, authorized_keys: str) -> dict[str, str]:
    """Return {option: text} of what is the host's own."""
    management = site.networks.management
    return {
        "site": site.site,
        "address": str(host.address),
        "hosts": f"127.0.0.1 localhost\n{host.address} {site.fqdn(host.name)} {host.name}\n",
        "resolv": f"search {site.domain}\nnameserver {management.gateway}\n",
        "eth0": network_file(
            "eth0", f"Address={host.address}/{management.cidr.prefixlen}\nGateway={management.gateway}\n"
        ),
        "eth1": network_file("eth1", "", "\n[Link]\nRequiredForOnline=no\n"),
        "keys": authorized_keys,
    }


def network_file(interface: str, addresses: str, more: str = "") -> str:
    """Return the systemd.network(5) file of one interface; without addresses it is only brought up."""
    return (
        f"[Match]\nName={interface}\n\n[Network]\n{addresses}"
        f"DHCP=no\nLinkLocalAddressing=no\nIPv6AcceptRA=no\nConfigureWithoutCarrier=yes\n{more}"
    )


def devices(site: Site, host: Host) -> dict[str, dict[str, str]]:
    """Return the host's disk and network cards."""
    cards = {
        bridge.interface: {"type": "nic", "network": bridge.name, "name": bridge.interface}
        for bridge in names.bridges_of(site, host)
    }
    return {"root": {"type": "disk", "path": "/", "pool": POOL}, **cards}
