"""The rules of addresses: inside the management network, and each given away once."""

from collections.abc import Iterator
from ipaddress import IPv4Address

from dicos_site.description.document import Path
from dicos_site.description.draft import Draft
from dicos_site.description.mistake import Mistake
from dicos_site.description.rules.networks import membership


def address_mistakes(draft: Draft) -> Iterator[Mistake]:
    """Yield what is wrong with the addresses of hosts, VIP and gateways."""
    management = draft.network("management")
    for host in draft.hosts or ():
        if management:
            yield from membership(host.address, management, ("hosts", host.name, "address"))
    yield from _doubles(draft)


def _doubles(draft: Draft) -> Iterator[Mistake]:
    owners: dict[IPv4Address, str] = {}
    for address, owner, path in _given(draft):
        if address in owners:
            what = f"the address {address} of {owner} is already taken by {owners[address]}"
            yield Mistake(path, what, f"give {owner} an address of its own")
        owners.setdefault(address, owner)


def _given(draft: Draft) -> Iterator[tuple[IPv4Address, str, Path]]:
    """Yield every address with its owner: gateways first, so that the host is told to move."""
    for network in draft.networks:
        path = ("networks", network.name)
        if network.gateway:
            yield network.gateway, f"the {network.name} gateway", (*path, "gateway")
        if network.vip:
            yield network.vip, "the VIP", (*path, "vip")
    for host in draft.hosts or ():
        if host.address:
            yield host.address, f"host {host.name}", ("hosts", host.name, "address")
