"""What a rack is: frozen values with the rules that one value alone can break.

A field's title, description and example are the words of its errors and of docs/rack.schema.json and rack.md.
"""

from ipaddress import IPv4Address, IPv4Network
from typing import Annotated, Literal

from pydantic import AnyHttpUrl, BeforeValidator, Field, StringConstraints

from dicos_site.cloud import Erasure, Flavor, FlavorName, Image, ImageName, Quota
from dicos_site.frozen import Frozen

Kind = Literal["controller", "node", "storage", "compute", "hub"]
KINDS: tuple[Kind, ...] = ("controller", "node", "storage", "compute", "hub")
MAX_REPLICAS = 5
STORAGE_KINDS: tuple[Kind, ...] = ("node", "storage")


def _text(value: object) -> object:
    # ipaddress also takes a number: `address: 5` would silently be 0.0.0.5.
    if isinstance(value, (str, IPv4Address, IPv4Network)):
        return value
    raise ValueError("not a text")


def _named(value: object) -> object:
    """Return rack.yml's mapping from name to host as hosts that have their name."""
    if isinstance(value, tuple):
        return value
    if isinstance(value, dict):
        return tuple(
            {**host, "name": name} if isinstance(host, dict) else host for name, host in value.items()
        )
    raise ValueError("not a mapping")


Address = Annotated[IPv4Address, BeforeValidator(_text)]
Network = Annotated[IPv4Network, BeforeValidator(_text)]
HostName = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z]([a-z0-9-]{0,30}[a-z0-9])?$"),
    Field(
        title="host name",
        description="1 to 32 lower-case letters, digits and hyphens, the first a letter",
        examples=["ctl1"],
    ),
]
CommunityName = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,30}$"),
    Field(
        title="name of a community",
        description="1 to 31 lower-case letters, digits, hyphens and underscores, the first a letter",
        examples=["ams"],
    ),
]
TimeServer = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z0-9]([A-Za-z0-9.:-]{0,251}[A-Za-z0-9])?$"),
    Field(title="time server", description="a host name or an address", examples=["time.example.org"]),
]
Placed = Annotated[
    tuple[HostName, ...],
    Field(
        title="list of hosts", description="the names of the hosts that run the service", examples=["[hub1]"]
    ),
]


class Disk(Frozen):
    """A disk for storage: `device` by stable path on a real host, `size_gib` where the substrate makes it."""

    device: (
        Annotated[str, StringConstraints(pattern=r"^/dev/disk/by-(id|path)/[A-Za-z0-9._:+@-]+$")] | None
    ) = Field(
        None,
        title="device",
        description="a whole disk by its stable path, below /dev/disk/by-id/ or /dev/disk/by-path/",
        examples=["/dev/disk/by-id/wwn-0x5000c500a1b2c3d4"],
    )
    wipe: bool = Field(
        False,
        strict=True,
        title="permission",
        description="true: what is on the disk may be destroyed; else a disk that holds anything is refused",
        examples=[True],
    )
    size_gib: Annotated[int, Field(strict=True, ge=1, le=65536)] | None = Field(
        None, title="size", description="the size in GiB of a disk that the lab makes", examples=[10]
    )


class Host(Frozen):
    """One host of the rack."""

    name: HostName
    kind: Kind = Field(
        title="kind of host",
        description="controller, node (storage and compute), storage, compute, or hub (for the federation)",
        examples=["controller"],
    )
    address: Address = Field(
        title="IPv4 address",
        description="the host's address in the management network",
        examples=["10.77.0.11"],
    )
    disks: tuple[Disk, ...] = Field(
        (),
        title="list of disks",
        description="the disks that storage may use, emptied by it",
        examples=["[{size_gib: 10}]"],
    )


class Management(Frozen):
    """The network on which the hosts talk to each other, with the address that moves between controllers."""

    cidr: Network = Field(
        title="IPv4 network", description="address/prefix length", examples=["10.77.0.0/24"]
    )
    gateway: Address = Field(
        title="IPv4 address", description="the way out of the management network", examples=["10.77.0.1"]
    )
    vip: Address = Field(
        title="IPv4 address",
        description="the site's own address: it moves between the controllers, clients connect to it",
        examples=["10.77.0.10"],
    )


