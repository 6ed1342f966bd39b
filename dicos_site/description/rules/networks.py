"""The rules of networks: they do not overlap, and hold their gateway, their VIP and their floating range."""

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network

from dicos_site.description.document import Path
from dicos_site.description.draft import Draft, NetworkDraft
from dicos_site.description.mistake import Mistake
from dicos_site.quotas import range_of


def network_mistakes(draft: Draft) -> Iterator[Mistake]:
    """Yield what is wrong with the networks themselves."""
    for network in draft.networks:
        path = ("networks", network.name)
        yield from membership(network.gateway, network, (*path, "gateway"))
        yield from membership(network.vip, network, (*path, "vip"))
        yield from _floating(network)
    yield from _overlap(draft)
    yield from _interface(draft)


def membership(address: IPv4Address | None, network: NetworkDraft, path: Path) -> Iterator[Mistake]:
    """Yield the mistake of an address that is not one of the network's host addresses."""
    if address is None or network.cidr is None:
        return
    what = _why_outside(address, network.cidr)
    if what:
        yield Mistake(
            path, f"{address} {what} the {network.name} network {network.cidr}", _free(network.cidr)
        )


def _free(network: IPv4Network) -> str:
    if network.num_addresses < 4:
        return "make the network larger: it needs a prefix length of at most 30"
    return f"give it a free address between {network[1]} and {network[-2]}"


def _why_outside(address: IPv4Address, network: IPv4Network) -> str:
    if address not in network or network.num_addresses < 4:
        return "is outside"
    if address == network.network_address:
        return "is the network address of"
    return "is the broadcast address of" if address == network.broadcast_address else ""


def _overlap(draft: Draft) -> Iterator[Mistake]:
    management, provider = draft.network("management"), draft.network("provider")
    if not (management and provider and management.cidr and provider.cidr):
        return
    if management.cidr.overlaps(provider.cidr):
        what = f"the provider network {provider.cidr} overlaps the management network {management.cidr}"
        yield Mistake(("networks", "provider", "cidr"), what, "give each network addresses of its own")


def _interface(draft: Draft) -> Iterator[Mistake]:
    provider = draft.network("provider")
    if provider is None:
        return
    if draft.substrate == "metal" and provider.interface is None:
        what = "the provider network does not say which card of the hosts is on it"
        fix = "add `interface:` with the card's name, as `ip link` shows it, or `substrate: incus` for a lab"
        yield Mistake(("networks", "provider"), what, fix)
    elif draft.substrate == "incus" and provider.interface is not None:
        fix = "remove the line, or remove `substrate: incus` for real hosts"
        yield Mistake(("networks", "provider", "interface"), "the lab makes and names its own cards", fix)


def _floating(network: NetworkDraft) -> Iterator[Mistake]:
    if not network.floating:
        return
    path: Path = ("networks", network.name, "floating")
    ends = range_of(network.floating)
    if ends is None:
        if network.floating.count("-") == 1:
            fix = "write the first and the last address, such as 10.78.0.100-10.78.0.199"
            yield Mistake(path, f'"{network.floating[:60]}" does not hold two IPv4 addresses', fix)
        return
    first, last = ends
    if first > last:
        yield Mistake(path, f"the range {first}-{last} runs backwards", f"write {last}-{first}")
        return
    for end in dict.fromkeys(ends):
        yield from membership(end, network, path)
    if network.gateway and first <= network.gateway <= last:
        what = f"the range {first}-{last} contains the gateway {network.gateway}"
        yield Mistake(path, what, "let the range begin after the gateway, or end before it")
