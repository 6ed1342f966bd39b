"""OpenStack as its users meet it: a person of the directory boots a machine, uses it, and leaves nothing."""

from collections.abc import Iterator, Mapping
from typing import cast

from dicos_site.errors import Problem, UnreachableError
from dicos_site.model import Site
from dicos_site.placement import hosts_of
from dicos_site.report import Check, check
from dicos_site.verify.context import Context, Question
from dicos_site.verify.visit import Step, Steps, Visit

CODE = "CLOUD_TENANT"
# From before the machine is asked for until it has moved: the deadlines of visiting/tenant.py together.
PINGS_S = 1200
# How long a machine may be silent while it moves to another host.
MAX_SILENCE_S = 10.0
PING_INTERVAL_S = 0.2


def checks(site: Site, context: Context) -> Iterator[Question]:
    """Return the question of a whole visit, where there is a community that could make it."""
    if site.communities and hosts_of(site, "nova") and hosts_of(site, "nova_compute"):
        yield Question((CODE,), "", lambda: [_visited(site, context)])


def _visited(site: Site, context: Context) -> Check:
    with Visit(site, context) as visit:
        before = visit.run("prepare")
        visit.forget_others()
        actions = ["boot", "volume"]
        if hosts_of(site, "horizon"):
            actions.append("pages")
        if len(visit.people) > 1:
            actions.append("stranger")
        if len(hosts_of(site, "nova_compute")) > 1:
            actions.append("migrate")
        address = before["address"].get("floating")
        if address:
            with visit.pinged(str(address), PINGS_S) as pings:
                during, pinged = visit.run(*actions), pings.end()
        else:
            during, pinged = visit.run(*actions), None
        after = visit.run("remove")
        return judged(visit, during, pinged, after)


def judged(visit: Visit, during: Steps, pinged: Mapping[str, object] | None, after: Steps) -> Check:
    """Return what a visit says: it passes when the machine answered throughout and nothing is left."""
    words = [f"as {visit.people[0].uid}", f"VM active in {_seconds(during['active'])}"]
    wrong: list[str] = []
    if pinged is not None:
        words += _pings(visit.pinger, during, pinged, wrong)
    if "migrated" in during:
        words.append(_migration(during["migrated"], pinged, wrong))
    words.append(f"volume written after {_seconds(during['volume'], during['written'])}")
    if "pages" in during:
        words.append(f"seen on the pages in {_seconds(during['pages'])}")
    if "stranger" in during:
        words.append(f"{visit.people[1].community} sees nothing of it")
    words.append(f"removed in {_seconds(after['removed'])}")
    left = cast("list[str]", after["left"]["left"])
    if left:
        wrong.append(f"left behind: {', '.join(left)}")
    return check(CODE, "", not wrong, "; ".join([*wrong, ", ".join(words)]))


def _pings(pinger: str, during: Steps, pinged: Mapping[str, object], wrong: list[str]) -> list[str]:
    first = pinged["first"]
    if not isinstance(first, (int, float)):
        what = f"no ping from {pinger} was ever answered by the floating address"
        raise UnreachableError(Problem(what, pinger, "see docs/runbooks/CLOUD_TENANT.md"))
    requested = float(cast("float", during["active"]["requested"]))
    return [f"ping from {pinger} after {first - requested:.1f} s"]


def _migration(step: Step, pinged: Mapping[str, object] | None, wrong: list[str]) -> str:
    """Return how the machine moved, and how many pings it lost meanwhile."""
    moved = f"{step['source']} to {step['target']} in {_seconds(step)}"
    if pinged is None:
        return moved
    began, ended = float(cast("float", step["began"])), float(cast("float", step["ended"]))
    lost = [
        moment for moment in cast("list[float]", pinged["lost"]) if began <= moment <= ended + MAX_SILENCE_S
    ]
    silence_s = longest_silence(lost)
    if silence_s > MAX_SILENCE_S:
        wrong.append(f"silent for {silence_s:.1f} s while it moved, at most {MAX_SILENCE_S:g} s are allowed")
    return f"{moved} with {len(lost)} pings lost"


def longest_silence(lost: list[float]) -> float:
    """Return the seconds of the longest row of pings without an answer, by the moments they were sent."""
    longest = begin = previous = 0.0
    for moment in sorted(lost):
        if moment - previous > 2 * PING_INTERVAL_S:
            begin = moment
        longest, previous = max(longest, moment - begin + PING_INTERVAL_S), moment
    return longest


def _seconds(*steps: Step) -> str:
    return f"{sum(float(cast('float', step['seconds'])) for step in steps):.1f} s"
