"""The long drill: all database members killed 50 times, then again with the setting that may lose."""

import json
import os
import sys

from tests.rack import Rack, execute

ROUNDS = os.environ.get("DRILL_ROUNDS", "50")
ROUNDS_THAT_MAY_LOSE = os.environ.get("DRILL_ROUNDS_THAT_MAY_LOSE", "10")


def test_no_acknowledged_write_is_lost_however_often_all_members_are_killed(rack: Rack) -> None:
    report = _drill(rack, ROUNDS, "1")
    assert report["lost"] == 0


def test_the_drill_can_lose(rack: Rack) -> None:
    report = _drill(rack, ROUNDS_THAT_MAY_LOSE, "0")
    assert report["lost"] > 0, (
        "with innodb_flush_log_at_trx_commit=0 a loss was expected: is the drill blind?"
    )


def _drill(rack: Rack, rounds: str, flush: str) -> dict[str, int]:
    command = [
        sys.executable,
        "-m",
        "dicos_site.drill",
        str(rack.folder),
        "--rounds",
        rounds,
        "--flush",
        flush,
    ]
    outcome = execute(command, timeout_s=90 * int(rounds) + 300)
    print(outcome.stdout)
    assert outcome.stdout, str(outcome)
    report: dict[str, int] = json.loads(outcome.stdout)
    return report
