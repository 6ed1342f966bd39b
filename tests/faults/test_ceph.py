"""An OSD, a storage host, a monitor are lost: data is read and written all the time, and whole after."""

import json
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from dicos_site.remote import Remote
from tests.rack import Rack

# A client waits until its OSD is known to be gone, 20 s after it was last heard; then another serves it.
GAP_S = 60
CLEAN_S = 300
# Writes and reads objects for some seconds; says how many were wrong, and how long one took at the most.
CLIENT = """
import json, rados, sys, time
end, count, wrong, longest = time.monotonic() + float(sys.argv[1]), 0, 0, 0.0
with rados.Rados(conffile="/etc/ceph/ceph.conf") as cluster, cluster.open_ioctx("volumes") as pool:
    while time.monotonic() < end:
        began, name, content = time.monotonic(), f"dicos-fault-{count % 64}", str(count).encode() * 512
        pool.write_full(name, content)
        wrong += pool.read(name, len(content) + 1) != content
        count += 1
        longest = max(longest, time.monotonic() - began)
        time.sleep(0.05)
    for number in range(min(count, 64)):
        pool.remove_object(f"dicos-fault-{number}")
print(json.dumps({"count": count, "wrong": wrong, "longest_s": round(longest, 1)}))
"""
LOAD_S = 45
Answer = dict[str, float]


@pytest.mark.units("ceph-osd@*", "ceph-mon@*")
def test_an_osd_that_is_killed_stops_no_client(healthy: Rack) -> None:
    victim = healthy.hosts("node")[0]
    with load(healthy) as answer:
        unit = healthy.on(victim, "systemctl list-units --plain --no-legend 'ceph-osd@*' | head -n 1").stdout
        healthy.run("lab", "fault", "kill", victim, unit.split()[0], "--site", "{site}")
    assert_served(answer.result())
    assert healthy.wait_until_healthy(CLEAN_S) == []


@pytest.mark.units("ceph-osd@*", "ceph-mon@*")
def test_a_storage_host_that_is_stopped_stops_no_client_and_catches_up(healthy: Rack) -> None:
    victim = healthy.hosts("node")[-1]
    with load(healthy) as answer:
        healthy.run("lab", "fault", "stop", victim, "--site", "{site}")
    try:
        assert_served(answer.result())
    finally:
        healthy.run("lab", "fault", "start", victim, "--site", "{site}")
    assert healthy.wait_until_healthy(CLEAN_S) == []


@pytest.mark.units("ceph-mon@*")
def test_a_monitor_that_is_lost_is_not_missed(healthy: Rack) -> None:
    victim = healthy.hosts("controller")[-1]
    with load(healthy) as answer:
        healthy.on(victim, f"systemctl stop ceph-mon@{victim}")
    try:
        assert_served(answer.result())
        assert any(problem.startswith("CEPH_QUORUM") for problem in healthy.unhealthy())
    finally:
        healthy.on(victim, f"systemctl start ceph-mon@{victim}")
    assert healthy.wait_until_healthy(CLEAN_S) == []


@contextmanager
def load(rack: Rack) -> Iterator["Future[Answer]"]:
    """Yield the answer to come of a client on the first controller that has begun."""
    with Remote(rack.site) as remote, ThreadPoolExecutor(1) as pool:

        def client() -> Answer:
            first = rack.hosts("controller")[0]
            result = remote.script(first, CLIENT, str(LOAD_S), timeout_s=LOAD_S + GAP_S)
            assert result.code == 0, result.stderr
            answer: Answer = json.loads(result.stdout)
            return answer

        answer = pool.submit(client)
        time.sleep(3)
        yield answer


def assert_served(answer: Answer) -> None:
    """Fail where a client read something else than it wrote, or waited for too long."""
    assert answer["count"] > 0
    assert answer["wrong"] == 0
    assert answer["longest_s"] < GAP_S
