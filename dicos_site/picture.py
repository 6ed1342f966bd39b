"""Site → a picture of the rack, as SVG. Pure but for reading the template."""

from collections.abc import Iterator
from dataclasses import dataclass

from dicos_site.model import KINDS, Disk, Host, Kind, Site
from dicos_site.placement import SERVICES, hosts_of, services_of
from dicos_site.templating import rendered
from dicos_site.variables import vip_fqdn

WIDTH, LEFT, INNER_WIDTH = 1240, 110, 1020
MANAGEMENT_X, PROVIDER_X = 60, 1180
_CHIPS_X, _CHIPS_WIDTH, _CHIP_HEIGHT, _GAP = LEFT + 310, 470, 22, 6
_TOP, _VIP_HEIGHT, _PANEL_HEAD, _PANEL_GAP, _HOST_GAP, _HOST_PADDING = 172, 34, 38, 18, 8, 10

_COLOURS: dict[Kind, str] = {
    "controller": "#2f5fb3",
    "node": "#2b8a3e",
    "storage": "#7048a8",
    "compute": "#2b8a3e",
    "hub": "#a8680d",
}
_PURPOSES: dict[Kind, str] = {
    "controller": "what the whole site stands on",
    "node": "storage, compute and workers in one",
    "storage": "the data",
    "compute": "virtual machines and workers",
    "hub": "the federation's own services",
}
_ON_PROVIDER: tuple[Kind, ...] = ("controller", "node", "compute")
_CHIP_COLOURS = ("#dbe7fb", "#dff3e4", "#fdebd3", "#ece2f8", "#d8f1f4", "#fbe0e6", "#eef0c8", "#e4e7eb")


@dataclass(frozen=True)
class Network:
    """A network as a vertical line, with its words above."""

    name: str
    x: int
    text_x: int
    anchor: str
    lines: tuple[str, ...]
    top: int
    bottom: int


@dataclass(frozen=True)
class Vip:
    """The VIP as a strip above the hosts."""

    address: str
    name: str
    holders: str
    top: int = _TOP
    height: int = _VIP_HEIGHT

    @property
    def middle(self) -> int:
        """Return the y of its middle."""
        return self.top + self.height // 2


@dataclass(frozen=True)
class Chip:
    """A service as a rounded word."""

    text: str
    fill: str
    x: float
    y: float
    width: float


@dataclass(frozen=True)
class DiskMark:
    """A disk as a small cylinder."""

    x: int


@dataclass(frozen=True)
class Slot:
    """A host as a slot of the rack."""

    name: str
    address: str
    top: int
    height: int
    on_provider: bool
    chips: tuple[Chip, ...]
    disks: tuple[DiskMark, ...]
    disk_text: str
    disk_details: str
    x: int = LEFT + 14
    width: int = INNER_WIDTH - 28

    @property
    def middle(self) -> int:
        """Return the y of its middle."""
        return self.top + self.height // 2


@dataclass(frozen=True)
class Panel:
    """All hosts of one kind."""

    title: str
    purpose: str
    colour: str
    top: int
    height: int
    hosts: tuple[Slot, ...]


@dataclass(frozen=True)
class Picture:
    """Every shape of the picture at its place, in pixels; the template only prints."""

    title: str
    subtitle: str
    footer: str
    vip: Vip
    panels: tuple[Panel, ...]
    networks: tuple[Network, ...]
    height: int
    width: int = WIDTH
    left: int = LEFT
    inner_width: int = INNER_WIDTH
    management_x: int = MANAGEMENT_X
    provider_x: int = PROVIDER_X


def svg(site: Site) -> str:
    """Return the picture of a rack as an SVG document."""
    return rendered("rack.svg.j2", picture=picture(site))


def picture(site: Site) -> Picture:
    """Return where every host, service, disk and network stands."""
    panels = tuple(_panels(site))
    bottom = panels[-1].top + panels[-1].height if panels else _TOP + _VIP_HEIGHT
    return Picture(
        title=site.site,
        subtitle="  ·  ".join(
            (site.domain, f"release {site.release}", f"{len(site.hosts)} hosts", _substrate(site))
        ),
        footer=f"On every host: {', '.join(service.name for service in SERVICES if service.kinds == KINDS)}",
        vip=_vip(site),
        panels=panels,
        networks=tuple(_networks(site, panels)),
        height=bottom + 60,
    )


