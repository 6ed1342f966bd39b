"""Site → which service runs on which host. Pure."""

from dataclasses import dataclass

from dicos_site.model import KINDS, STORAGE_KINDS, Host, Kind, Site


@dataclass(frozen=True)
class Service:
    """One role that the model places: on which kinds of host, and whether its members vote.

    `beside` names services whose hosts need this one too, wherever they are placed.
    """

    name: str
    kinds: tuple[Kind, ...]
    quorum: bool = False
    beside: tuple[str, ...] = ()


# Who runs virtual machines.
COMPUTE_KINDS: tuple[Kind, ...] = ("node", "compute")
# Who holds or uses the data of Ceph.
CEPH_KINDS: tuple[Kind, ...] = ("controller", "node", "storage", "compute")


SERVICES: tuple[Service, ...] = (
    Service("base", KINDS),
    Service("pki", KINDS),
    Service("loadbalancer", ("controller",)),
    Service("mariadb", ("controller",), quorum=True),
    Service("galera_arbiter", ()),
    Service("rabbitmq", ("controller",), quorum=True),
    Service("memcached", ("controller",)),
    Service("ldap", ("controller",)),
    Service("ceph", CEPH_KINDS, beside=("ceph_mon", "ceph_mgr", "ceph_osd", "ceph_mds", "ceph_rgw")),
    Service("ceph_mon", ("controller",), quorum=True),
    Service("ceph_mgr", ("controller",)),
    Service("ceph_osd", STORAGE_KINDS),
    Service("ceph_mds", ("controller",)),
    Service("ceph_rgw", ("controller",)),
    Service("openstack", ("controller", *COMPUTE_KINDS)),
    Service("keystone", ("controller",)),
    Service("placement", ("controller",)),
    Service("glance", ("controller",)),
    Service("guest_image", ("controller",)),
    Service("cinder", ("controller",)),
    Service("ovn", ("controller",), quorum=True),
    Service("neutron", ("controller",)),
    Service("nova", ("controller",)),
    Service("horizon", ("controller",)),
    Service("ovn_controller", COMPUTE_KINDS),
    Service("nova_compute", COMPUTE_KINDS),
    Service("communities", ("controller",)),
)
SERVICE_NAMES = tuple(service.name for service in SERVICES)


def hosts_of(site: Site, service: str) -> tuple[Host, ...]:
    """Return the hosts that run a service, in the order of rack.yml: `placement:` first, else by kind."""
    if service in site.placement:
        return tuple(host for host in site.hosts if host.name in site.placement[service])
    entry = next(entry for entry in SERVICES if entry.name == service)
    needed = {host.name for other in entry.beside for host in hosts_of(site, other)}
    return tuple(host for host in site.hosts if host.kind in entry.kinds or host.name in needed)


def services_of(site: Site, host: Host) -> tuple[str, ...]:
    """Return the services of one host, in the order in which they are deployed."""
    return tuple(name for name in SERVICE_NAMES if host in hosts_of(site, name))


def groups(site: Site) -> dict[str, tuple[str, ...]]:
    """Return {group: host names}: one group a kind, one a service; all are present, even when empty."""
    by_kind = {kind: tuple(host.name for host in site.hosts if host.kind == kind) for kind in KINDS}
    by_service = {name: tuple(host.name for host in hosts_of(site, name)) for name in SERVICE_NAMES}
    return by_kind | by_service
