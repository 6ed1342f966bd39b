"""Answers → the text of a new rack.yml."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from ipaddress import IPv4Address, IPv4Network

from dicos_site.errors import Problem, UsageError
from dicos_site.model import STORAGE_KINDS, Kind
from dicos_site.templating import rendered

DEVICES = ("/dev/disk/by-path/pci-0000:00:17.0-ata-2", "/dev/disk/by-path/pci-0000:00:17.0-ata-3")
_GATEWAY, _VIP, _FIRST_HOST, _BLOCK = 1, 10, 11, 10
_NAMES: Mapping[Kind, str] = {
    "controller": "ctl",
    "node": "node",
    "storage": "stor",
    "compute": "cmp",
    "hub": "hub",
}


@dataclass(frozen=True)
class Answers:
    """What the administrator said about a new site; networks in CIDR notation, `provider` empty for none."""

    site: str
    domain: str
    substrate: str
    management: str
    provider: str
    counts: Mapping[Kind, int]
    devices: tuple[str, ...]


@dataclass(frozen=True)
class NewHost:
    """One host as the template prints it."""

    name: str
    kind: Kind
    address: IPv4Address
    disks: tuple[str, ...]


@dataclass(frozen=True)
class NewProvider:
    """The provider network as the template prints it."""

    cidr: IPv4Network
    gateway: IPv4Address
    floating: str


def rack_text(answers: Answers, name: str, schema: str) -> str:
    """Return the text of a rack.yml; `schema` is where its JSON Schema is, seen from its folder."""
    management = _network(answers.management, "--network")
    hosts = tuple(_hosts(answers, management))
    holders = sum(1 for host in hosts if host.disks)
    return rendered(
        "rack.yml.j2",
        answers=answers,
        release=version("dicos-site"),
        name=name,
        schema=schema,
        gateway=management[_GATEWAY],
        vip=management[_VIP],
        provider=_provider(answers.provider),
        hosts=hosts,
        placement=_placement(hosts),
        replicas=min(3, holders) if holders else 3,
    )


def _hosts(answers: Answers, management: IPv4Network) -> Iterator[NewHost]:
    """Yield the hosts of each kind in a block of addresses of its own: .11, .21 …"""
    first = _FIRST_HOST
    for kind, count in answers.counts.items():
        for number in range(count):
            address = management.network_address + first + number
            yield NewHost(f"{_NAMES[kind]}{number + 1}", kind, address, _disks(answers, kind))
        first += -(-count // _BLOCK) * _BLOCK


def _disks(answers: Answers, kind: Kind) -> tuple[str, ...]:
    if kind not in STORAGE_KINDS:
        return ()
    if answers.substrate == "incus":
        return ("{size_gib: 10}",) * 2
    return tuple(f"{{device: {device}}}" for device in answers.devices)


def _placement(hosts: tuple[NewHost, ...]) -> Mapping[str, str]:
    """Return the placement that gives an even number of controllers a majority, where another can vote."""
    members = [host.name for host in hosts if host.kind == "controller"]
    others = [host.name for host in hosts if host.kind != "controller"]
    if len(members) % 2 or not others:
        return {}
    voters = ", ".join([*members, others[-1]])
    return {"galera_arbiter": others[-1], "rabbitmq": voters, "ceph_mon": voters, "ovn": voters}


def _provider(text: str) -> NewProvider | None:
    if not text:
        return None
    network = _network(text, "--provider")
    first, last = network.num_addresses // 4, network.num_addresses - 6
    return NewProvider(network, network[1], f"{network[first]}-{network[last]}")


def _network(text: str, option: str) -> IPv4Network:
    try:
        network = IPv4Network(text, strict=False)
    except ValueError as error:
        problem = Problem(f'"{text}" is not an IPv4 network', option, "write for example 10.77.0.0/24")
        raise UsageError(problem) from error
    if network.prefixlen > 26:
        problem = Problem(f"{network} is too small for a rack", option, "give a prefix length of at most 26")
        raise UsageError(problem)
    return network
