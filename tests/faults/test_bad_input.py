"""Bad input: each has its own message with the fix and its exit code, and nothing is changed on any host.

The clock of a container cannot be set: for that test the host's Python tells a time that is 30 s ahead.
"""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dicos_site import places, secrets
from dicos_site.errors import Problem
from dicos_site.remote import Remote
from tests.rack import Outcome, Rack, execute

# Every file of /etc with its time, and the process of every service: what a deployment would change.
SERVICES = "ssh chrony systemd-journald haproxy keepalived mariadb rabbitmq-server memcached slapd"
FINGERPRINT = (
    "find /etc /usr/local -xdev -type f -printf '%p %T@ %s\\n' | sort;"
    f" systemctl show -p Id -p MainPID {SERVICES}; nft list ruleset | sha256sum"
)
SKEW = "/usr/local/lib/python3.13/dist-packages/skew.pth"
STRANGER = "squatter"
USER = "visitor"


@pytest.fixture
def node(rack: Rack) -> str:
    return rack.hosts("node")[-1]


@pytest.fixture
def copy(rack: Rack, tmp_path: Path) -> Callable[[str, str], Rack]:
    """Return a function that gives the same rack with another text in its rack.yml, its secrets beside it."""

    def changed(old: str, new: str) -> Rack:
        folder = tmp_path / "copy"
        shutil.copytree(rack.folder, folder, ignore=shutil.ignore_patterns("*.log"))
        text = (folder / places.RACK_FILE).read_text()
        assert old in text
        (folder / places.RACK_FILE).write_text(text.replace(old, new, 1))
        return Rack(folder, rack.site)

    return changed


def refused(rack: Rack, asked: Rack, code: int) -> Outcome:
    """Deploy, and return what was said, when nothing has changed on any host of the rack."""
    before = fingerprints(rack)
    outcome = asked.run("deploy", "{site}", check=False, timeout_s=180)
    assert outcome.code == code, str(outcome)
    assert "Traceback" not in outcome.stderr
    assert fingerprints(rack) == before
    return outcome


def fingerprints(rack: Rack) -> dict[str, str]:
    """Return what could be changed on each host."""
    with Remote(rack.site) as remote:
        answers = remote.everywhere([host.name for host in rack.site.hosts], FINGERPRINT)
    silent = [answer.what for answer in answers.values() if isinstance(answer, Problem)]
    assert not silent
    return {name: answer.stdout for name, answer in answers.items() if not isinstance(answer, Problem)}


@contextmanager
def done(rack: Rack, host: str, act: str, undo: str) -> Iterator[None]:
    """Do something to a host, and undo it whatever the test says."""
    try:
        result = rack.on(host, act)
        assert result.code == 0, result.stderr
        yield
    finally:
        rack.on(host, undo)


def test_a_wrong_rack_file_is_refused_before_any_host_is_contacted(
    rack: Rack, copy: Callable[[str, str], Rack]
) -> None:
    outcome = refused(rack, copy("kind: hub", "kind: hubb"), 2)
    assert '"hubb"' in outcome.stderr
    assert "fix: " in outcome.stderr


def test_a_missing_vault_password_stops_the_deployment(rack: Rack) -> None:
    password = places.site_home(rack.site) / secrets.PASSWORD_FILE
    aside = password.rename(password.with_suffix(".aside"))
    try:
        outcome = refused(rack, rack, 4)
    finally:
        aside.rename(password)
    assert "the password of the site's secrets cannot be read" in outcome.stderr
    assert f"at:  {password}" in outcome.stderr
    assert "fix: bring it back from your backup" in outcome.stderr


def test_a_wrong_vault_password_stops_the_deployment(rack: Rack) -> None:
    password = places.site_home(rack.site) / secrets.PASSWORD_FILE
    aside = password.rename(password.with_suffix(".aside"))
    try:
        password.write_text("not the one\n")
        outcome = refused(rack, rack, 4)
    finally:
        aside.rename(password)
    assert "the secrets cannot be decrypted" in outcome.stderr


