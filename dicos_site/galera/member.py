"""One member, seen and moved from its own host: its state, its fence, its start. Shipped to the hosts."""

import fcntl
import json
import math
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from dicos_site.galera.data import (
    DATA,
    KNOWN_UUID,
    POSITION,
    RUN,
    interrupted_sst,
    never_filled,
    read,
    recovered_position,
    replace_file,
    run,
    takes_data,
    user_schemas,
)
from dicos_site.galera.election import NO_UUID, MemberState

CONFIG = Path("/etc/dicos/galera.json")
STOP_S = 120
FULL_DISK = "its own guard: the disk is full"
OPERATOR = "an operator, with systemctl stop"


class MemberError(Exception):
    """This member cannot do what was asked; the text says why."""


@dataclass(frozen=True)
class Observation:
    """A member's state, and beside it whether Galera may still restore the last view by itself."""

    state: MemberState
    synced: bool
    may_restore: bool
    # Running, and cut off from the group for good: Galera says "node restart required" and stays.
    adrift: bool = False

    def text(self) -> str:
        """Return it as one line of JSON."""
        return json.dumps(asdict(self))


def parse(text: str) -> Observation:
    """Return the observation that `text` made."""
    values = json.loads(text)
    return Observation(
        MemberState(**values["state"]), values["synced"], values["may_restore"], values["adrift"]
    )


@dataclass(frozen=True)
class Config:
    """Which member this host is, and all members: [{"name", "address"}]."""

    name: str
    members: list[dict[str, str]]


def config() -> Config:
    """Return what the role wrote for this host."""
    values = json.loads(CONFIG.read_text())
    return Config(values["name"], values["members"])


def observe() -> Observation:
    """Return what this host knows of its member; starts nothing that is not stopped again."""
    blank = MemberState(config().name, known_uuid=read(KNOWN_UUID).strip(), held_by=_fence_holder())
    blank = replace(
        blank,
        interrupted_sst=interrupted_sst(),
        safe_to_bootstrap="safe_to_bootstrap: 1" in read(DATA / "grastate.dat"),
    )
    if _processes():
        return _observe_running(replace(blank, running=True))
    blank = replace(blank, held_by=blank.held_by or _operator())
    return Observation(_stopped(blank), synced=False, may_restore=(DATA / "gvwstate.dat").exists())


def remember_cluster(uuid: str) -> None:
    """Write down, outside of the data directory, the cluster that this member was Synced with."""
    if uuid != read(KNOWN_UUID).strip():
        KNOWN_UUID.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        replace_file(KNOWN_UUID, uuid + "\n")


def fence(holder: str, seconds: int) -> Observation:
    """Stop this member for `holder`, unless it is in a primary component, and return what it holds."""
    with _lock():
        if _fence_holder() not in ("", holder):
            raise MemberError(f"held by {_fence_holder()}")
        if observe().state.primary:
            raise MemberError("in a primary component")
        replace_file(RUN / "fence.json", json.dumps({"holder": holder, "until": time.monotonic() + seconds}))
        stop()
        return observe()


def disk_full() -> bool:
    """Return whether the data's disk takes nothing more: not twice within a second."""
    if takes_data():
        return False
    time.sleep(1)
    return not takes_data()


def withdraw(seconds: int) -> None:
    """Take this member out at once: with a full disk it applies nothing, and all others wait for it."""
    with _lock():
        replace_file(
            RUN / "fence.json", json.dumps({"holder": FULL_DISK, "until": time.monotonic() + seconds})
        )
        run(["systemctl", "stop", "--no-block", "mariadb.service"])
        run(["systemctl", "kill", "--signal=SIGKILL", "mariadb.service"])


def release(holder: str, *, joining: bool) -> None:
    """Give the member back and start it; `joining`: a cluster is there, no view is to be restored."""
    with _lock():
        if _fence_holder() not in ("", holder):
            raise MemberError(f"held by {_fence_holder()}")
        if not (RUN / "fence.json").exists():
            raise MemberError("is not held: whoever stopped it starts it")
        if joining and not _processes():
            (DATA / "gvwstate.dat").unlink(missing_ok=True)
        (RUN / "fence.json").unlink(missing_ok=True)
    start()