class Provider(Frozen):
    """The network from which virtual machines get their floating addresses ("first-last")."""

    cidr: Network = Field(
        title="IPv4 network", description="address/prefix length", examples=["10.78.0.0/24"]
    )
    gateway: Address = Field(
        title="IPv4 address", description="the way out of the provider network", examples=["10.78.0.1"]
    )
    floating: Annotated[str, StringConstraints(pattern=r"^[0-9.]+-[0-9.]+$")] = Field(
        title="range of addresses",
        description="the first and the last address for virtual machines, with a hyphen between",
        examples=["10.78.0.100-10.78.0.199"],
    )
    interface: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9._-]{0,14}$")] | None = Field(
        None,
        title="network card",
        description="the card of each host of virtual machines on this network, left out in a lab",
        examples=["enp1s0f1"],
    )


class Networks(Frozen):
    """The rack's networks; without `provider` the rack has no cloud network of its own."""

    management: Management = Field(
        title="network",
        description="cidr, gateway and vip of the network on which the hosts talk to each other",
        examples=["{cidr: 10.77.0.0/24, gateway: 10.77.0.1, vip: 10.77.0.10}"],
    )
    provider: Provider | None = Field(
        None,
        title="network",
        description="cidr, gateway and floating range of the virtual machines' way in and out",
        examples=["{cidr: 10.78.0.0/24, gateway: 10.78.0.1, floating: 10.78.0.100-10.78.0.199}"],
    )


class Community(Frozen):
    """A user community and its share of the site, in parts of the sum of all shares."""

    share: Annotated[int, Field(strict=True, ge=1, le=1_000_000)] = Field(
        title="share",
        description="a whole number; the site is divided in proportion to the shares",
        examples=[60],
    )
    quota: Quota = Field(
        Quota(),
        title="mapping of limits",
        description="what it may use of the cloud at once; what is left out follows from its share",
        examples=["{cores: 64, memory_gib: 256, floating_addresses: 20}"],
    )


class Federation(Frozen):
    """The federation the site joins."""

    registry: AnyHttpUrl = Field(
        title="web address",
        description="where the federation's registry answers",
        examples=["https://hub1.lab.dicos.test"],
    )


class Mirror(Frozen):
    """Where packages come from; what is left out is from the machine's own apt and pip configuration."""

    debian: AnyHttpUrl | None = Field(
        None,
        title="web address",
        description="a mirror of Debian",
        examples=["http://mirror.example.org/debian"],
    )
    security: AnyHttpUrl | None = Field(
        None,
        title="web address",
        description="a mirror of Debian's security updates",
        examples=["http://mirror.example.org/debian-security"],
    )
    pypi: AnyHttpUrl | None = Field(
        None,
        title="web address",
        description="an index of Python packages",
        examples=["https://mirror.example.org/simple"],
    )


class Ssh(Frozen):
    """How the controller reaches the hosts; `key` is a path, left out: the lab's or the agent's own."""

    user: Annotated[str, StringConstraints(pattern=r"^[a-z_][a-z0-9_-]{0,31}$")] = Field(
        "root",
        title="user name",
        description="who logs in; any other than root needs sudo",
        examples=["root"],
    )
    port: Annotated[int, Field(strict=True, ge=1, le=65535)] = Field(
        22, title="port", description="where sshd listens", examples=[22]
    )
    key: Annotated[str, StringConstraints(pattern=r"^[~/][A-Za-z0-9._/@+-]*$")] | None = Field(
        None,
        title="path",
        description="a private key by absolute path or below ~/",
        examples=["~/.ssh/id_ed25519"],
    )