def test_a_host_that_does_not_answer_is_named(rack: Rack, copy: Callable[[str, str], Rack]) -> None:
    free = rack.site.networks.management.cidr[99]
    outcome = refused(rack, copy("hosts:\n", f"hosts:\n  ghost: {{kind: hub, address: {free}}}\n"), 4)
    assert "ghost does not answer: " in outcome.stderr
    assert f"at:  ghost ({free})" in outcome.stderr
    assert "fix: look at it: `dicos-site lab status`" in outcome.stderr


def test_a_host_with_another_system_is_refused(rack: Rack, node: str) -> None:
    save = "cp -L /etc/os-release /run/os-release"
    change = "sed 's/^ID=.*/ID=ubuntu/; s/^VERSION_ID=.*/VERSION_ID=24.04/' /run/os-release > /run/other"
    act = f"{save} && {change} && mount --bind /run/other /usr/lib/os-release"
    with done(rack, node, act, "umount /usr/lib/os-release"):
        outcome = refused(rack, rack, 4)
    assert f"{node} runs ubuntu 24.04, not debian 13" in outcome.stderr
    assert "fix: install Debian 13 (trixie) on it" in outcome.stderr


def test_a_clock_that_is_wrong_is_refused(rack: Rack, node: str) -> None:
    line = "import time; time.time = lambda real=time.time: real() + 30"
    act = f"mkdir -p $(dirname {SKEW}) && echo '{line}' > {SKEW}"
    with done(rack, node, act, f"rm -f {SKEW}"):
        outcome = refused(rack, rack, 4)
    assert f"the clock of {node} is " in outcome.stderr
    assert "s ahead of the controller's (at most 2 s are allowed)" in outcome.stderr


def test_a_port_that_a_stranger_holds_is_named_with_its_unit(rack: Rack, node: str) -> None:
    bind = "s = socket.socket(type=socket.SOCK_DGRAM); s.bind((str(), 123))"
    program = f"import socket, time; {bind}; time.sleep(600)"
    act = f"systemd-run -q --unit={STRANGER} /usr/bin/python3 -c '{program}' && sleep 1"
    with done(rack, node, act, f"systemctl stop {STRANGER}"):
        outcome = refused(rack, rack, 4)
    assert f"port 123/udp of {node} is held by python3 (process " in outcome.stderr
    assert f"fix: stop it: `systemctl disable --now {STRANGER}.service`" in outcome.stderr


def test_a_vip_that_a_stranger_has_is_refused(rack: Rack) -> None:
    vip, gateway = rack.site.networks.management.vip, rack.site.networks.management.gateway
    found = execute(["ip", "-brief", "address", "show", "to", f"{gateway}/32"], 10).stdout.split()
    bridge = found[0]
    try:
        assert execute(["ip", "address", "add", f"{vip}/32", "dev", bridge], 10).code == 0
        outcome = refused(rack, rack, 4)
    finally:
        execute(["ip", "address", "del", f"{vip}/32", "dev", bridge], 10)
        for host in rack.site.hosts:
            rack.on(host.name, f"ip neighbour flush to {vip}")
    assert f"the VIP {vip} is already taken on the network, by " in outcome.stderr
    assert "at:  networks.management.vip" in outcome.stderr


def test_a_host_without_space_is_refused(rack: Rack, node: str) -> None:
    with done(rack, node, "mount -t tmpfs -o size=64m tmpfs /var", "umount -l /var"):
        outcome = refused(rack, rack, 4)
    assert f"{node} has 64 MiB free in /var; a node needs " in outcome.stderr


def test_a_user_who_cannot_become_root_is_refused(rack: Rack, copy: Callable[[str, str], Rack]) -> None:
    act = (
        f"useradd -m {USER} && install -d -o {USER} -m 700 ~{USER}/.ssh"
        f" && install -o {USER} -m 600 ~/.ssh/authorized_keys ~{USER}/.ssh/authorized_keys"
    )
    names = [host.name for host in rack.site.hosts]
    try:
        assert [rack.on(name, act).stderr for name in names] == [""] * len(names)
        outcome = refused(rack, copy("substrate: incus", f"substrate: incus\nssh: {{user: {USER}}}"), 4)
    finally:
        for name in names:
            rack.on(name, f"userdel -rf {USER}")
    for name in names:
        assert f"{USER} cannot become root on {name}" in outcome.stderr


def test_after_all_refusals_the_rack_is_as_it_was(rack: Rack) -> None:
    assert rack.wait_until_healthy(60) == []
