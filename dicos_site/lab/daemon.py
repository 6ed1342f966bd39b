"""A machine → an Incus daemon that answers and has room for hosts."""

import os
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

from dicos_site.errors import LabError, Problem
from dicos_site.lab import incus, install, pool
from dicos_site.lab.progress import Progress

LOG = Path("/var/log/incus/incusd.log")
_START_S = 60
_PATIENCE_S = 10
# Limits that all containers share, because they run as the machine's root; only ever raised.
# Seven systemds need more than 128 inotify instances, MariaDBs and OSDs more asynchronous I/O than 65536.
_LIMITS = {
    "fs/inotify/max_user_instances": 8192,
    "fs/inotify/max_user_watches": 1048576,
    "fs/aio-max-nr": 1048576,
    "kernel/keys/maxkeys": 2000,
    "vm/max_map_count": 262144,
}


def ensure(progress: Progress) -> None:
    """Install, start and set up what is missing; under a second where nothing is."""
    require_root()
    installed = install.ensure(progress)
    raise_limits()
    if installed and incus.answers():
        # A running daemon looks for its drivers only when it starts.
        _restart()
    if not incus.answers():
        start(progress)
    pool.ensure(progress)


def require_root() -> None:
    """LabError where we are not root."""
    if os.geteuid() != 0:
        raise LabError(
            Problem(
                "the lab needs root: it makes bridges, routes and containers",
                "",
                "sudo -E dicos-site lab ...",
            )
        )


def start(progress: Progress) -> None:
    """Start the daemon, through systemd where that is the init system, and wait until it answers."""
    if not install.INCUSD.exists():
        raise LabError(Problem("Incus is not installed", str(install.INCUSD), "dicos-site lab up"))
    progress("starting the Incus daemon")
    if _systemd():
        _systemctl("start", "incus.service")
    else:
        _clear_dead()
        _spawn()
    _wait()


def processes() -> tuple[int, ...]:
    """Return the process numbers of Incus daemons on this machine; helpers of theirs are not among them."""
    numbers = [entry for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    return tuple(int(entry.name) for entry in numbers if _is_daemon(_command_line(entry)))


def raise_limits() -> None:
    """Raise the kernel limits that a rack of containers shares; a limit that cannot be set is left."""
    for name, value in _LIMITS.items():
        file = Path("/proc/sys") / name
        with suppress(OSError):
            if int(file.read_text()) < value:
                file.write_text(f"{value}\n")


def _systemd() -> bool:
    return Path("/run/systemd/system").is_dir()


def _systemctl(verb: str, unit: str) -> None:
    done = subprocess.run(["systemctl", verb, unit], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise LabError(Problem(f"{unit}: {done.stderr.strip()}", "", f"journalctl -u {unit}"))


def _restart() -> None:
    if _systemd():
        _systemctl("restart", "incus.service")
    else:
        # SIGTERM ends the daemon and leaves its containers running.
        for process in processes():
            os.kill(process, signal.SIGTERM)


def _clear_dead() -> None:
    """End a daemon that runs and does not answer, after a moment in which it may be starting or stopping."""
    end = time.monotonic() + _PATIENCE_S
    while processes() and time.monotonic() < end:
        if incus.answers(timeout_s=2):
            return
        time.sleep(0.3)
    for process in processes():
        os.kill(process, signal.SIGKILL)
    (pool.STATE / "unix.socket").unlink(missing_ok=True)


def _spawn() -> None:
    if processes():
        return
    LOG.parent.mkdir(parents=True, exist_ok=True)
    with LOG.with_suffix(".out").open("ab") as output:
        subprocess.Popen(
            [str(install.INCUSD), "--group", "incus-admin", "--logfile", str(LOG)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd="/",
            # Its own session: the daemon outlives the command, the terminal and a Control-C.
            start_new_session=True,
        )


def _wait() -> None:
    end = time.monotonic() + _START_S
    while not incus.answers():
        if time.monotonic() > end or not (_systemd() or processes()):
            raise LabError(
                Problem(f"the Incus daemon does not start:\n  {_log_end()}", str(LOG), f"see {LOG}")
            )
        time.sleep(0.1)


def _log_end() -> str:
    try:
        return "\n  ".join(LOG.read_text(errors="replace").splitlines()[-5:])
    except OSError:
        return "(no log)"


def _command_line(entry: Path) -> list[str]:
    try:
        return [
            word.decode(errors="replace") for word in (entry / "cmdline").read_bytes().split(b"\0") if word
        ]
    except OSError:
        return []


def _is_daemon(words: list[str]) -> bool:
    """Return whether it is the daemon itself: its helpers have a verb for a first argument."""
    return words[:1] == [str(install.INCUSD)] and all(word.startswith("--") for word in words[1:2])
