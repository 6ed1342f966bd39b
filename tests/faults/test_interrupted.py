"""A deployment that is killed at a random moment is run again, and the rack is what it should be."""

import secrets
import signal
import subprocess
import time
from pathlib import Path

from dicos_site import deploy
from tests.rack import DICOS_SITE, PROJECT, Rack

# What a deployment then has to do in both stages, while the rack keeps working.
UNDO = (
    "rm -f /etc/chrony/chrony.conf /etc/memcached.conf /etc/systemd/journald.conf.d/*;"
    " systemctl stop memcached"
)
LATEST_S = 40
# Prints the units that are older than their configuration: a restart was lost.
STALE = r"""
for pair in chrony:/etc/chrony/chrony.conf systemd-journald:/etc/systemd/journald.conf.d/dicos.conf; do
  started=$(date -d "$(systemctl show -P ActiveEnterTimestamp ${pair%%:*})" +%s)
  [ "$(stat -c %Y ${pair#*:})" -le "$started" ] || echo ${pair%%:*}
done
"""
# A killed Ansible must be gone before the next one begins.
GONE_S = 15


# How a run may end before its end: out of the terminal, by the system, or without having a say.
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)


def test_a_deployment_killed_at_random_moments_is_completed_by_the_next(healthy: Rack) -> None:
    rack = healthy
    for host in rack.site.hosts:
        rack.on(host.name, UNDO)
    words = ["deploy", str(rack.folder)]
    for number in SIGNALS:
        moment_s = secrets.SystemRandom().uniform(1, LATEST_S)
        print(f"{number.name} after {moment_s:.1f} s of: {' '.join(words)}")
        code = _killed(rack, words, number, moment_s)
        assert code in (-signal.SIGKILL if number == signal.SIGKILL else 130, 0)
        # A command that is killed cannot clean up: the next one does it instead.
        assert number == signal.SIGKILL or _ansible(rack) == []
        words = ["deploy", str(rack.folder), "--resume"]
    rack.run(*words, timeout_s=900)
    assert _ansible(rack) == []
    assert {host.name: rack.on(host.name, STALE).stdout.strip() for host in rack.site.hosts} == {
        host.name: "" for host in rack.site.hosts
    }
    # --resume begins where the killed run was; what lies before it was done, which a whole run shows.
    assert rack.run("deploy", "{site}", "--json", timeout_s=900).json()["changed"] == 0
    assert rack.unhealthy() == []
    assert deploy.stage_to_resume(rack.site) is None


def _killed(rack: Rack, words: list[str], number: signal.Signals, moment_s: float) -> int:
    """Start a deployment, send it a signal after a while; return its exit code when its Ansible is gone."""
    command = [str(DICOS_SITE), *words]
    with subprocess.Popen(
        command, cwd=PROJECT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            process.wait(moment_s)
        except subprocess.TimeoutExpired:
            process.send_signal(number)
        code = process.wait(60)
    end = time.monotonic() + GONE_S
    while _ansible(rack) and time.monotonic() < end:
        time.sleep(0.2)
    return code


def _ansible(rack: Rack) -> list[str]:
    """Return the processes of Ansible that still work on this rack."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue
        if f"{rack.folder}/rack.yml" in words and any("ansible-playbook" in word for word in words):
            found.append(f"{path.parent.name}: {' '.join(words)}")
    return found
