"""The rules of the cloud: names that are free, and no more floating addresses than there are."""

from collections.abc import Iterator

from dicos_site.cloud import GUEST, TINY
from dicos_site.description.draft import Draft
from dicos_site.description.mistake import Mistake
from dicos_site.quotas import SPARE_ROUTERS, routers, size_of

# Projects that the administrator and the services have for themselves.
RESERVED_PROJECTS = ("admin", "service")


def cloud_mistakes(draft: Draft) -> Iterator[Mistake]:
    """Yield what is wrong with communities, flavors and images together."""
    for name in draft.floating_quotas:
        if name in RESERVED_PROJECTS:
            what = f'"{name}" is the name of a project of the cloud itself, and cannot be a community\'s'
            yield Mistake(("communities", name), what, f'choose another name, such as "{name}-users"')
    yield from _reserved(draft)
    yield from _addresses(draft)


def _reserved(draft: Draft) -> Iterator[Mistake]:
    if TINY in draft.flavors:
        what = f"the flavor {TINY} is the site's own, for its checks"
        yield Mistake(("flavors", TINY), what, "give yours another name")
    for name in draft.images:
        if name == GUEST or name.startswith(f"{GUEST}-"):
            what = f"images called {GUEST} are the site's own, for its checks"
            yield Mistake(("images", name), what, "give yours another name")


def _addresses(draft: Draft) -> Iterator[Mistake]:
    stated = {name: number for name, number in draft.floating_quotas.items() if number}
    network = draft.network("provider")
    if not stated or (network and not size_of(network.floating)):
        return
    if network is None:
        for name in stated:
            path = ("communities", name, "quota", "floating_addresses")
            what = "there are no floating addresses: the rack has no provider network"
            yield Mistake(path, what, "add networks.provider, or remove the line")
        return
    size, communities = size_of(network.floating), len(draft.floating_quotas)
    free = max(0, size - routers(communities))
    if sum(stated.values()) > free:
        parts = " + ".join(str(number) for number in stated.values())
        what = (
            f"quotas of {parts} floating addresses are more than the {free} of {network.floating}: "
            f"it has {size}, and {communities} communities and {SPARE_ROUTERS} check have a router each"
        )
        fix = f"lower floating_addresses until they are {free} together, or widen the range"
        yield Mistake(("networks", "provider", "floating"), what, fix)
