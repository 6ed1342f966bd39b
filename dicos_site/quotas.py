"""Site → what each community may use of its cloud at once, as far as rack.yml tells. Pure."""

from collections.abc import Iterable, Mapping
from ipaddress import IPv4Address

from dicos_site.model import Site

# A router takes an address of the range: each community has one, and verification makes one for a moment.
SPARE_ROUTERS = 1
# The rest holds images, backups, objects, scientific data, and room to recover after a disk is lost.
VOLUMES_PART = 0.5

Limits = Mapping[str, int | None]


def quotas(site: Site) -> dict[str, Limits]:
    """Return {community: {"cores", "memory_gib", "machines", "volumes_gib", "floating_addresses"}}.

    None is what only the cloud can tell: a share of the cores and of the memory that its hosts have.
    A volume limit of -1 is none: rack.yml tells the size of the lab's disks, but not that of real ones.
    """
    addresses, volumes = _addresses_to_share(site), _volumes_gib(site)
    everyone = site.communities
    open_ended = [name for name, one in everyone.items() if one.quota.floating_addresses is None]
    return {
        name: {
            "cores": community.quota.cores,
            "memory_gib": community.quota.memory_gib,
            "machines": community.quota.machines,
            "volumes_gib": _first(
                community.quota.volumes_gib,
                -1 if volumes is None else _part(site, name, volumes, everyone),
            ),
            "floating_addresses": _first(
                community.quota.floating_addresses, _part(site, name, addresses, open_ended or everyone)
            ),
        }
        for name, community in everyone.items()
    }


def range_of(floating: str) -> tuple[IPv4Address, IPv4Address] | None:
    """Return the first and the last address of "first-last"; None where it does not hold two."""
    try:
        first, last = (IPv4Address(end) for end in floating.split("-"))
    except ValueError:
        return None
    return first, last


def size_of(floating: str) -> int:
    """Return how many addresses a range holds."""
    ends = range_of(floating)
    return max(0, int(ends[1]) - int(ends[0]) + 1) if ends else 0


def routers(communities: int) -> int:
    """Return how many addresses of the range routers may take."""
    return communities + SPARE_ROUTERS if communities else 0


def _addresses_to_share(site: Site) -> int:
    """Return the addresses that are left for those communities whose quota rack.yml leaves out."""
    provider = site.networks.provider
    size = size_of(provider.floating) if provider else 0
    fixed = sum(community.quota.floating_addresses or 0 for community in site.communities.values())
    return max(0, size - routers(len(site.communities)) - fixed)


def _part(site: Site, name: str, whole: int, sharing: Iterable[str]) -> int:
    """Return a community's part of what some communities share."""
    shares = sum(site.communities[other].share for other in sharing)
    return whole * site.communities[name].share // shares


def _volumes_gib(site: Site) -> int | None:
    sizes = [disk.size_gib for host in site.hosts for disk in host.disks]
    if not all(sizes):
        return None
    return int(sum(size or 0 for size in sizes) / site.replicas * VOLUMES_PART)


def _first(stated: int | None, derived: int) -> int:
    return derived if stated is None else stated
