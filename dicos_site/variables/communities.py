"""Site → the options of what communities have in the cloud. Pure."""

from ipaddress import IPv4Network

from dicos_site.cloud import TINY, Flavor
from dicos_site.model import Host, Site
from dicos_site.placement import hosts_of
from dicos_site.quotas import quotas
from dicos_site.variables.common import Variables
from dicos_site.variables.identity import people_domain

# As small as the guest image takes; every site has it, for its checks.
_TINY = Flavor(cores=1, memory_mib=128, disk_gib=1)
# Where rack.yml names no flavors, a real site has those of these that a host can hold.
_USUAL = {
    "small": Flavor(cores=1, memory_mib=2048, disk_gib=20),
    "medium": Flavor(cores=2, memory_mib=4096, disk_gib=40),
    "large": Flavor(cores=4, memory_mib=8192, disk_gib=80),
}
# Each community has the first of these for itself that is none of the rack's; 16382 machines fit in.
_OWN_NETWORKS = tuple(map(IPv4Network, ("172.24.0.0/18", "10.240.0.0/18", "192.168.192.0/18")))
_NONE = IPv4Network("100.64.0.0/18")


def site_options(site: Site) -> Variables:
    """Return what every host has of this role's options."""
    return {
        "communities_people_domain": people_domain(site),
        "communities_external_network": "provider" if site.networks.provider else "",
        "communities_cidr": str(own_network(site)),
        "communities_hosts": [host.name for host in hosts_of(site, "nova_compute")],
        "communities_flavors": [*_flavors(site)],
        "communities_members": [
            {"name": name, "share": site.communities[name].share, **limits}
            for name, limits in quotas(site).items()
        ],
        "communities_images": [
            {
                "name": name,
                "file": image.file if image.file.startswith("/") else "{{ site_folder }}/" + image.file,
                "format": image.format,
                "checksum": image.sha256,
            }
            for name, image in site.images.items()
        ],
    }


def host_options(site: Site, host: Host) -> Variables:
    """Return what one host has of its own."""
    return {}


def own_network(site: Site) -> IPv4Network:
    """Return the addresses of each community's network, which are none of the rack's networks."""
    provider = site.networks.provider
    taken = [site.networks.management.cidr, *([provider.cidr] if provider else [])]
    free = (one for one in _OWN_NETWORKS if not any(one.overlaps(other) for other in taken))
    return next(free, _NONE)


def _flavors(site: Site) -> list[dict[str, object]]:
    usual = {} if site.flavors or site.substrate == "incus" else _USUAL
    stated = [{"name": name, **flavor.model_dump()} for name, flavor in site.flavors.items()]
    optional = [{"name": name, **flavor.model_dump(), "optional": True} for name, flavor in usual.items()]
    return [{"name": TINY, **_TINY.model_dump()}, *stated, *optional]
