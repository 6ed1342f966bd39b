"""Site → which port of which host is open to whom. Pure; the firewall, `show` and `verify` all read this."""

from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Literal

from dicos_site.model import Host, Site
from dicos_site.placement import groups, hosts_of

Protocol = Literal["tcp", "udp", "vrrp"]
MANAGEMENT = "management"
EVERYONE = "everyone"


@dataclass(frozen=True)
class Port:
    """A listening port: of a service, or of the VIP that the service's hosts carry.

    `sources` names groups of hosts; "management" is the management network, "everyone" any address.
    `last` is the end of a range of ports of which a service takes what it needs; `stage` is the one after
    which somebody listens.
    """

    service: str
    name: str
    number: int
    sources: tuple[str, ...]
    protocol: Protocol = "tcp"
    on_vip: bool = False
    tls: bool = False
    last: int = 0
    stage: str = "platform"


@dataclass(frozen=True)
class Rule:
    """One port as a host's firewall opens it; `destination` is the VIP or None for the host's own addresses.

    `sources` is empty where any address may connect; VRRP has the number 0.
    """

    name: str
    protocol: Protocol
    number: int
    sources: tuple[str, ...]
    destination: IPv4Address | None
    last: int = 0
    stage: str = "platform"


# The OpenStack API services, each on the same port of the VIP and of its hosts.
APIS = {"keystone": 5000, "placement": 8778, "glance": 9292, "cinder": 8776, "neutron": 9696, "nova": 8774}
# Of Ceph's gateways: S3 and Swift.
OBJECTS = 7480
COMPUTE = ("node", "compute")


def _api(service: str, number: int) -> tuple[Port, Port]:
    """Return the port of an API on its hosts, for the load balancers, and on the VIP, for everyone."""
    return (
        Port(service, f"{service}-api", number, ("loadbalancer",), tls=True, stage="cloud"),
        Port("loadbalancer", f"{service}-vip", number, (EVERYONE,), on_vip=True, tls=True, stage="cloud"),
    )


PORTS: tuple[Port, ...] = (
    Port("base", "ssh", 22, (MANAGEMENT,)),
    Port("base", "ntp", 123, (MANAGEMENT,), protocol="udp"),
    Port("loadbalancer", "vrrp", 0, ("loadbalancer",), protocol="vrrp"),
    Port("loadbalancer", "haproxy-peers", 8405, ("loadbalancer",), tls=True),
    Port("loadbalancer", "https", 443, (EVERYONE,), on_vip=True, tls=True),
    Port("loadbalancer", "statistics", 8404, ("controller", "hub"), tls=True),
    Port("loadbalancer", "mariadb-vip", 3306, ("controller", "hub"), on_vip=True, tls=True),
    Port("loadbalancer", "ldaps-vip", 636, (MANAGEMENT,), on_vip=True, tls=True),
    Port("mariadb", "mariadb", 3306, ("loadbalancer",), tls=True),
    Port("mariadb", "galera", 4567, ("mariadb", "galera_arbiter"), tls=True),
    Port("mariadb", "galera-udp", 4567, ("mariadb", "galera_arbiter"), protocol="udp"),
    Port("mariadb", "galera-ist", 4568, ("mariadb",), tls=True),
    Port("mariadb", "galera-guard", 4569, ("mariadb",), tls=True),
    Port("mariadb", "galera-sst", 4444, ("mariadb",), tls=True),
    Port("galera_arbiter", "galera", 4567, ("mariadb",), tls=True),
    Port("rabbitmq", "epmd", 4369, ("rabbitmq",)),
    Port("rabbitmq", "amqps", 5671, ("controller", "node", "compute"), tls=True),
    Port("rabbitmq", "distribution", 25672, ("rabbitmq",), tls=True),
    # `rabbitmqctl` on one host is answered by the brokers of the others.
    Port("rabbitmq", "rabbitmqctl", 35672, ("rabbitmq",), last=35682, tls=True),
    Port("memcached", "memcached", 11211, ("controller",), tls=True),
    Port("ldap", "ldaps", 636, (MANAGEMENT,), tls=True),
    # Ceph encrypts by itself (msgr2, secure mode); the old protocol on 6789 is off.
    Port("ceph_mon", "ceph-mon", 3300, ("ceph",), stage="storage"),
    Port("ceph_mgr", "ceph-mgr", 6800, ("ceph",), last=6815, stage="storage"),
    Port("ceph_mds", "ceph-mds", 6816, ("ceph",), last=6831, stage="storage"),
    Port("ceph_osd", "ceph-osd", 6832, ("ceph",), last=7331, stage="storage"),
    Port("ceph_rgw", "ceph-rgw", OBJECTS, ("loadbalancer",), tls=True, stage="storage"),
    Port("loadbalancer", "s3-vip", OBJECTS, (EVERYONE,), on_vip=True, tls=True, stage="storage"),
    *(port for service, number in APIS.items() for port in _api(service, number)),
    Port("nova", "nova-metadata", 8775, ("loadbalancer",), tls=True, stage="cloud"),
    Port("loadbalancer", "nova-metadata-vip", 8775, COMPUTE, on_vip=True, tls=True, stage="cloud"),
    Port("nova", "novnc", 6080, ("loadbalancer",), tls=True, stage="cloud"),
    Port("loadbalancer", "novnc-vip", 6080, (EVERYONE,), on_vip=True, tls=True, stage="cloud"),
    Port("horizon", "horizon", 8443, ("loadbalancer",), tls=True, stage="cloud"),
    Port("ovn", "ovn-northbound", 6641, ("ovn", "neutron"), tls=True, stage="cloud"),
    Port("ovn", "ovn-southbound", 6642, ("ovn", "neutron", "ovn_controller"), tls=True, stage="cloud"),
    Port("ovn", "ovn-northbound-raft", 6643, ("ovn",), tls=True, stage="cloud"),
    Port("ovn", "ovn-southbound-raft", 6644, ("ovn",), tls=True, stage="cloud"),
    Port("ovn_controller", "geneve", 6081, ("ovn_controller",), protocol="udp", stage="cloud"),
    Port("nova_compute", "libvirt", 16514, ("nova_compute",), tls=True, stage="cloud"),
    Port("nova_compute", "migration", 49152, ("nova_compute",), last=49215, tls=True, stage="cloud"),
    Port("nova_compute", "console", 5900, ("nova",), last=5999, tls=True, stage="cloud"),
)


def rules(site: Site, host: Host) -> tuple[Rule, ...]:
    """Return the rules of one host's firewall, in the order of `PORTS`.

    A port whose source groups have no host is left out: without sources it would be open to everyone.
    """
    found = (_rule(site, port) for port in PORTS if host in hosts_of(site, port.service))
    opened = {port.name for port in PORTS if EVERYONE in port.sources}
    return tuple(rule for rule in found if rule.sources or rule.name in opened)


def _rule(site: Site, port: Port) -> Rule:
    destination = site.networks.management.vip if port.on_vip else None
    number = site.ssh.port if port.name == "ssh" else port.number
    sources = _addresses(site, port.sources)
    return Rule(port.name, port.protocol, number, sources, destination, port.last, port.stage)


def _addresses(site: Site, sources: tuple[str, ...]) -> tuple[str, ...]:
    if EVERYONE in sources:
        return ()
    if MANAGEMENT in sources:
        return (str(site.networks.management.cidr),)
    members = groups(site)
    names = {name for source in sources for name in members[source]}
    return tuple(str(host.address) for host in site.hosts if host.name in names)
