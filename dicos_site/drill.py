"""A lab's database, all members killed at once, many times → how many acknowledged writes were lost.

python -m dicos_site.drill --rounds 50 [--flush 0] [SITE]
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from dicos_site import description, lab, places
from dicos_site.errors import SiteError
from dicos_site.galera.recovery import Cluster
from dicos_site.ledger import Ledger, lost
from dicos_site.model import Site
from dicos_site.remote import Remote

LOAD_S = 3
SYNC_S = 180


@dataclass(frozen=True)
class Round:
    """One kill: what was acknowledged before and after it, what is gone, and how long it all took."""

    acknowledged: int
    lost: int
    synced_s: float
    write_gap_s: float


def drill(folder: Path, rounds: int, flush: int) -> list[Round]:
    """Return what each round did to a lab's database; with flush 0 it is meant to lose."""
    site = description.read(folder)
    results = []
    for number in range(1, rounds + 1):
        # A round's own connections: a member's restart must not be hidden by a tunnel that broke.
        with Remote(site) as remote, tempfile.TemporaryDirectory() as place:
            _set_flush(site, remote, flush)
            results.append(_round(folder, site, remote, Path(place) / "acknowledged"))
        sys.stderr.write(f"round {number}: {results[-1]}\n")
    return results


def wait_until_synced(site: Site, remote: Remote, timeout_s: float = SYNC_S) -> float:
    """Return the seconds until every member is Synced; TimeoutError with what they are instead."""
    start = time.monotonic()
    cluster = Cluster(site, remote, frozenset())
    while True:
        observations = cluster.observe()
        if all(each.synced for each in observations):
            return time.monotonic() - start
        if time.monotonic() - start > timeout_s:
            raise TimeoutError(f"not all Synced after {timeout_s:g} s: {observations}")
        time.sleep(0.3)


def _round(folder: Path, site: Site, remote: Remote, file: Path) -> Round:
    with Ledger(folder, site, remote, file) as ledger:
        ledger.wait_for_writes(1, 60)
        time.sleep(LOAD_S)
        killed = time.monotonic()
        lab.fault(site, "kill-all", "", "mariadb")
        synced_s = wait_until_synced(site, remote)
        ledger.wait_for_writes(20, 60)
        gap_s = ledger.gap_s(killed)
    acknowledged = ledger.acknowledged()
    losses = lost(site, remote, acknowledged)
    return Round(len(acknowledged), max(losses.values()), round(synced_s, 1), round(gap_s, 1))


def _set_flush(site: Site, remote: Remote, flush: int) -> None:
    wait_until_synced(site, remote)
    statement = f"SET GLOBAL innodb_flush_log_at_trx_commit = {flush}"
    for name in Cluster(site, remote, frozenset()).names:
        remote.run(name, f"mariadb -e '{statement}'")


def _summary(results: list[Round]) -> dict[str, object]:
    return {
        "rounds": len(results),
        "acknowledged": sum(result.acknowledged for result in results),
        "lost": sum(result.lost for result in results),
        "rounds_that_lost": sum(result.lost > 0 for result in results),
        "synced_s_median": statistics.median(result.synced_s for result in results),
        "synced_s_max": max(result.synced_s for result in results),
        "write_gap_s_median": statistics.median(result.write_gap_s for result in results),
        "write_gap_s_max": max(result.write_gap_s for result in results),
        "each": [asdict(result) for result in results],
    }


def main() -> int:
    """Run the drill and print its report as JSON; 1 where a write was lost that must not be."""
    parser = argparse.ArgumentParser(prog="python -m dicos_site.drill", description=__doc__)
    parser.add_argument("site", nargs="?", default="lab")
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--flush", type=int, choices=[0, 1], default=1)
    given = parser.parse_args()
    try:
        results = drill(places.site_folder(given.site), given.rounds, given.flush)
    except SiteError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    print(json.dumps({"flush": given.flush, **_summary(results)}, indent=2))
    return int(given.flush == 1 and any(result.lost for result in results))


if __name__ == "__main__":
    sys.exit(main())
