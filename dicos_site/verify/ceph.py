"""Ceph: its quorum, OSDs, placement groups; an image, a file and an object written and read back."""

import json
import secrets
import time
from collections.abc import Iterator, Mapping
from typing import Any

from dicos_site.errors import Problem, UnreachableError
from dicos_site.model import Site
from dicos_site.placement import hosts_of
from dicos_site.ports import OBJECTS
from dicos_site.report import Check, check
from dicos_site.variables import vip_fqdn
from dicos_site.variables.storage import science_pool
from dicos_site.verify.context import Context, Question, probe

READING = ("CEPH_HEALTH", "CEPH_QUORUM", "CEPH_OSDS", "CEPH_PGS", "CEPH_MDS")
TIMEOUT_S = 60
# A pool that was made a moment ago, such as a gateway's at its first object, has groups in these states.
SETTLING = frozenset({"unknown", "creating", "peering", "activating"})
SETTLES_S = 20.0
Answer = Mapping[str, Any]


def checks(site: Site, context: Context) -> Iterator[Question]:
    """Return the questions that read, and one for each way to write."""
    yield from status_checks(site, context)
    if hosts_of(site, "ceph_mon"):
        yield Question(("CEPH_RBD",), "", lambda: [_image(site, context)])
        yield Question(("CEPH_FS",), "", lambda: [_file(site, context)])
    if hosts_of(site, "ceph_rgw"):
        yield Question(("CEPH_S3",), "", lambda: [_object(site, context)])


def status_checks(site: Site, context: Context) -> Iterator[Question]:
    """Return the question that only reads."""
    if hosts_of(site, "ceph_mon"):
        yield Question(READING, "", lambda: _state(site, context))


def state_checks(site: Site, status: Answer, health: Answer) -> Iterator[Check]:
    """Return what `ceph status` and `ceph health detail` say."""
    yield health_check(health)
    wanted = {host.name for host in hosts_of(site, "ceph_mon")}
    missing = sorted(wanted - set(status["quorum_names"]))
    detail = f"{len(wanted) - len(missing)} of {len(wanted)} monitors agree"
    detail += f"; not {', '.join(missing)}" if missing else ""
    yield check("CEPH_QUORUM", "", not missing, detail)
    osds, disks = status["osdmap"], sum(len(host.disks) for host in hosts_of(site, "ceph_osd"))
    up, inside = osds["num_up_osds"], osds["num_in_osds"]
    detail = f"{up} up, {inside} in, of {disks} disks"
    yield check("CEPH_OSDS", "", up >= disks and inside >= disks, detail)
    yield groups_check(status["pgmap"])
    servers = [
        entry["status"].removeprefix("up:")
        for entry in status["fsmap"].get("by_rank", ())
        if "status" in entry
    ]
    standby = status["fsmap"].get("up:standby", 0)
    detail = f"{', '.join(servers) or 'no metadata server'}; {standby} ready to take over"
    wanted_standby = 1 if len(hosts_of(site, "ceph_mds")) > 1 else 0
    yield check("CEPH_MDS", "", servers == ["active"] and standby >= wanted_standby, detail)


def health_check(health: Answer) -> Check:
    """Return Ceph's own judgement; what somebody has muted counts too."""
    said = [
        f"{name}: {one['summary']['message']}" + (" (muted)" if one.get("muted") else "")
        for name, one in sorted(health.get("checks", {}).items())
    ]
    well = health["status"] == "HEALTH_OK" and not said
    return check("CEPH_HEALTH", "", well, "; ".join([health["status"], *said]))


def groups_check(groups: Answer) -> Check:
    """Return whether every placement group is active and clean; one that is being read through is so, too."""
    states = {entry["state_name"]: entry["count"] for entry in groups["pgs_by_state"]}
    clean = sum(count for state, count in states.items() if {"active", "clean"} <= set(state.split("+")))
    others = ", ".join(f"{count} {state}" for state, count in sorted(states.items()) if "clean" not in state)
    detail = f"{clean} of {groups['num_pgs']} placement groups are active and clean"
    detail += f"; {others}" if others else ""
    return check("CEPH_PGS", "", 0 < groups["num_pgs"] == clean, detail)


def settling(groups: Answer) -> bool:
    """Return whether a placement group is on its way to where it can be judged."""
    return any(SETTLING & set(entry["state_name"].split("+")) for entry in groups["pgs_by_state"])


def _state(site: Site, context: Context) -> Iterator[Check]:
    end = time.monotonic() + SETTLES_S
    while settling((answer := _asked(site, context, "status", {}))["status"]["pgmap"]):
        if time.monotonic() > end:
            break
        time.sleep(1)
    return state_checks(site, answer["status"], answer["health"])


def file_check(site: Site, answer: Answer) -> Check:
    """Return whether a file was kept, and where rack.yml wants it: in copies or in pieces."""
    wanted = science_pool(site)
    astray = "" if answer["pool"] == wanted else f", not in {wanted}"
    return check("CEPH_FS", "", answer["same"] and not astray, answer["detail"] + astray)


def _image(site: Site, context: Context) -> Check:
    answer = _asked(site, context, "rbd", {"name": f"dicos-verify-{secrets.token_hex(6)}"})
    return check("CEPH_RBD", "", answer["same"], answer["detail"])


def _file(site: Site, context: Context) -> Check:
    name = f"dicos-verify-{secrets.token_hex(6)}"
    key = context.secrets["ceph_science"]
    return file_check(site, _asked(site, context, "cephfs", {"key": key, "name": name}))


def _object(site: Site, context: Context) -> Check:
    where = {"endpoint": f"{vip_fqdn(site)}:{OBJECTS}", "name": f"dicos-verify-{secrets.token_hex(6)}"}
    answer = _on_one_of(site, context, "ceph_rgw", "s3", where)
    return check("CEPH_S3", "", answer["same"], answer["detail"])


def _asked(site: Site, context: Context, what: str, arguments: Answer) -> Answer:
    return _on_one_of(site, context, "ceph_mon", "ceph", {"what": what, **arguments})


def _on_one_of(site: Site, context: Context, service: str, name: str, arguments: Answer) -> Answer:
    """Return what a program answers on the first host of a service that can run it."""
    # The arguments hold a key: they go over standard input with the program, not on its command line.
    source = f"{probe(name)}\nmain({arguments!r})\n"
    reasons: list[str] = []
    for host in hosts_of(site, service):
        try:
            result = context.remote.script(host.name, source, timeout_s=TIMEOUT_S)
        except UnreachableError as error:
            reasons.append(error.problems[0].what)
            continue
        if result.code == 0:
            answer: Answer = json.loads(result.stdout)
            return answer
        reasons.append(f"{host.name}: {' '.join(result.stderr.split())[-200:]}")
    raise UnreachableError(Problem("; ".join(reasons) or f"no host has {service}"))