def forgotten() -> bool:
    """Return whether a fence has expired and left the member stopped: who held it has died."""
    return (RUN / "fence.json").exists() and not _fence_holder()


def start() -> None:
    """Start the member without waiting: it may wait long for a primary component."""
    run(["systemctl", "reset-failed", "mariadb.service"])
    run(["systemctl", "start", "--no-block", "mariadb.service"])


def stop(kill_after_s: float = math.inf) -> None:
    """Stop the member; one that waits for a primary component holds nothing unwritten and is killed.

    `kill_after_s`: so is one that has left the group, whose shutdown may never end; what it has committed is
    on its disk.
    """
    # While it waits it does not heed SIGTERM.
    kill_at = time.monotonic() + (kill_after_s if _status() else 2)
    deadline = time.monotonic() + STOP_S
    run(["systemctl", "stop", "--no-block", "mariadb.service"])
    while _processes():
        if time.monotonic() > kill_at:
            run(["systemctl", "kill", "--signal=SIGKILL", "mariadb.service"])
        if time.monotonic() > deadline:
            raise MemberError(f"did not stop within {STOP_S} s")
        time.sleep(0.3)
    run(["systemctl", "stop", "mariadb.service"])


def bootstrap(holder: str, uuid: str, seqno: int) -> None:
    """Start the cluster from this member, fenced by `holder` and found at uuid:seqno (NO_UUID: a new one)."""
    with _lock():
        state = observe().state
        if _fence_holder() != holder or state.running:
            raise MemberError("is not stopped and held by the one who asks")
        if uuid != NO_UUID and (state.uuid, state.seqno) != (uuid, seqno):
            raise MemberError(f"holds {state.uuid}:{state.seqno}, not {uuid}:{seqno}")
        if uuid == NO_UUID and (not state.empty or state.known_uuid):
            raise MemberError("holds or held data: no new cluster is made over it")
        _prepare(uuid, seqno)
        outcome = run(["galera_new_cluster"], timeout_s=600)
        (RUN / "fence.json").unlink(missing_ok=True)
        if outcome.returncode:
            raise MemberError("galera_new_cluster failed: see journalctl -u mariadb")


def set_aside(holder: str) -> str:
    """Move this fenced member's data away, for it to be filled anew, and return where it is kept."""
    with _lock():
        if _fence_holder() != holder or _processes():
            raise MemberError("is not stopped and held by the one who asks")
        if os.path.ismount(DATA):
            raise MemberError(f"{DATA} is a mount point: empty it by hand")
        kept = DATA.with_name(time.strftime("mysql.given-up-%Y%m%dT%H%M%S"))
        DATA.rename(kept)
        DATA.mkdir(mode=0o755)
        shutil.chown(DATA, "mysql", "mysql")
        KNOWN_UUID.unlink(missing_ok=True)
        return str(kept)


def _observe_running(blank: MemberState) -> Observation:
    status = _status()
    if not status:
        return Observation(_waiting(blank), synced=False, may_restore=(DATA / "gvwstate.dat").exists())
    seqno = int(status.get("wsrep_last_committed", "-1"))
    state = replace(
        blank,
        primary=status.get("wsrep_cluster_status") == "Primary",
        uuid=status.get("wsrep_local_state_uuid", ""),
        seqno=seqno if 0 <= seqno < 2**63 else None,
        settled=status.get("wsrep_local_recv_queue", "0") == "0",
        interrupted_sst=False,
    )
    synced = state.primary and status.get("wsrep_local_state_comment") == "Synced"
    adrift = left_for_good(status) and _unit_state("ActiveState") != "deactivating"
    return Observation(state, synced=synced, may_restore=not adrift, adrift=adrift)


