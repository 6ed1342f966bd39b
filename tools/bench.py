"""A rack of its own → docs/benchmarks.md: what each thing takes on this machine, the bar beside it.

BENCH_COLD=0 leaves the image cache alone and skips the cold build. BENCH_KEEP=1 leaves the rack afterwards:
`dicos-site lab down .cache/bench-rack` removes it. Nothing else should run meanwhile.
"""

import os
import re
import statistics
from collections.abc import Iterator

from dicos_site import lab
from tests.rack import PROJECT, Rack, execute, new_rack
from tools.bench_database import transactions_per_s
from tools.bench_faults import vip_silence_s, write_silence_s
from tools.benchmark_page import Row, write

FOLDER = PROJECT / ".cache" / "bench-rack"
OWN = {"TW-LAB": "TW-BENCH", "lab.dicos.test": "bench.dicos.test", "10.77.": "10.97.", "10.78.": "10.98."}
REPETITIONS = 3
HEALING_S = 180
BENCH_S = 10


def main() -> None:
    """Measure everything, writing the page after each measurement: a long run may be cut."""
    rows: list[Row] = []
    for row in _measurements():
        print(str(row).rstrip(), flush=True)
        rows.append(row)
        write(rows, REPETITIONS)


def _measurements() -> Iterator[Row]:
    rack = new_rack(FOLDER, OWN)
    if os.environ.get("BENCH_COLD", "1") != "0":
        lab.remove_images()
        command = f"make site SITE={FOLDER.relative_to(PROJECT)}"
        yield Row("make site, cold: no image cache", _make_site(rack), 30 * 60, "s", f"`{command}`")
        rack = new_rack(FOLDER, OWN)
    yield from _site(rack)
    yield from _short_commands(rack)
    yield _memory(rack)
    yield from _storage(rack)
    yield _database(rack)
    yield from _faults(rack)
    if os.environ.get("BENCH_KEEP") != "1":
        rack.run("lab", "down", "{site}")


def _site(rack: Rack) -> Iterator[Row]:
    up = rack.run("lab", "up", "{site}")
    yield Row("rack up, baked images", up.seconds, 60, "s", "`dicos-site lab up`")
    first = rack.run("deploy", "{site}", "--json")
    yield Row("deploy, baked images", first.seconds, 20 * 60, "s", "`dicos-site deploy`")
    for stage, seconds in first.json()["stages"].items():
        yield Row(f"stage {stage}, first time", seconds, None, "s", "`dicos-site deploy --json`")
    verified = rack.run("verify", "{site}", "--json")
    total = up.seconds + first.seconds + verified.seconds
    yield Row("verify, with a tenant's visit", verified.seconds, 180, "s", "`dicos-site verify`")
    yield _tenant(verified.json()["checks"])
    yield Row("make site, baked images: the three", total, 15 * 60, "s", "lab up, deploy, verify")
    second = rack.run("deploy", "{site}", "--json")
    platform_s = sum(second.json()["stages"][stage] for stage in ("preflight", "base", "platform"))
    yield Row("second deploy, up to the platform", platform_s, 45, "s", "`dicos-site deploy --json`")
    yield Row("second deploy, whole", second.seconds, 60, "s", "`dicos-site deploy`")
    yield Row(
        "changed by the second deploy", second.json()["changed"], 0, "tasks", "`dicos-site deploy --json`"
    )


def _tenant(checks: list[dict[str, object]]) -> Row:
    """Return how long a tenant waits for her machine, as the visit's check tells it."""
    said = next(str(one["detail"]) for one in checks if one["code"] == "CLOUD_TENANT")
    found = re.search(r"ping from \S+ after ([0-9.]+) s", said)
    if found is None:
        raise RuntimeError(said)
    return Row(
        "tenant's VM, asked for until it answers",
        float(found[1]),
        45,
        "s",
        "`dicos-site verify`, CLOUD_TENANT",
    )


def _short_commands(rack: Rack) -> Iterator[Row]:
    for words, limit_s in (("validate", 1), ("preflight", 30), ("verify --quick", None), ("status", None)):
        verb, *options = words.split()
        median = statistics.median(rack.run(verb, "{site}", *options).seconds for _ in range(REPETITIONS))
        yield Row(words, median, limit_s, "s", f"`dicos-site {words}`")


def _storage(rack: Rack) -> Iterator[Row]:
    """Measure what Ceph takes and gives, on the disks of this machine and with its network encrypted."""
    host = rack.hosts("controller")[0]
    for mode, words in (("write", "write --no-cleanup"), ("read", "seq")):
        said = rack.on(host, f"rados bench -p volumes {BENCH_S} {words}", timeout_s=BENCH_S + 60).stdout
        found = re.search(r"^Bandwidth \(MB/sec\):\s+([0-9.]+)", said, re.MULTILINE)
        if found is None:
            raise RuntimeError(said)
        command = f"`rados bench -p volumes {BENCH_S} {words}`"
        yield Row(f"Ceph, three copies: {mode}", float(found.group(1)), None, "MB/s", command)
    rack.on(host, "rados -p volumes cleanup", timeout_s=120)


def _database(rack: Rack) -> Row:
    return Row(
        "database through the VIP",
        transactions_per_s(rack),
        None,
        "/s",
        "transactions of `sysbench oltp_read_write`",
    )


def _faults(rack: Rack) -> Iterator[Row]:
    for what, limit_s, measure, how in (
        ("VIP moves", 3, vip_silence_s, "connect to the VIP every 20 ms; `lab fault` stops its holder"),
        ("write gap, writer killed", 10, write_silence_s, "INSERT through the VIP; SIGKILL to its mariadbd"),
    ):
        silences = []
        for _ in range(REPETITIONS):
            if problems := rack.wait_until_healthy(HEALING_S):
                raise RuntimeError("\n".join(problems))
            silences.append(measure(rack))
        yield Row(what, statistics.median(silences), limit_s, "s", how)


def _make_site(rack: Rack) -> float:
    outcome = execute(["make", "site", f"SITE={rack.folder}"], timeout_s=3600)
    if outcome.code != 0:
        raise RuntimeError(str(outcome))
    return outcome.seconds


def _memory(rack: Rack) -> Row:
    used_mib = rack.run("lab", "status", "{site}", "--json").json()["memory_mib"]
    return Row(
        "memory of the seven hosts", used_mib / 1024, 14, "GiB", "`dicos-site lab status`, without page cache"
    )


if __name__ == "__main__":
    main()
