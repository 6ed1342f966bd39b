"""The load balancers: one holder of the VIP, every server behind HAProxy up, no client left hanging."""

import csv
import re
from collections.abc import Iterator, Sequence

from dicos_site.errors import Problem, UnreachableError
from dicos_site.model import Site
from dicos_site.placement import hosts_of
from dicos_site.ports import PORTS
from dicos_site.report import Check, check
from dicos_site.stages import until
from dicos_site.verify.context import Context, Question


def checks(site: Site, context: Context) -> Iterator[Question]:
    """Return one question for the VIP and one a load balancer."""
    yield Question(("VIP_HELD",), "", lambda: [held(site, context)])
    for host in hosts_of(site, "loadbalancer"):
        yield Question(
            ("HAPROXY_BACKENDS", "HAPROXY_SESSIONS"),
            host.name,
            lambda name=host.name: [  # type: ignore[misc]
                backends(name, context.facts(name)["haproxy"], context.stage),
                sessions(name, context.facts(name)["haproxy_hanging"]),
            ],
        )


def held(site: Site, context: Context) -> Check:
    """Return whether exactly one load balancer has the VIP."""
    vip = str(site.networks.management.vip)
    answers = context.all_facts(hosts_of(site, "loadbalancer"))
    if not answers:
        raise UnreachableError(Problem("no load balancer answers"))
    holders = [name for name, facts in answers.items() if vip in facts["addresses"]]
    who = ", ".join(holders) or "nobody"
    return check("VIP_HELD", "", len(holders) == 1, f"{vip} is held by {who}")


def backends(host: str, lines: Sequence[str], stage: str) -> Check:
    """Return whether every server of HAProxy's `show stat` is up, once its service's stage is over."""
    rows = list(csv.DictReader(lines))
    later = {port.service for port in PORTS if port.stage not in until(stage)}
    servers = [
        row
        for row in rows
        if row.get("svname") not in ("FRONTEND", "BACKEND") and _service(row["# pxname"]) not in later
    ]
    down = [
        f"{row['# pxname']}/{row['svname']} {row['status']} {row.get('check_status') or ''}".strip()
        for row in servers
        if not row["status"].startswith(("UP", "OPEN", "no check"))
    ]
    if not servers:
        return check("HAPROXY_BACKENDS", host, False, "HAProxy does not answer on its socket")
    return check("HAPROXY_BACKENDS", host, not down, "; ".join(down) or f"{len(servers)} servers up")


def sessions(host: str, hanging: Sequence[str]) -> Check:
    """Return whether no client is connected to the load balancer and to nobody behind it, for ever.

    `hanging` are lines of HAProxy's `show sess`.
    """
    found = [re.search(r"src=(\S+):\d+ fe=(\S+)", line) for line in hanging]
    whose = ", ".join(sorted({f"{match[1]} to {match[2]}" for match in found if match}))
    detail = f"{len(hanging)} connections lead nowhere: {whose}" if hanging else "none leads nowhere"
    return check("HAPROXY_SESSIONS", host, not hanging, detail)


def _service(proxy: str) -> str:
    """Return the service behind a proxy of HAProxy: "nova-metadata" is of nova, "page-horizon" of horizon."""
    return proxy.removeprefix("page-").partition("-")[0]
