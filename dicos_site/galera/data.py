"""A member's data directory → what it holds, and whether it is whole. Shipped to the hosts as it is."""

import errno
import json
import os
import re
import subprocess
from pathlib import Path

from dicos_site.galera.election import NO_UUID

RUN = Path("/run/dicos-galera")
KNOWN_UUID = Path("/var/lib/dicos/galera-uuid")
DATA = Path("/var/lib/mysql")
SYSTEM_SCHEMAS = {"mysql", "performance_schema", "sys", "test", "lost+found"}
POSITION = re.compile(r"([0-9a-f]{8}-[0-9a-f-]{27}):(-?\d+)")
PROBE_BYTES = 1024 * 1024


def interrupted_sst() -> bool:
    """Return whether a state transfer did not end: its marks, or the empty grastate.dat that it leaves.

    A member that starts for the first time has an empty grastate.dat too, and no data.
    """
    saved = DATA / "grastate.dat"
    marks = any((DATA / mark).exists() for mark in ("sst_in_progress", ".sst"))
    cut_off = saved.exists() and saved.stat().st_size == 0
    return marks or (cut_off and bool(KNOWN_UUID.exists() or user_schemas()))


def never_filled() -> bool:
    """Return whether no cluster's data is there: a fresh installation, or nothing at all."""
    saved = POSITION.search(read(DATA / "grastate.dat").replace("uuid:", "").replace("seqno:", ":"))
    uuid = re.search(r"uuid:\s*(\S+)", read(DATA / "grastate.dat"))
    return saved is None and (uuid is None or uuid.group(1) == NO_UUID) and not user_schemas()


def user_schemas() -> list[str]:
    if not DATA.is_dir():
        return []
    return [entry.name for entry in DATA.iterdir() if _is_schema(entry)]


def takes_data() -> bool:
    """Return whether a small file can be written beside the data; it is removed again."""
    probe = DATA / ".dicos-probe"
    try:
        with probe.open("wb") as handle:
            handle.write(os.urandom(PROBE_BYTES))
            os.fsync(handle.fileno())
    except OSError as failure:
        return failure.errno not in (errno.ENOSPC, errno.EDQUOT)
    finally:
        probe.unlink(missing_ok=True)
    return True


def recovered_position() -> tuple[str, int | None]:
    """Return the position in InnoDB's own log, asked once for each state of the files."""
    cache = RUN / "position.json"
    known = json.loads(read(cache) or "{}")
    if known.get("files") == _fingerprint():
        return str(known["uuid"]), known["seqno"]
    uuid, seqno = _ask_innodb()
    RUN.mkdir(mode=0o755, exist_ok=True)
    replace_file(cache, json.dumps({"files": _fingerprint(), "uuid": uuid, "seqno": seqno}))
    return uuid, seqno


def run(command: list[str], timeout_s: int = 60) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, check=False)
    except (subprocess.TimeoutExpired, FileNotFoundError) as failure:
        return subprocess.CompletedProcess(command, 1, "", str(failure))


def read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""


def replace_file(path: Path, text: str) -> None:
    fresh = path.with_name(f".{path.name}.new")
    with fresh.open("w") as handle:
        handle.write(text)
        handle.flush()
        os.fsync(handle.fileno())
    fresh.replace(path)


def _ask_innodb() -> tuple[str, int | None]:
    command = [
        "/usr/sbin/mariadbd",
        "--user=mysql",
        "--wsrep-recover",
        "--disable-log-error",
        "--skip-networking",
    ]
    found = POSITION.search(_after_marker(run(command, timeout_s=900).stderr))
    if found and found.group(1) != NO_UUID:
        seqno = int(found.group(2))
        return found.group(1), seqno if seqno >= 0 else None
    saved = read(DATA / "grastate.dat")
    uuid = re.search(r"uuid:\s*(\S+)", saved)
    position = re.search(r"seqno:\s*(\d+)", saved)
    return uuid.group(1) if uuid else NO_UUID, int(position.group(1)) if position else None


def _after_marker(log: str) -> str:
    return log.rpartition("WSREP: Recovered position")[2] if "WSREP: Recovered position" in log else ""


def _fingerprint() -> list[int]:
    files = ("ib_logfile0", "ibdata1", "grastate.dat")
    return [(DATA / name).stat().st_mtime_ns for name in files if (DATA / name).exists()]


def _is_schema(entry: Path) -> bool:
    return entry.is_dir() and entry.name not in SYSTEM_SCHEMAS and entry.name[0] not in ".#"
