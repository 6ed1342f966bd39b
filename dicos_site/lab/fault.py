"""Site → one thing broken, or mended; on a lab only."""

import os
import re
import signal
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from dicos_site.errors import LabError, Problem, UsageError
from dicos_site.lab import cgroup, disk, incus, names, network, rack
from dicos_site.model import Site

Act = Callable[[Site, str, str], str]


@dataclass(frozen=True)
class Fault:
    """One kind of fault: what it does and what it needs to know."""

    does: str
    act: Act
    host: bool = True
    argument: str = ""


def fault(site: Site, kind: str, host: str = "", argument: str = "") -> str:
    """Break or mend one thing and return a sentence about what was done.

    `kind` is a key of `FAULTS`, `argument` what that fault takes beside the host: a unit, a path.
    """
    rack.require_lab(site)
    if kind not in FAULTS:
        raise UsageError(Problem(f'there is no fault "{kind}"', "", f"faults: {', '.join(FAULTS)}"))
    chosen = FAULTS[kind]
    if chosen.argument and not argument:
        raise UsageError(
            Problem(f"{kind} needs a {chosen.argument}", "", f"dicos-site lab fault {kind} --help")
        )
    rack.require_up(site)
    if chosen.host:
        _require_host(site, host)
    return chosen.act(site, host, argument)


def _require_host(site: Site, name: str) -> None:
    states = rack.states(site)
    if name not in states:
        there = ", ".join(states)
        raise UsageError(Problem(f'the lab {site.site} has no host "{name}"', "", f"its hosts: {there}"))


def _stop(site: Site, host: str, _: str) -> str:
    disk.free(site, host)
    rack.set_state(site, host, "stop")
    return f"{host}: the plug is pulled"


def _start(site: Site, host: str, _: str) -> str:
    rack.set_state(site, host, "start")
    rack.reach_one(site, site.host(host))
    return f"{host}: started, answers over SSH"


def _freeze(site: Site, host: str, _: str, *, action: str) -> str:
    rack.set_state(site, host, action)
    return f"{host}: {'hangs' if action == 'freeze' else 'runs again'}"


def _kill(site: Site, host: str, unit: str) -> str:
    return _killed(site, [host], unit)


def _kill_all(site: Site, _: str, unit: str) -> str:
    return _killed(site, [name for name, state in rack.states(site).items() if state == "Running"], unit)


def _killed(site: Site, hosts: list[str], unit: str) -> str:
    """Send SIGKILL to a unit on several hosts: all processes are looked up first, then shot at once."""
    project = names.project(site)
    found = {host: cgroup.unit_processes(project, host, unit) for host in hosts}
    for process in [process for processes in found.values() for process in processes]:
        # One that has gone by itself is dead as well.
        try:
            os.kill(process, signal.SIGKILL)
        except ProcessLookupError:
            continue
    hit = [f"{host} ({len(processes)})" for host, processes in found.items() if processes]
    if not hit:
        raise LabError(Problem(f"{unit} does not run on {', '.join(hosts)}", "", f"systemctl status {unit}"))
    return f"{unit}: processes killed on {', '.join(hit)}"


def _partition(site: Site, host: str, _: str, *, apart: bool) -> str:
    config = incus.get(f"/1.0/instances/{host}", project=names.project(site))["config"]
    for bridge in names.bridges_of(site, site.host(host)):
        if interface := config.get(f"volatile.{bridge.interface}.host_name"):
            network.partition(interface, apart=apart)
    return f"{host}: {'cut off from every network' if apart else 'on its networks again'}"


def _fill_disk(site: Site, host: str, _: str) -> str:
    disk.fill(site, host)
    return f"{host}: no write that needs space succeeds"


def _free_disk(site: Site, host: str, _: str) -> str:
    disk.free(site, host)
    return f"{host}: the disk has space again"


_DATA = re.compile(r"/var/lib/[a-z0-9][a-z0-9_.-]*(/[A-Za-z0-9_.-]+)*")


def _wipe(site: Site, host: str, path: str) -> str:
    """Empty a service's data directory; the service should be stopped or killed."""
    forbidden = ("/var/lib/dpkg", "/var/lib/apt", "/var/lib/systemd")
    if not _DATA.fullmatch(path) or ".." in path or path.startswith(forbidden):
        raise LabError(
            Problem(f"{path} is not a service's data", "", "only folders of services in /var/lib/")
        )
    incus.execute(names.project(site), host, "find", path, "-mindepth", "1", "-delete")
    return f"{host}: {path} is empty"


FAULTS: dict[str, Fault] = {
    "stop": Fault("pull a host's plug", _stop),
    "start": Fault("start a stopped host and wait for SSH", _start),
    "freeze": Fault("let a host hang: it runs no instruction", partial(_freeze, action="freeze")),
    "unfreeze": Fault("let a hanging host go on", partial(_freeze, action="unfreeze")),
    "kill": Fault("SIGKILL all processes of a unit on a host", _kill, argument="unit"),
    "kill-all": Fault("SIGKILL a unit on all hosts at once", _kill_all, host=False, argument="unit"),
    "partition": Fault("cut a host off from every network", partial(_partition, apart=True)),
    "heal": Fault("plug a cut-off host in again", partial(_partition, apart=False)),
    "fill-disk": Fault("let every write that needs space fail on a host", _fill_disk),
    "free-disk": Fault("give a full host its space back", _free_disk),
    "wipe": Fault("empty a folder of a service in /var/lib", _wipe, argument="path"),
}
