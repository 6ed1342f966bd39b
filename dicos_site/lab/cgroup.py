"""A container, seen from this machine: its units' processes and its memory; cgroup v1 and v2."""

from pathlib import Path

_ROOT = Path("/sys/fs/cgroup")


def payload(project: str, host: str) -> str:
    """Return the name of a container's group."""
    return f"lxc.payload.{project}_{host}"


def unit_processes(project: str, host: str, unit: str) -> tuple[int, ...]:
    """Return the process numbers, on this machine, of a unit inside a container; empty where it has none."""
    base = _ROOT / "systemd" if (_ROOT / "systemd").is_dir() else _ROOT
    name = unit if "." in unit else f"{unit}.service"
    groups = (base / payload(project, host)).glob(f"system.slice/**/{name}")
    files = [file for group in groups for file in (group / "cgroup.procs", *group.glob("**/cgroup.procs"))]
    return tuple(sorted({int(line) for file in files for line in _lines(file)}))


def memory_bytes(project: str, host: str) -> int | None:
    """Return what a container holds in memory without the page cache, which the kernel frees on demand."""
    name = payload(project, host)
    old, new = _ROOT / "memory" / name, _ROOT / name
    group, current = (old, "memory.usage_in_bytes") if old.is_dir() else (new, "memory.current")
    prefix = "total_" if old.is_dir() else ""
    lines = _lines(group / current)
    if not lines:
        return None
    values = dict(line.split() for line in _lines(group / "memory.stat"))
    cache = sum(int(values.get(f"{prefix}{kind}", 0)) for kind in ("active_file", "inactive_file"))
    return max(0, int(lines[0]) - cache)


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text().split("\n")[:-1]
    except OSError:
        return []
