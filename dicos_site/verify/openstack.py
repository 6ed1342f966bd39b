"""OpenStack: every API answers on every controller and on the VIP; every service and agent is up."""

import http.client
import json
import socket
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypedDict, cast

from dicos_site.errors import Problem, UnreachableError
from dicos_site.model import Host, Site
from dicos_site.placement import hosts_of
from dicos_site.ports import APIS
from dicos_site.report import Check, check
from dicos_site.variables import vip_fqdn
from dicos_site.verify.context import Context, Question, probe

TIMEOUT_S = 8
PROBE_S = 60
# Where an API says which versions it has, without a token.
VERSIONS = {"keystone": "/v3"}
# Several versions are offered with 300, RFC 9110 15.4.1.
ANSWERS = (200, 300)
# What must be on each host of a role, by the name that nova and cinder give it.
SERVICES = {
    "nova": ("nova-conductor", "nova-scheduler"),
    "cinder": ("cinder-scheduler",),
    "nova_compute": ("nova-compute",),
}
# All of its hosts may share one name, because any of them can do the work of another.
SHARED = "cinder-volume"
# An agent of a host that leads machines to the outside calls itself a gateway.
AGENTS = {
    "OVN controller": ("OVN Controller agent", "OVN Controller Gateway agent"),
    "metadata agent": ("OVN Metadata agent",),
}
CODES = ("CLOUD_SERVICES", "CLOUD_AGENTS")


class Part(TypedDict):
    """A service or agent as nova, cinder or neutron lists it."""

    name: str
    host: str
    up: bool
    enabled: bool


Lists = Mapping[str, list[Part] | str]


def checks(site: Site, context: Context) -> Iterator[Question]:
    """Return one question a controller, one for the VIP, and one for what the services say of their parts."""
    for host in hosts_of(site, "keystone"):
        yield Question(("CLOUD_APIS",), host.name, lambda host=host: [_apis(site, context, host)])  # type: ignore[misc]
    if hosts_of(site, "keystone"):
        yield Question(("CLOUD_APIS",), "", lambda: [_vip(context)])
        yield Question(CODES, "", lambda: part_checks(site, _lists(site, context)))


# All of it only reads.
status_checks = checks


def part_checks(site: Site, lists: Lists) -> Iterator[Check]:
    """Return for each host whether its services and agents are there, up and enabled."""
    unanswered = [f"{name}: {answer}" for name, answer in lists.items() if isinstance(answer, str)]
    if unanswered:
        raise UnreachableError(Problem("; ".join(unanswered)))
    known = cast("Mapping[str, list[Part]]", lists)
    services = [*known["nova"], *known["cinder"]]
    for host in site.hosts:
        wanted = [name for role, names in SERVICES.items() if host in hosts_of(site, role) for name in names]
        if wanted:
            yield _judged(
                "CLOUD_SERVICES", host.name, {name: (name,) for name in wanted}, _of(host, services)
            )
    shared = {SHARED: (SHARED,)} if hosts_of(site, "cinder") else {}
    yield _judged("CLOUD_SERVICES", "", shared, _of_nobody(site, services), among=services)
    for host in hosts_of(site, "ovn_controller"):
        yield _judged("CLOUD_AGENTS", host.name, AGENTS, _of(host, known["neutron"]))


def _judged(
    code: str,
    host: str,
    wanted: Mapping[str, tuple[str, ...]],
    own: Sequence[Part],
    among: Sequence[Part] | None = None,
) -> Check:
    """Return whether every wanted part is there, and none of the host's own is down or disabled."""
    there = {part["name"] for part in (own if among is None else among)}
    wrong = [f"no {word}" for word, names in wanted.items() if not there & set(names)]
    wrong += [f"{_named(part, host)} is down" for part in own if not part["up"]]
    wrong += [f"{_named(part, host)} is disabled" for part in own if not part["enabled"]]
    good = ", ".join(sorted({part["name"] for part in own} or set(wanted)))
    return check(code, host, not wrong, "; ".join(wrong) or f"up: {good}")


def _named(part: Part, host: str) -> str:
    return part["name"] if host else f"{part['name']} of {part['host']}"


def _of(host: Host, parts: Iterable[Part]) -> list[Part]:
    return [part for part in parts if _short(part) == host.name]


def _of_nobody(site: Site, parts: Iterable[Part]) -> list[Part]:
    """Return the parts under a name that no host has: shared, or left by a host that has gone."""
    names = {host.name for host in site.hosts}
    return [part for part in parts if _short(part) not in names]


def _short(part: Part) -> str:
    """Return the host of a part, without its domain and cinder's "@backend"."""
    return part["host"].split("@")[0].split(".")[0]


def _lists(site: Site, context: Context) -> Lists:
    """Return what the services say, asked on the first controller that can."""
    reasons: list[str] = []
    for host in hosts_of(site, "keystone"):
        try:
            result = context.remote.script(host.name, probe("cloud"), timeout_s=PROBE_S)
        except UnreachableError as error:
            reasons.append(error.problems[0].what)
            continue
        if result.code == 0:
            return cast("Lists", json.loads(result.stdout))
        reasons.append(f"{host.name}: {' '.join(result.stderr.split())[-200:]}")
    raise UnreachableError(Problem("; ".join(reasons)))


def _apis(site: Site, context: Context, host: Host) -> Check:
    own = {service: port for service, port in APIS.items() if host in hosts_of(site, service)}
    wrong = [
        reason
        for service, port in own.items()
        if (reason := _silent(context, service, port, site.fqdn(host.name), host))
    ]
    return check("CLOUD_APIS", host.name, not wrong, "; ".join(wrong) or f"answer: {', '.join(own)}")


def _vip(context: Context) -> Check:
    name = vip_fqdn(context.site)
    wrong = [
        reason for service, port in APIS.items() if (reason := _silent(context, service, port, name, None))
    ]
    return check("CLOUD_APIS", "", not wrong, "; ".join(wrong) or f"answer on {name}: {', '.join(APIS)}")


def _silent(context: Context, service: str, port: int, name: str, host: Host | None) -> str:
    """Return why an API does not say its versions, on a host or on the VIP; nothing where it does."""
    try:
        where = context.tunnel(host.name, port) if host else context.tunnel_to_vip(port)
        with (
            socket.create_connection(where, TIMEOUT_S) as plain,
            context.tls().wrap_socket(plain, server_hostname=name) as secure,
        ):
            return versions_missing(service, *_got(secure, name, port, VERSIONS.get(service, "/")))
    except UnreachableError as error:
        return f"{service}: {error.problems[0].what}"
    except (OSError, http.client.HTTPException) as error:
        return f"{service}: {error or type(error).__name__}"


def _got(secure: socket.socket, name: str, port: int, path: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(name, port)
    connection.sock = secure
    connection.request("GET", path, headers={"Connection": "close"})
    response = connection.getresponse()
    return response.status, response.read()


def versions_missing(service: str, status: int, body: bytes) -> str:
    """Return what is wrong with an answer that should list versions."""
    if status not in ANSWERS:
        return f"{service}: HTTP {status}"
    try:
        document = json.loads(body)
    except ValueError:
        return f"{service}: HTTP {status} without JSON"
    found = isinstance(document, dict) and {"version", "versions"} & document.keys()
    return "" if found else f"{service}: HTTP {status} without versions"
