"""Faults of the database under load: what may not be lost, how long writes may wait, who may take them."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from dicos_site import lab
from dicos_site.drill import drill, wait_until_synced
from dicos_site.ledger import Ledger, lost
from dicos_site.remote import Remote
from tests.rack import Rack

pytestmark = pytest.mark.units("mariadb", "galera-guard", "haproxy")

GAP_S = 10
GAP_WITH_FULL_DISK_S = 30
CUT_S = 3
ROUNDS = 5


@pytest.fixture
def remote(healthy: Rack) -> Iterator[Remote]:
    """Yield connections to the green rack."""
    with Remote(healthy.site) as connections:
        yield connections


@pytest.fixture
def ledger(healthy: Rack, remote: Remote, tmp_path: Path) -> Iterator[Ledger]:
    """Yield a load of writes that has begun."""
    with Ledger(healthy.folder, healthy.site, remote, tmp_path / "acknowledged", clients=4) as load:
        load.wait_for_writes(50, 60)
        yield load


def test_a_member_that_is_killed_costs_no_write(healthy: Rack, remote: Remote, ledger: Ledger) -> None:
    bystander = _others(healthy, _writer(ledger))[0]
    gap_s = _kill(healthy, remote, ledger, bystander)
    assert gap_s < GAP_S
    assert len(ledger.writers()) == 1, "the writer lives, and nobody else takes writes"
    assert not any(lost(healthy.site, remote, ledger.acknowledged()).values())


def test_the_writer_that_is_killed_has_one_successor_within_the_bar(
    healthy: Rack, remote: Remote, ledger: Ledger
) -> None:
    gap_s = _kill(healthy, remote, ledger, _writer(ledger))
    assert gap_s < GAP_S
    # The old writer is back and Synced by now: the writes stay where they went.
    assert len(ledger.writers()) == 2
    assert not any(lost(healthy.site, remote, ledger.acknowledged()).values())


def test_a_writer_whose_host_is_gone_has_a_successor_and_no_client_is_left_hanging(
    healthy: Rack, ledger: Ledger
) -> None:
    victim = _writer(ledger)
    start = time.monotonic()
    lab.fault(healthy.site, "stop", victim)
    try:
        ledger.wait_for_writes(50, GAP_WITH_FULL_DISK_S)
        gap_s = ledger.gap_s(start)
        # The load balancers cut what the lost writer still had, also connections that were just being made.
        time.sleep(CUT_S)
        assert [line for line in healthy.unhealthy() if "lead nowhere" in line] == []
    finally:
        lab.fault(healthy.site, "start", victim)
    assert gap_s < GAP_S


def test_all_members_killed_at_once_lose_nothing_and_come_back_by_themselves(healthy: Rack) -> None:
    rounds = drill(healthy.folder, ROUNDS, flush=1)
    assert [result.lost for result in rounds] == [0] * ROUNDS


def test_a_member_whose_data_is_wiped_is_filled_again(healthy: Rack, remote: Remote, ledger: Ledger) -> None:
    victim = _others(healthy, _writer(ledger))[-1]
    remote.run(victim, "systemctl stop mariadb", timeout_s=120)
    lab.fault(healthy.site, "wipe", victim, "/var/lib/mysql")
    remote.run(victim, "systemctl start --no-block mariadb")
    wait_until_synced(healthy.site, remote)
    assert not any(lost(healthy.site, remote, ledger.acknowledged()).values())


def test_a_member_with_a_full_disk_costs_no_write_and_returns(
    healthy: Rack, remote: Remote, ledger: Ledger
) -> None:
    victim = _others(healthy, _writer(ledger))[-1]
    start = time.monotonic()
    lab.fault(healthy.site, "fill-disk", victim)
    try:
        # Galera waits for a member that applies nothing; its guard takes it out within seconds.
        time.sleep(5)
        ledger.wait_for_writes(50, GAP_WITH_FULL_DISK_S)
    finally:
        lab.fault(healthy.site, "free-disk", victim)
    ledger.wait_for_writes(50, GAP_WITH_FULL_DISK_S)
    gap_s = ledger.gap_s(start)
    # The member has to catch up with all that was written without it, on two cores for all three.
    ledger.stop()
    wait_until_synced(healthy.site, remote)
    assert gap_s < GAP_WITH_FULL_DISK_S
    assert not any(lost(healthy.site, remote, ledger.acknowledged()).values())


def _kill(rack: Rack, remote: Remote, ledger: Ledger, member: str) -> float:
    """Kill one member, wait until all are Synced and writes flow, and return the longest gap."""
    start = time.monotonic()
    lab.fault(rack.site, "kill", member, "mariadb")
    wait_until_synced(rack.site, remote)
    ledger.wait_for_writes(50, 60)
    return ledger.gap_s(start)


def _writer(ledger: Ledger) -> str:
    return ledger.writers()[-1]


def _others(rack: Rack, member: str) -> list[str]:
    return [name for name in rack.hosts("controller") if name != member]
