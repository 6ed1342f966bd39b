"""The rules of hosts: there is a controller, storage has disks, each disk is used once."""

from collections.abc import Iterator

from dicos_site.description.draft import Draft, HostDraft
from dicos_site.description.mistake import Mistake
from dicos_site.model import KINDS, STORAGE_KINDS, Disk
from dicos_site.placement import SERVICE_NAMES

# Ansible's own groups, ours, and the name of the VIP: a host of that name would be taken for them.
RESERVED = frozenset({"all", "ungrouped", "localhost", "api", *KINDS, *SERVICE_NAMES})


def host_mistakes(draft: Draft) -> Iterator[Mistake]:
    """Yield what is wrong with the hosts; a rack without hosts is only told that."""
    if draft.hosts is None:
        return
    if not draft.hosts:
        fix = "add at least one, such as `ctl1: {kind: controller, address: 10.77.0.11}`"
        yield Mistake(("hosts",), "the rack has no hosts", fix)
        return
    if draft.countable:
        yield from _controllers(draft.hosts)
        yield from _replicas(draft, draft.hosts)
        yield from _pieces(draft, draft.hosts)
    for host in draft.hosts:
        yield from _name(host)
        yield from _disks(draft, host)


def _controllers(hosts: tuple[HostDraft, ...]) -> Iterator[Mistake]:
    if all(host.kind != "controller" for host in hosts):
        fix = "make at least one host `kind: controller`; three keep the site alive when one fails"
        yield Mistake(("hosts",), "the rack has no controller", fix)


def _name(host: HostDraft) -> Iterator[Mistake]:
    if host.name in RESERVED:
        what = f'"{host.name}" is the name of a group or of the VIP, and cannot be the name of a host'
        yield Mistake(("hosts", host.name), what, f'choose another name, such as "{host.name}1"')


def _disks(draft: Draft, host: HostDraft) -> Iterator[Mistake]:
    path = ("hosts", host.name)
    if host.kind in STORAGE_KINDS and not host.disks:
        example = "{size_gib: 10}" if draft.substrate == "incus" else "{device: /dev/disk/by-id/...}"
        what = f"host {host.name} is of kind {host.kind} and has no disks"
        yield Mistake(path, what, f"add `disks: [{example}]`, or make it `kind: compute`")
    seen: dict[str, int] = {}
    for index, disk in enumerate(host.disks):
        if disk is None:
            continue
        yield from _disk(draft, host, index, disk)
        if disk.device and seen.setdefault(disk.device, index) != index:
            what = f"{disk.device} is already disk {seen[disk.device]} of host {host.name}"
            yield Mistake((*path, "disks", index), what, "name each disk once")


def _disk(draft: Draft, host: HostDraft, index: int, disk: Disk) -> Iterator[Mistake]:
    path = ("hosts", host.name, "disks", index)
    if (disk.device is None) == (disk.size_gib is None):
        has = "neither device nor size_gib" if disk.device is None else "both device and size_gib"
        yield Mistake(
            path, f"the disk has {has}", "give a real disk its device, a disk of the lab its size_gib"
        )
    elif draft.substrate == "metal" and disk.device is None:
        fix = "write {device: /dev/disk/by-id/...}, or add `substrate: incus` for a lab"
        yield Mistake(path, "a real host's disk needs its device: only a lab makes disks by size_gib", fix)
    elif draft.substrate == "incus" and disk.size_gib is None:
        fix = "write {size_gib: 10}, or remove `substrate: incus` for real hosts"
        yield Mistake(path, "the lab makes its own disks and takes no device", fix)


def _replicas(draft: Draft, hosts: tuple[HostDraft, ...]) -> Iterator[Mistake]:
    count = sum(1 for host in hosts if host.disks)
    if draft.replicas is not None and 0 < count < draft.replicas:
        holders = "1 host has disks" if count == 1 else f"{count} hosts have disks"
        what = f"{draft.replicas} copies of all data cannot be kept: only {holders}"
        fix = f"give disks to {draft.replicas - count} more, or write `replicas: {count}`"
        yield Mistake(("replicas",), what, fix)


def _pieces(draft: Draft, hosts: tuple[HostDraft, ...]) -> Iterator[Mistake]:
    if draft.erasure is None:
        return
    placed = draft.placement.get("ceph_osd")
    count = sum(1 for host in hosts if host.disks and (placed is None or host.name in placed))
    pieces = draft.erasure.data + draft.erasure.parity
    if count < pieces:
        holders = "1 host holds" if count == 1 else f"{count} hosts hold"
        wanted = f"{draft.erasure.data} + {draft.erasure.parity} pieces"
        what = f"{wanted} need {pieces} hosts, and only {holders} data"
        fix = f"give disks to {pieces - count} more, cut the data into fewer pieces, or remove `erasure`"
        yield Mistake(("erasure",), what, fix)
