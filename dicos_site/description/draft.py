"""Plain values → what of them is valid, so that a broken value hides no rule across the others."""

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from typing import Literal, TypeVar

from pydantic import TypeAdapter, ValidationError

from dicos_site.cloud import Erasure
from dicos_site.description.document import Document
from dicos_site.model import MAX_REPLICAS, Address, Disk, Kind, Network

T = TypeVar("T")

_ADDRESS: TypeAdapter[IPv4Address] = TypeAdapter(Address)
_NETWORK: TypeAdapter[IPv4Network] = TypeAdapter(Network)
_KIND: TypeAdapter[Kind] = TypeAdapter(Kind)
_DISK: TypeAdapter[Disk] = TypeAdapter(Disk)
_ERASURE: TypeAdapter[Erasure] = TypeAdapter(Erasure)
_SUBSTRATE: TypeAdapter[Literal["metal", "incus"]] = TypeAdapter(Literal["metal", "incus"])


@dataclass(frozen=True)
class HostDraft:
    """A host as far as it is valid; a broken disk is None and keeps its index."""

    name: str
    kind: Kind | None
    address: IPv4Address | None
    disks: tuple[Disk | None, ...]


@dataclass(frozen=True)
class NetworkDraft:
    """A network as far as it is valid; `vip` belongs to management, `floating` and `interface` to provider.

    `interface` is None where it is left out.
    """

    name: str
    cidr: IPv4Network | None
    gateway: IPv4Address | None
    vip: IPv4Address | None
    floating: str
    interface: object = None


@dataclass(frozen=True)
class Draft:
    """A site as far as it is valid; `hosts` is None where there is no mapping of hosts at all.

    `countable` tells whether the hosts of each kind can be counted: no kind is broken and no host is lost.
    `floating_quotas` has every community; None where its quota is left out or broken.
    """

    substrate: Literal["metal", "incus"] | None
    hosts: tuple[HostDraft, ...] | None
    networks: tuple[NetworkDraft, ...]
    placement: Mapping[str, tuple[str, ...]]
    replicas: int | None
    countable: bool
    erasure: Erasure | None
    floating_quotas: Mapping[str, int | None]
    flavors: tuple[str, ...]
    images: tuple[str, ...]

    def network(self, name: str) -> NetworkDraft | None:
        """Return the network of that name, or None where it is left out or broken."""
        return next((network for network in self.networks if network.name == name), None)


def draft(document: Document) -> Draft:
    """Return what of a document is valid."""
    value = _mapping(document.value)
    hosts, networks, placement = (
        value.get("hosts"),
        _mapping(value.get("networks")),
        _mapping(value.get("placement")),
    )
    replicas = value.get("replicas", 3)
    drafts = tuple(_host(name, host) for name, host in hosts.items()) if isinstance(hosts, dict) else None
    return Draft(
        substrate=_valid(_SUBSTRATE, value.get("substrate", "metal")),
        hosts=drafts,
        networks=tuple(
            _network(name, networks[name]) for name in ("management", "provider") if name in networks
        ),
        placement={name: _texts(members) for name, members in placement.items() if isinstance(members, list)},
        replicas=replicas if type(replicas) is int and 1 <= replicas <= MAX_REPLICAS else None,
        countable=all(host.kind for host in drafts or ()) and not _lost_hosts(document),
        erasure=_valid(_ERASURE, value.get("erasure")),
        floating_quotas={name: _floating_quota(one) for name, one in _named(value.get("communities"))},
        flavors=tuple(name for name, _ in _named(value.get("flavors"))),
        images=tuple(name for name, _ in _named(value.get("images"))),
    )


def _named(value: object) -> list[tuple[str, object]]:
    return [(name, entry) for name, entry in _mapping(value).items() if isinstance(name, str)]


def _floating_quota(community: object) -> int | None:
    number = _mapping(_mapping(community).get("quota")).get("floating_addresses")
    return number if type(number) is int and number >= 0 else None


def _lost_hosts(document: Document) -> bool:
    """Return whether a host's name stands twice, so that only the first of them is known."""
    return any(path[:1] == ("hosts",) and len(path) == 2 for path in document.doubles)


def _host(name: str, value: object) -> HostDraft:
    host = _mapping(value)
    disks = host.get("disks", [])
    return HostDraft(
        name=name,
        kind=_valid(_KIND, host.get("kind")),
        address=_valid(_ADDRESS, host.get("address")),
        disks=tuple(_valid(_DISK, disk) for disk in disks) if isinstance(disks, list) else (None,),
    )


def _network(name: str, value: object) -> NetworkDraft:
    network = _mapping(value)
    floating = network.get("floating")
    return NetworkDraft(
        name=name,
        cidr=_valid(_NETWORK, network.get("cidr")),
        gateway=_valid(_ADDRESS, network.get("gateway")),
        vip=_valid(_ADDRESS, network.get("vip")) if name == "management" else None,
        floating=floating if isinstance(floating, str) and name == "provider" else "",
        interface=network.get("interface") if name == "provider" else None,
    )


def _mapping(value: object) -> dict[str, object]:
    return value if isinstance(value, dict) else {}


def _texts(members: list[object]) -> tuple[str, ...]:
    return tuple(member for member in members if isinstance(member, str))


def _valid(adapter: TypeAdapter[T], value: object) -> T | None:
    try:
        return adapter.validate_python(value)
    except ValidationError:
        return None
