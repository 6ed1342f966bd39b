"""Every rule of every host's firewall, from each host that may and from each that may not."""

import json
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

from dicos_site.errors import UnreachableError
from dicos_site.model import Host, Site
from dicos_site.placement import hosts_of
from dicos_site.ports import Rule, rules
from dicos_site.report import Check, check
from dicos_site.stages import until
from dicos_site.verify.context import Context, Question, probe

# Ports on which nobody need listen, so that the kernel's refusal shows them open: Galera's while a member is
# brought up to date, NTP where a host only asks others for the time, `rabbitmqctl` while it runs, a machine's
# console and what it moves through; Geneve is taken by the switch, which is no socket of the kernel where it
# runs in user space.
ON_DEMAND = frozenset(
    {
        *("galera-udp", "galera-ist", "galera-guard", "galera-sst", "ntp", "rabbitmqctl"),
        *("ceph-mgr", "ceph-mds", "ceph-osd", "console", "migration", "geneve"),
    }
)


@dataclass(frozen=True)
class Probe:
    """One question: may `source` connect to a port of `target`? `strict` wants somebody to listen there."""

    source: str
    target: str
    address: str
    rule: Rule
    may: bool
    strict: bool


def base_checks(site: Site, context: Context) -> Iterator[Question]:
    """Return the question of the base stage: no service listens yet, and nobody has the VIP."""
    # None of this stage's own services has to listen yet: NTP and SSH are asked for elsewhere.
    own = [one for one in probes(site, "preflight") if one.rule.destination is None]
    yield Question(("FIREWALL_OPEN", "FIREWALL_CLOSED"), "", lambda: _ask(site, context, own, "base"))


def checks(site: Site, context: Context) -> Iterator[Question]:
    """Return the question of a whole site: where a host may connect, a service must listen."""
    every = probes(site, context.stage)
    yield Question(
        ("FIREWALL_OPEN", "FIREWALL_CLOSED"), "", lambda: _ask(site, context, every, context.stage)
    )


def probes(site: Site, stage: str) -> list[Probe]:
    """Return every pair of hosts with every rule of the second one; VRRP shows itself in VIP_HELD.

    Where the services of a stage are not there yet, nobody need listen on their ports.
    """
    deployed = until(stage)
    # Whoever has the VIP reaches its ports from within, whatever the firewall says.
    balancers = hosts_of(site, "loadbalancer")
    return [
        Probe(
            source.name,
            target.name,
            str(rule.destination or target.address),
            rule,
            _may(source, rule),
            rule.stage in deployed and rule.name not in ON_DEMAND,
        )
        for source in site.hosts
        for target in site.hosts
        if source != target
        for rule in rules(site, target)
        if rule.protocol != "vrrp"
        and not (rule.destination and source in balancers and not _may(source, rule))
    ]


def judged(asked: list[Probe], answers: Mapping[Probe, str], stage: str) -> Iterator[Check]:
    """Return for each host whether it lets in whom it must, and nobody else."""
    for target in dict.fromkeys(one.target for one in asked):
        own = [one for one in asked if one.target == target and one in answers]
        yield _open(target, [one for one in own if one.may], answers, stage)
        yield _closed(target, [one for one in own if not one.may], answers, stage)


def _open(target: str, own: list[Probe], answers: Mapping[Probe, str], stage: str) -> Check:
    wrong = [
        f"{one.source} cannot reach {_name(one.rule)}"
        + (", nobody listens" if answers[one] == "refused" else "")
        for one in own
        if answers[one] == "silent" or (one.strict and answers[one] == "refused")
    ]
    detail = _shown(wrong) or f"{len(own)} connections that may, can"
    return check("FIREWALL_OPEN", target, bool(own) and not wrong, detail, stage=stage)


def _closed(target: str, own: list[Probe], answers: Mapping[Probe, str], stage: str) -> Check:
    wrong = [f"{one.source} can reach {_name(one.rule)}" for one in own if answers[one] != "silent"]
    detail = _shown(wrong) or f"{len(own)} connections that may not, cannot"
    return check("FIREWALL_CLOSED", target, not wrong, detail, stage=stage)


def _ask(site: Site, context: Context, asked: list[Probe], stage: str) -> Iterator[Check]:
    answers: dict[Probe, str] = {}
    with ThreadPoolExecutor(len(site.hosts)) as pool:
        for some in pool.map(lambda host: _asked_from(context, host.name, asked), site.hosts):
            answers |= some
    return judged(asked, answers, stage)


def _asked_from(context: Context, source: str, asked: list[Probe]) -> dict[Probe, str]:
    """Return the answers that one host gets; none where it does not answer itself."""
    own = [one for one in asked if one.source == source]
    targets = [[one.address, one.rule.number, one.rule.protocol] for one in own]
    try:
        result = context.remote.script(source, probe("connect"), json.dumps(targets), timeout_s=15)
        return dict(zip(own, json.loads(result.stdout), strict=True))
    except (UnreachableError, ValueError):
        return {}


def _may(source: Host, rule: Rule) -> bool:
    networks = [IPv4Network(text) for text in rule.sources]
    return not networks or any(IPv4Address(source.address) in network for network in networks)


def _name(rule: Rule) -> str:
    where = f" of {rule.destination}" if rule.destination else ""
    return f"{rule.name} ({rule.number}/{rule.protocol}){where}"


def _shown(wrong: list[str]) -> str:
    more = f"; and {len(wrong) - 5} more" if len(wrong) > 5 else ""
    return "; ".join(wrong[:5]) + more
