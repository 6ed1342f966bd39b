"""The ways in which other tools lost a database when they brought it back, each tried on real members.

All members are stopped once, one after the other under load, so that ctl3 alone has the last writes. Each
test then spoils one thing, asks `recover database --dry-run` and mends it; the last bring the database back.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dicos_site import lab
from dicos_site.drill import wait_until_synced
from dicos_site.ledger import Ledger, lost
from dicos_site.remote import Remote
from tests.rack import Outcome, Rack, execute

pytestmark = pytest.mark.units("mariadb", "galera-guard")

DATA = "/var/lib/mysql"
SAVE, MEND = f"cp -p {DATA}/grastate.dat /root/saved", f"cp -p /root/saved {DATA}/grastate.dat"
KNOWN = "/var/lib/dicos/galera-uuid"


@pytest.fixture(scope="module")
def stopped(green_rack: Rack, tmp_path_factory: pytest.TempPathFactory) -> Iterator["Stopped"]:
    """Yield the rack with its members stopped in turn under load: the first is the oldest."""
    file: Path = tmp_path_factory.mktemp("ledger") / "acknowledged"
    with Remote(green_rack.site) as remote:
        members = green_rack.hosts("controller")
        with Ledger(green_rack.folder, green_rack.site, remote, file) as ledger:
            for name in members:
                ledger.wait_for_writes(20, 60)
                remote.run(name, "systemctl stop mariadb", timeout_s=120)
        yield Stopped(green_rack, remote, members, ledger.acknowledged())


class Stopped:
    """A rack whose database is stopped, and what it has acknowledged."""

    def __init__(self, rack: Rack, remote: Remote, members: list[str], acknowledged: set[int]) -> None:
        self.rack, self.remote, self.members, self.acknowledged = rack, remote, members, acknowledged
        self.oldest, self.newest = members[0], members[-1]

    def asked(self, *options: str) -> Outcome:
        """Return the answer of a recovery that is only asked what it would do."""
        return self.rack.run("recover", "database", "{site}", "--dry-run", "--json", *options, check=False)

    def elected(self, *options: str) -> str:
        """Return the member that it would start from."""
        outcome = self.asked(*options)
        assert outcome.code == 0, str(outcome)
        return str(outcome.json()["decision"]["member"])

    def refused(self) -> str:
        """Return why it would not start from any."""
        outcome = self.asked()
        assert outcome.code == 5, str(outcome)
        return outcome.stderr

    @contextmanager
    def spoiled(self, member: str, spoil: str, mend: str) -> Iterator[None]:
        """Run a command on a member before, and one after, that undoes it."""
        result = self.remote.run(member, spoil)
        assert result.code == 0, result.stderr
        try:
            yield
        finally:
            self.remote.run(member, mend)


def test_the_newest_member_is_elected_not_the_first_nor_the_one_marked_safe(stopped: Stopped) -> None:
    """apecloud/kubeblocks-addons#2996: the older member was elected over the newer."""
    mark = f"{SAVE}; sed -i 's/^safe_to_bootstrap:.*/safe_to_bootstrap: 1/' {DATA}/grastate.dat"
    with stopped.spoiled(stopped.oldest, mark, MEND):
        assert stopped.elected() == stopped.newest


@pytest.mark.parametrize("position", ["s/^seqno:.*/seqno: -1/", "/^seqno:/d"])
def test_a_position_that_grastate_does_not_tell_is_read_from_innodb(stopped: Stopped, position: str) -> None:
    """ClusterLabs/resource-agents#1547, #915: the position is -1 or missing in grastate.dat."""
    spoil = f"{SAVE}; sed -i '{position}' {DATA}/grastate.dat"
    with stopped.spoiled(stopped.newest, spoil, MEND):
        assert stopped.elected() == stopped.newest


def test_a_position_that_the_server_logs_elsewhere_is_found(stopped: Stopped) -> None:
    """kolla LP#1821173: the position was looked for in a log that does not have it."""
    elsewhere = "/etc/mysql/mariadb.conf.d/99-test.cnf"
    forget = "rm -f /run/dicos-galera/position.json"
    spoil = f"printf '[mysqld]\\nlog_error=/var/log/mysql/elsewhere.log\\n' > {elsewhere}; {forget}"
    with stopped.spoiled(stopped.newest, spoil, f"rm {elsewhere}"):
        assert stopped.elected() == stopped.newest