class Site(Frozen):
    """The whole rack as it is meant to be; the one truth from here on."""

    site: Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9-]{0,22}[A-Z0-9]$")] = Field(
        title="site name",
        description="2 to 24 capital letters, digits and hyphens, the first a letter, the last no hyphen",
        examples=["TW-LAB"],
    )
    domain: Annotated[
        str,
        StringConstraints(pattern=r"^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}$", max_length=190),
    ] = Field(
        title="domain",
        description="lower-case labels with dots between, at least two, at most 190 characters",
        examples=["lab.dicos.test"],
    )
    release: Annotated[str, StringConstraints(pattern=r"^20\d\d\.(0[1-9]|1[0-2])(\.\d+)?$")] = Field(
        title="release",
        description="year.month in quotes, with .number for a later one",
        examples=['"2026.11"'],
    )
    substrate: Literal["metal", "incus"] = Field(
        "metal",
        title="substrate",
        description="metal (real servers) or incus (a rack in a box, made by `dicos-site lab up`)",
        examples=["incus"],
    )
    networks: Networks = Field(
        title="mapping of networks",
        description="the networks of the rack",
        examples=["{management: {cidr: 10.77.0.0/24, gateway: 10.77.0.1, vip: 10.77.0.10}}"],
    )
    hosts: Annotated[tuple[Host, ...], BeforeValidator(_named)] = Field(
        title="mapping from name to host",
        description="every host of the rack by its name",
        examples=["{ctl1: {kind: controller, address: 10.77.0.11}}"],
    )
    communities: dict[CommunityName, Community] = Field(
        default_factory=dict,
        title="mapping from name to community",
        description="who may use the site, and in which proportion",
        examples=["{ams: {share: 60}}"],
    )
    flavors: dict[FlavorName, Flavor] = Field(
        default_factory=dict,
        title="mapping from name to flavor",
        description="sizes of machines beside dicos.tiny; left out on real servers: small, medium and large, "
        "as far as a host can hold one",
        examples=["{large: {cores: 4, memory_mib: 8192, disk_gib: 40}}"],
    )
    images: dict[ImageName, Image] = Field(
        default_factory=dict,
        title="mapping from name to image",
        description="disk images that every community may boot, beside the site's own dicos-guest",
        examples=[
            "{debian-13: {file: images/debian-13.raw, format: raw, "
            'sha256: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"}}'
        ],
    )
    federation: Federation | None = Field(
        None,
        title="federation",
        description="the federation to join",
        examples=['{registry: "https://hub1.lab.dicos.test"}'],
    )
    placement: dict[str, Placed] = Field(
        default_factory=dict,
        title="mapping from service to list of hosts",
        description="services that run elsewhere than on the hosts of their kind",
        examples=["{galera_arbiter: [hub1]}"],
    )
    replicas: Annotated[int, Field(strict=True, ge=1, le=MAX_REPLICAS)] = Field(
        3, title="number of copies", description="how many hosts hold each piece of stored data", examples=[3]
    )
    erasure: Erasure | None = Field(
        None,
        title="mapping of pieces",
        description="how scientific data is spread over hosts; left out: as whole copies, as `replicas` says",
        examples=["{data: 4, parity: 2}"],
    )
    time_servers: tuple[TimeServer, ...] = Field(
        (),
        title="list of time servers",
        description="where the controllers get the time; left out: from their own clocks",
        examples=["[time.example.org]"],
    )
    mirror: Mirror = Field(
        Mirror(),
        title="mapping of mirrors",
        description="where packages come from; what is left out is the machine's own configuration",
        examples=["{debian: http://mirror.example.org/debian}"],
    )
    ssh: Ssh = Field(
        Ssh(),
        title="mapping",
        description="how the controller reaches the hosts",
        examples=["{user: root, port: 22}"],
    )

    def host(self, name: str) -> Host:
        """Return the host of that name; KeyError where there is none."""
        return next((host for host in self.hosts if host.name == name), None) or _missing(name)

    def fqdn(self, name: str) -> str:
        """Return the full name of a host, or of the VIP when `name` is the empty string."""
        return f"{name}.{self.domain}" if name else self.domain


def _missing(name: str) -> Host:
    raise KeyError(name)
