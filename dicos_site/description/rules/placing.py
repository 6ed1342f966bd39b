"""The rules of placement: known services on known hosts, and a majority wherever members vote."""

from collections.abc import Iterator
from typing import Any

from dicos_site.description.draft import Draft, HostDraft
from dicos_site.description.mistake import Mistake
from dicos_site.description.wording import nearest
from dicos_site.model import KINDS, Host, Site
from dicos_site.placement import SERVICE_NAMES, SERVICES, Service, hosts_of

ARBITER = "galera_arbiter"


def placement_mistakes(draft: Draft) -> Iterator[Mistake]:
    """Yield what is wrong with where services run."""
    hosts = draft.hosts or ()
    for service, members in draft.placement.items():
        yield from _known_service(service)
        yield from _known_hosts(service, members, hosts)
    yield from _everywhere_or_somewhere(draft)
    if hosts and draft.countable:
        yield from _votes(_site(draft, hosts))


def _known_service(service: str) -> Iterator[Mistake]:
    if service not in SERVICE_NAMES:
        near = nearest(service, SERVICE_NAMES)
        hint = f'did you mean "{near}"? ' if near else ""
        fix = f"{hint}services: {', '.join(SERVICE_NAMES)}"
        yield Mistake(("placement", service), f'there is no service "{service[:60]}"', fix)


def _known_hosts(service: str, members: tuple[str, ...], hosts: tuple[HostDraft, ...]) -> Iterator[Mistake]:
    names = tuple(host.name for host in hosts)
    for index, member in enumerate(members):
        path = ("placement", service, index)
        if member not in names:
            near = nearest(member, names)
            hint = f'did you mean "{near}"? ' if near else ""
            fix = f"{hint}hosts: {', '.join(names) or 'none'}"
            yield Mistake(path, f'there is no host "{member[:60]}"', fix)
        elif member in members[:index]:
            yield Mistake(path, f"host {member} stands twice in the placement of {service}", "name it once")


def _everywhere_or_somewhere(draft: Draft) -> Iterator[Mistake]:
    for service in SERVICES:
        members = draft.placement.get(service.name)
        if members is None:
            continue
        path = ("placement", service.name)
        if service.kinds == KINDS:
            yield Mistake(path, f"{service.name} runs on every host and cannot be placed", "remove the line")
        elif not members and service.name != ARBITER:
            yield Mistake(
                path, f"{service.name} would run nowhere", "name at least one host, or remove the line"
            )


def _site(draft: Draft, hosts: tuple[HostDraft, ...]) -> Site:
    """Return as much of a site as `placement` reads."""
    fields: list[dict[str, Any]] = [{"name": host.name, "kind": host.kind} for host in hosts]
    named = tuple(Host.model_construct(**entry) for entry in fields)
    known: dict[str, Any] = {"hosts": named, "placement": dict(draft.placement)}
    return Site.model_construct(**known)


def _votes(site: Site) -> Iterator[Mistake]:
    for service in SERVICES:
        if service.quorum:
            yield from _quorum(site, service)
    for host in hosts_of(site, ARBITER):
        if host in hosts_of(site, "mariadb"):
            what = f"host {host.name} is a member of mariadb and its arbiter: both would fail together"
            yield Mistake(("placement", ARBITER), what, "place galera_arbiter on a host that runs no mariadb")


def _quorum(site: Site, service: Service) -> Iterator[Mistake]:
    members = hosts_of(site, service.name)
    arbiters = hosts_of(site, ARBITER) if service.name == "mariadb" else ()
    votes = len(members) + len(arbiters)
    if not members or votes % 2:
        return
    path = ("placement", service.name) if service.name in site.placement else ("hosts",)
    counted = f"{len(members)} members"
    if arbiters:
        counted += f" and {len(arbiters)} arbiter{'s' if len(arbiters) > 1 else ''}"
    what = f"{service.name} has {counted}: an even number of votes has no majority when they split in halves"
    yield Mistake(path, what, _quorum_fix(site, service, arbitrated=bool(arbiters)))


def _quorum_fix(site: Site, service: Service, *, arbitrated: bool) -> str:
    members = [host.name for host in hosts_of(site, service.name)]
    spare = next((host.name for host in site.hosts if host.name not in members), "")
    if arbitrated:
        return f"remove `{ARBITER}` from placement"
    if not spare:
        return "add a host or remove one"
    if service.name == "mariadb":
        return f"add a controller, or write `placement: {{{ARBITER}: [{spare}]}}`"
    return f"add a controller, or write `placement: {{{service.name}: [{', '.join([*members, spare])}]}}`"