def test_a_member_whose_state_transfer_was_cut_off_is_never_elected(stopped: Stopped) -> None:
    """mariadb-operator#1108: the cluster was started from an aborted copy, and all databases were gone."""
    with stopped.spoiled(stopped.newest, f"touch {DATA}/sst_in_progress", f"rm {DATA}/sst_in_progress"):
        assert f"{stopped.newest}: a state transfer to it was cut off" in stopped.refused()
        assert stopped.elected("--accept-loss", stopped.newest) == stopped.members[1]


def test_an_empty_member_is_never_elected_and_not_passed_over_in_silence(stopped: Stopped) -> None:
    """mariadb-operator#1701: the cluster was "recovered" into an empty state."""
    spoil = f"mv {DATA} {DATA}.kept && install -d -o mysql -g mysql {DATA}"
    with stopped.spoiled(stopped.newest, spoil, f"rm -rf {DATA} && mv {DATA}.kept {DATA}"):
        assert f"{stopped.newest}: its data is gone: it may have held the newest" in stopped.refused()


def test_a_member_of_another_cluster_stops_the_recovery(stopped: Stopped) -> None:
    """kolla compares seqnos without their UUIDs, which says nothing (kolla LP#1907658's neighbourhood)."""
    other = "11111111-2222-11f0-8000-333333333333"
    spoil = f"cp {KNOWN} /root/known; echo {other} > {KNOWN}"
    with stopped.spoiled(stopped.oldest, spoil, f"cp /root/known {KNOWN}"):
        assert "its UUID is not that of every other member" in stopped.refused()


def test_a_member_out_of_reach_stops_the_recovery(stopped: Stopped) -> None:
    """A member that cannot be asked may hold the newest data."""
    lab.fault(stopped.rack.site, "stop", stopped.newest)
    try:
        assert f"{stopped.newest}: not reachable" in stopped.refused()
    finally:
        lab.fault(stopped.rack.site, "start", stopped.newest)
        # Stopped before it ran, it would be one that its guard has to start; a mariadbd that only reads the
        # position is not the unit's main process.
        runs = '[ "$(systemctl show -P MainPID mariadb)" != 0 ]'
        wait = f"for second in $(seq 120); do {runs} && break; sleep 1; done"
        stopped.rack.on(stopped.newest, f"{wait}; systemctl stop mariadb", timeout_s=240)


def test_a_refusal_changes_nothing_and_a_recovery_brings_every_write_back(stopped: Stopped) -> None:
    """After all that was tried above, the data is whole and one command starts it."""
    # A guard that reads the position of its member runs mariadbd too, for a second, but not to serve.
    serving = "pgrep -ax mariadbd | grep -v wsrep-recover"
    for name in stopped.members:
        found = stopped.rack.on(name, f"systemctl is-active mariadb; {serving}").stdout.split()
        assert found in (["inactive"], ["failed"]), f"{name} was started by a question"
    outcome = stopped.rack.run("recover", "database", "{site}", "--json", timeout_s=300)
    assert outcome.json()["decision"]["member"] == stopped.newest
    with Remote(stopped.rack.site) as remote:
        assert not any(lost(stopped.rack.site, remote, stopped.acknowledged).values())


def test_after_an_orderly_stop_of_all_members_the_guards_bring_the_database_back(healthy: Rack) -> None:
    """Galera alone does not: no member is left that remembers the last view."""
    with Remote(healthy.site) as remote:
        remote.everywhere(healthy.hosts("controller"), "systemctl stop mariadb", timeout_s=120)
        remote.everywhere(healthy.hosts("controller"), "systemctl start --no-block mariadb")
        assert wait_until_synced(healthy.site, remote) < 120


def test_a_run_limited_to_one_host_writes_the_addresses_of_all_members(healthy: Rack) -> None:
    """kolla LP#1947589: such a run wrote the address of that host alone, and split the cluster."""
    member = healthy.hosts("controller")[0]
    role = ["-m", "ansible.builtin.include_role", "-a", "name=mariadb", "--check", "--diff"]
    command = ["ansible", "-i", str(healthy.folder), member, *role]
    outcome = execute(command, timeout_s=300)
    assert outcome.code == 0, str(outcome)
    assert "wsrep-cluster-address" not in outcome.stdout, "a change is wanted: " + str(outcome)
    written = healthy.on(member, "grep wsrep-cluster-address /etc/mysql/mariadb.conf.d/90-dicos.cnf").stdout
    addresses = [str(host.address) for host in healthy.site.hosts if host.kind == "controller"]
    assert written.strip() == f"wsrep-cluster-address = gcomm://{','.join(addresses)}"