def left_for_good(status: Mapping[str, str]) -> bool:
    """Return whether a server that answers is in no group any more, and will not look for one.

    After an incremental state transfer that lacks a write set it goes on saying that it is connected; but
    what its group communication says of itself is gone.
    """
    return status.get("wsrep_connected") == "OFF" or not status.get("wsrep_evs_state")


def _waiting(blank: MemberState) -> MemberState:
    """Return the position with which a member that still waits for a primary component was started."""
    arguments = " ".join(_processes())
    # One that was ready before has gone on from there: a server that hangs or stops tells nothing.
    starting = _unit_state("ActiveState") == "activating"
    if not starting or "wsrep_recover" in arguments or "wsrep-recover" in arguments:
        return blank
    found = POSITION.search(arguments)
    if found is None:
        return replace(blank, empty=never_filled())
    return _at(blank, found.group(1), int(found.group(2)))


def _stopped(blank: MemberState) -> MemberState:
    if blank.interrupted_sst:
        return blank
    if not (DATA / "ibdata1").exists() or not (DATA / "mysql").is_dir():
        return replace(blank, empty=not user_schemas())
    with _lock("recover"):
        # Beside the question that systemd asks before each start, ours would be in the way.
        if _unit_state("ActiveState") not in ("inactive", "failed"):
            return blank
        return _at(blank, *recovered_position())


def _at(blank: MemberState, uuid: str, seqno: int | None) -> MemberState:
    if uuid == NO_UUID:
        return replace(blank, empty=never_filled())
    return replace(blank, uuid=uuid, seqno=seqno)


def _prepare(uuid: str, seqno: int) -> None:
    """Make the elected member's files allow the bootstrap; an empty directory gets the system's tables."""
    (DATA / "gvwstate.dat").unlink(missing_ok=True)
    if not (DATA / "mysql").is_dir():
        run(["mariadb-install-db", "--user=mysql", "--skip-test-db", "--rpm"], timeout_s=120)
    if uuid == NO_UUID:
        (DATA / "grastate.dat").unlink(missing_ok=True)
        return
    saved = f"# GALERA saved state\nversion: 2.1\nuuid:    {uuid}\nseqno:   {seqno}\nsafe_to_bootstrap: 1\n"
    replace_file(DATA / "grastate.dat", saved)
    shutil.chown(DATA / "grastate.dat", "mysql", "mysql")


def _status() -> dict[str, str]:
    """Return the wsrep status of the running server, or nothing where it does not answer."""
    query = "SHOW GLOBAL STATUS LIKE 'wsrep_%'"
    command = ["mariadb", "--no-defaults", "--user=root", "--socket=/run/mysqld/mysqld.sock", "-NBe", query]
    answer = run(command, timeout_s=5)
    if answer.returncode:
        return {}
    return dict(line.split("\t", 1) for line in answer.stdout.splitlines() if "\t" in line)


def _processes() -> list[str]:
    """Return the command line of each mariadbd of this host."""
    lines = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and read(entry / "comm").strip() == "mariadbd":
            lines.append(read(entry / "cmdline").replace("\0", " "))
    return [line for line in lines if line]


def _unit_state(key: str) -> str:
    return run(["systemctl", "show", "--value", "--property", key, "mariadb.service"]).stdout.strip()


def _operator() -> str:
    """Return who stopped a member that was running: it is not started against a human's will."""
    stopped = (
        _unit_state("ActiveState") == "inactive" and _unit_state("InactiveEnterTimestampMonotonic") != "0"
    )
    return OPERATOR if stopped and not (RUN / "fence.json").exists() else ""


def _fence_holder() -> str:
    fence_file = json.loads(read(RUN / "fence.json") or "{}")
    return str(fence_file["holder"]) if fence_file.get("until", 0) > time.monotonic() else ""


@contextmanager
def _lock(name: str = "lock") -> Iterator[None]:
    """Let one act at a time move this member, whoever asks for it."""
    RUN.mkdir(mode=0o755, exist_ok=True)
    with (RUN / name).open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
