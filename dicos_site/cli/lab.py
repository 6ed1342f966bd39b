"""The verbs of the rack in a box: up, down, stop, status, ssh, snapshot, restore, fault."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Annotated

import typer

from dicos_site import description, lab, places
from dicos_site.cli.options import Json, SiteName
from dicos_site.errors import Problem, UsageError
from dicos_site.lab.progress import Progress
from dicos_site.model import Site
from dicos_site.presentation import console, error_console, print_json

app = typer.Typer(no_args_is_help=True, help="The rack in a box: hosts as system containers on this machine.")

SiteOption = Annotated[
    str, typer.Option("--site", "-s", metavar="SITE", help="A folder of inventories/, or a path.")
]
SnapshotName = Annotated[str, typer.Argument(metavar="NAME", help="The snapshot's name.")]


@app.command()
def up(site: SiteName = "lab") -> None:
    """Make, start and reach every host; what is up already stays as it is. Installs what is missing.

    Examples: `dicos-site lab up`, `dicos-site lab up /tmp/mine/rack.yml`
    """
    rack = _read(site)
    with _progress() as progress:
        lab.up(rack, progress)
    print(f"{rack.site}: {len(rack.hosts)} hosts answer over SSH")


@app.command()
def down(
    site: SiteName = "lab",
    *,
    images: Annotated[
        bool, typer.Option("--images", help="Remove the baked images of all labs too.")
    ] = False,
) -> None:
    """Remove the hosts, their snapshots and their networks; other labs and the baked images stay.

    Examples: `dicos-site lab down`, `dicos-site lab down --images`
    """
    rack = _read(site)
    with _progress() as progress:
        lab.down(rack, progress)
        if images:
            progress("removing baked images")
            lab.remove_images()
    print(f"{rack.site}: removed")


@app.command()
def stop(site: SiteName = "lab") -> None:
    """Shut all hosts down in an orderly way and keep them; `lab up` starts them again.

    Example: `dicos-site lab stop`
    """
    rack = _read(site)
    with _progress() as progress:
        lab.stop(rack, progress)
    print(f"{rack.site}: stopped")


@app.command()
def status(site: SiteName = "lab", *, json: Json = False) -> None:
    """Show the daemon, every host, its memory, and the snapshots; changes nothing.

    Examples: `dicos-site lab status`, `dicos-site lab status --json`
    """
    found = lab.status(_read(site))
    if json:
        print_json(found.report())
    else:
        _show(found)


@app.command(context_settings={"ignore_unknown_options": True})
def ssh(
    host: Annotated[str, typer.Argument(metavar="HOST")],
    words: Annotated[list[str] | None, typer.Argument(metavar="[COMMAND]...")] = None,
    *,
    site: SiteOption = "lab",
) -> None:
    """Open a shell on a host, or run one command there.

    Examples: `dicos-site lab ssh ctl1`, `dicos-site lab ssh --site example ctl1 systemctl --failed`
    """
    rack = _read(site)
    known = [entry for entry in rack.hosts if entry.name == host]
    if not known:
        names = ", ".join(entry.name for entry in rack.hosts)
        raise UsageError(Problem(f'{rack.site} has no host "{host}"', "", f"its hosts: {names}"))
    command = lab.ssh_command(rack, known[0], tuple(words or ()))
    sys.stdout.flush()
    os.execvp(command[0], command)  # noqa: S606 - ssh takes the terminal over; no shell is wanted


@app.command()
def snapshot(
    name: Annotated[str, typer.Argument(metavar="[NAME]", help="The snapshot's name; none lists them.")] = "",
    site: SiteName = "lab",
    *,
    delete: Annotated[bool, typer.Option("--delete", help="Remove this snapshot.")] = False,
) -> None:
    """Take a snapshot of the whole rack in seconds, in place of an older one of that name.

    Examples: `dicos-site lab snapshot deployed`, `dicos-site lab snapshot deployed --delete`,
    `dicos-site lab snapshot` (lists them)
    """
    rack = _read(site)
    if not name:
        print("\n".join(lab.snapshots(rack)) or "no snapshots")
        return
    with _progress() as progress:
        (lab.delete_snapshot if delete else lab.snapshot)(rack, name, progress)
    print(f"{rack.site}: snapshot {name} {'removed' if delete else 'taken'}")


@app.command()
def restore(name: SnapshotName, site: SiteName = "lab") -> None:
    """Bring the whole rack back to a snapshot: every host boots as after a power cut at that moment.

    Example: `dicos-site lab restore deployed`
    """
    rack = _read(site)
    with _progress() as progress:
        lab.restore(rack, name, progress)
    print(f"{rack.site}: back at {name}")


def _usage(name: str, kind: lab.Fault) -> str:
    words = (name, "HOST" if kind.host else "", kind.argument.upper())
    return f"`{' '.join(word for word in words if word)}`: {kind.does}"


_FAULTS = "Kinds:\n\n" + "\n\n".join(_usage(name, kind) for name, kind in lab.FAULTS.items())


@app.command(epilog=_FAULTS)
def fault(
    kind: Annotated[str, typer.Argument(metavar="KIND", help="See below.")],
    words: Annotated[list[str] | None, typer.Argument(metavar="[HOST] [UNIT|PATH] [SITE]")] = None,
    *,
    site: SiteOption = "lab",
) -> None:
    """Break one thing in the lab, or mend it; refuses to act on real servers.

    Examples: `dicos-site lab fault kill ctl1 mariadb`, `dicos-site lab fault kill-all mariadb`,
    `dicos-site lab fault wipe ctl2 /var/lib/mysql`
    """
    chosen = lab.FAULTS.get(kind)
    given = list(words or ())
    host = given.pop(0) if given and (chosen is None or chosen.host) else ""
    argument = given.pop(0) if given and (chosen is None or chosen.argument) else ""
    site = given.pop(0) if given else site
    if given:
        raise UsageError(
            Problem(f"too many words: {' '.join(given)}", "", "see `dicos-site lab fault --help`")
        )
    print(lab.fault(_read(site), kind, host, argument))


def _read(site: str) -> Site:
    return description.read(places.site_folder(site))


def _show(found: lab.LabStatus) -> None:
    from rich.table import Table

    table = Table("host", "kind", "address", "state", "ssh", "memory", box=None)
    for host in found.hosts:
        memory = "" if host.memory_mib is None else f"{host.memory_mib} MiB"
        state = f"{host.state}, disk full" if host.disk_full else host.state
        table.add_row(host.name, host.kind, host.address, state, "answers" if host.ssh else "-", memory)
    console().print(table)
    print(f"Incus daemon: {'answers' if found.daemon else 'does not answer'}")
    print(f"memory: {found.memory_mib / 1024:.1f} GiB without page cache")
    print(f"snapshots: {', '.join(found.snapshots) or 'none'}")
    if found.extra_hosts:
        print(f"not in rack.yml: {', '.join(found.extra_hosts)}")


@contextmanager
def _progress() -> Iterator[Progress]:
    """Show steps: a spinner on a terminal, else one line each with the seconds since the start."""
    start = monotonic()
    if error_console().is_terminal:
        with error_console().status("looking at this machine") as line:
            yield lambda text: line.update(text)
        return
    yield lambda text: print(f"{monotonic() - start:6.1f} s  {text}", file=sys.stderr, flush=True)