def _substrate(site: Site) -> str:
    return "a rack in a box (Incus)" if site.substrate == "incus" else "real servers"


def _vip(site: Site) -> Vip:
    holders = ", ".join(host.name for host in hosts_of(site, "loadbalancer"))
    return Vip(str(site.networks.management.vip), vip_fqdn(site), f"moves between {holders}")


def _panels(site: Site) -> Iterator[Panel]:
    top = _TOP + _VIP_HEIGHT + _PANEL_GAP
    for kind in KINDS:
        hosts = [host for host in site.hosts if host.kind == kind]
        if hosts:
            slots = tuple(_slots(site, hosts, top + _PANEL_HEAD))
            height = slots[-1].top + slots[-1].height + 14 - top
            yield Panel(_plural(kind, len(hosts)), _PURPOSES[kind], _COLOURS[kind], top, height, slots)
            top += height + _PANEL_GAP


def _plural(kind: Kind, count: int) -> str:
    return kind if count == 1 or kind in {"storage", "compute"} else f"{kind}s"


def _slots(site: Site, hosts: list[Host], top: int) -> Iterator[Slot]:
    for host in hosts:
        chips = tuple(_chips(site, host, top + _HOST_PADDING))
        lines = len({chip.y for chip in chips}) or 1
        height = 2 * _HOST_PADDING + lines * _CHIP_HEIGHT + (lines - 1) * _GAP
        yield Slot(
            name=host.name,
            address=str(host.address),
            top=top,
            height=height,
            on_provider=site.networks.provider is not None and host.kind in _ON_PROVIDER,
            chips=chips,
            disks=tuple(_disk_marks(host)),
            disk_text=_disk_text(host),
            disk_details="\n".join(_disk_name(disk) for disk in host.disks),
        )
        top += height + _HOST_GAP


def _chips(site: Site, host: Host, top: int) -> Iterator[Chip]:
    everywhere = {service.name for service in SERVICES if service.kinds == KINDS}
    names = [service.name for service in SERVICES]
    x, y = _CHIPS_X, top
    for name in services_of(site, host):
        if name in everywhere:
            continue
        width = round(7.0 * len(name) + 18)
        if x + width > _CHIPS_X + _CHIPS_WIDTH:
            x, y = _CHIPS_X, y + _CHIP_HEIGHT + _GAP
        yield Chip(name, _CHIP_COLOURS[names.index(name) % len(_CHIP_COLOURS)], x, y, width)
        x += width + _GAP


def _disk_marks(host: Host) -> Iterator[DiskMark]:
    """Yield at most six marks, left of the text that says how many disks there are."""
    count = min(len(host.disks), 6)
    right = LEFT + INNER_WIDTH - 30 - round(6.8 * len(_disk_text(host))) - 12
    for index in range(count):
        yield DiskMark(right - (count - index) * 19)


def _disk_text(host: Host) -> str:
    sizes = {disk.size_gib for disk in host.disks}
    count = len(host.disks)
    if count and len(sizes) == 1 and None not in sizes:
        return f"{count} x {sizes.pop()} GiB"
    return f"{count} disk{'' if count == 1 else 's'}" if count else ""


def _disk_name(disk: Disk) -> str:
    return disk.device or f"{disk.size_gib} GiB"


def _networks(site: Site, panels: tuple[Panel, ...]) -> Iterator[Network]:
    management, provider = site.networks.management, site.networks.provider
    slots = [slot for panel in panels for slot in panel.hosts]
    about = (str(management.cidr), f"gateway {management.gateway}")
    yield Network("management", MANAGEMENT_X, 32, "start", about, _TOP, slots[-1].middle)
    connected = [slot for slot in slots if slot.on_provider]
    if provider and connected:
        words = (str(provider.cidr), f"gateway {provider.gateway}", f"floating {provider.floating}")
        yield Network("provider", PROVIDER_X, WIDTH - 32, "end", words, _TOP, connected[-1].middle)
