"""Site → snapshots of its whole rack: all hosts at one moment."""

import re
from functools import partial

from dicos_site.errors import LabError, Problem
from dicos_site.lab import disk, incus, names, parallel, rack
from dicos_site.lab.progress import Progress, silent
from dicos_site.model import Site

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")


def snapshot(site: Site, name: str, progress: Progress = silent) -> None:
    """Take a snapshot of all hosts at one moment, in place of an older one of that name.

    The hosts are frozen meanwhile (a second), so that no host's disk is later than another's.
    """
    if not _NAME.fullmatch(name):
        raise LabError(Problem(f'"{name}" is no name for a snapshot', "", "use letters, digits, -, _ and ."))
    rack.require_up(site)
    with rack.lock(site, progress):
        progress(f"taking the snapshot {name}")
        states = rack.states(site)
        running = [host for host, state in states.items() if state == "Running"]
        _delete(site, name, _holders(site, name))
        parallel.each(running, partial(rack.set_state, site, action="freeze"))
        try:
            parallel.each(states, partial(_create, site, name))
        except LabError:
            _delete(site, name, _holders(site, name))
            raise
        finally:
            parallel.each(running, partial(rack.set_state, site, action="unfreeze"))


def restore(site: Site, name: str, progress: Progress = silent) -> None:
    """Bring all hosts back to a snapshot, as after a power cut at its moment, and wait until they answer."""
    rack.require_up(site)
    with rack.lock(site, progress):
        states = rack.states(site)
        _require(site, name, frozenset(states))
        progress("pulling the plug")
        disk.free_all(site)
        alive = [host for host, state in states.items() if state != "Stopped"]
        parallel.each(alive, partial(rack.set_state, site, action="stop"))
        progress(f"going back to {name}")
        parallel.each(states, partial(_restore, site, name))
        parallel.each(states, partial(rack.set_state, site, action="start"))
        progress("waiting for SSH")
        rack.reach(site)


def delete_snapshot(site: Site, name: str, progress: Progress = silent) -> None:
    """Remove a snapshot from all hosts."""
    rack.require_up(site)
    with rack.lock(site, progress):
        holders = _holders(site, name)
        if not holders:
            raise LabError(_absent(site, name))
        _delete(site, name, holders)


def snapshots(site: Site) -> tuple[str, ...]:
    """Return the snapshots that every host has, sorted by name."""
    held = list(_held(site).values())
    return tuple(sorted(frozenset.intersection(*held))) if held else ()


def _held(site: Site) -> dict[str, frozenset[str]]:
    """Return {host: names of its snapshots}."""
    found = incus.find("/1.0/instances", project=names.project(site), recursion="2") or []
    return {
        entry["name"]: frozenset(each["name"] for each in entry.get("snapshots") or ()) for entry in found
    }


def _holders(site: Site, name: str) -> list[str]:
    return [host for host, held in _held(site).items() if name in held]


def _require(site: Site, name: str, hosts: frozenset[str]) -> None:
    without = hosts - frozenset(_holders(site, name))
    if without == hosts:
        raise LabError(_absent(site, name))
    if without:
        lacking = ", ".join(sorted(without))
        raise LabError(
            Problem(
                f"the snapshot {name} lacks {lacking}",
                "",
                "it was made before they were; use one that has all hosts",
            )
        )


def _absent(site: Site, name: str) -> Problem:
    there = ", ".join(snapshots(site)) or "none"
    return Problem(f"there is no snapshot {name}", "", f"snapshots of {site.site}: {there}")


def _create(site: Site, name: str, host: str) -> None:
    body: dict[str, object] = {"name": name, "stateful": False}
    incus.post(f"/1.0/instances/{host}/snapshots", body, project=names.project(site))


def _restore(site: Site, name: str, host: str) -> None:
    incus.put(f"/1.0/instances/{host}", {"restore": name}, project=names.project(site))


def _delete(site: Site, name: str, hosts: list[str]) -> None:
    project = names.project(site)
    parallel.each(
        hosts, lambda host: incus.delete(f"/1.0/instances/{host}/snapshots/{name}", project=project)
    )
