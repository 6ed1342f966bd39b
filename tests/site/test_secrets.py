"""Secrets are on the hosts' disks where a service reads them, and nowhere that somebody else looks."""

import json
import threading
from collections.abc import Mapping
from pathlib import Path
from secrets import token_hex

import pytest

from dicos_site import places, secrets
from dicos_site.remote import Remote
from tests.rack import Rack, execute

# Reads the secrets from its input, so that they are not in its own arguments; prints the names it found.
FIND = """
import json, os, pathlib, subprocess, sys
secrets = {name: value.encode() for name, value in json.load(sys.stdin).items()}
found = set()
def look(where, text):
    found.update(f"{name} in {where}" for name, value in secrets.items() if value in text)
journal = subprocess.run(["journalctl", "-q", "--no-pager", "-o", "cat"], capture_output=True)
look("the journal", journal.stdout)
for top in ("/etc", "/var/log", "/tmp", "/run", "/root"):
    for path in pathlib.Path(top).rglob("*"):
        try:
            if path.is_file() and not path.is_symlink() and path.stat().st_size < 1 << 24:
                world = path.stat().st_mode & 0o004 and all(p.stat().st_mode & 0o001 for p in path.parents)
                if world or top in ("/var/log", "/tmp"):
                    look(path, path.read_bytes())
        except OSError:
            pass
print(json.dumps(sorted(found)))
"""
STOP, DECOY = "/run/dicos-watched", "decoy"
WATCH = """
import json, pathlib, sys, time
secrets = {name: value.encode() for name, value in json.load(sys.stdin).items()}
found, stop = set(), pathlib.Path("STOP")
while not stop.exists():
    for process in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = process.read_bytes()
        except OSError:
            continue
        found.update(name for name, value in secrets.items() if value in line)
    time.sleep(0.1)
print(json.dumps(sorted(found)))
"""


@pytest.fixture
def values(rack: Rack) -> Mapping[str, str]:
    """Return what may not be seen: every secret but the CA's certificate, which is public."""
    known = secrets.load(rack.folder, rack.site)
    return {name: value for name, value in known.items() if name != secrets.CA_CERTIFICATE}


def test_no_secret_is_in_the_inventory(rack: Rack, values: Mapping[str, str]) -> None:
    outcome = execute(["ansible-inventory", "-i", str(rack.folder), "--list"], 60)
    assert outcome.code == 0
    assert _seen(values, outcome.stdout + outcome.stderr) == []


def test_no_secret_is_in_the_logs_of_the_controller(rack: Rack, values: Mapping[str, str]) -> None:
    logs = [path for path in (places.site_home(rack.site) / "logs").rglob("*") if path.is_file()]
    assert logs
    assert [(path, seen) for path in logs if (seen := _seen(values, path.read_text(errors="replace")))] == []


def test_secrets_are_encrypted_and_their_password_is_outside_the_tree(rack: Rack) -> None:
    assert (rack.folder / secrets.SECRETS_FILE).read_text().startswith("$ANSIBLE_VAULT;")
    password = places.site_home(rack.site) / secrets.PASSWORD_FILE
    assert password.stat().st_mode & 0o077 == 0
    assert not password.is_relative_to(places.project_root())


def test_no_secret_is_in_a_journal_or_in_a_file_that_anyone_may_read(
    rack: Rack, values: Mapping[str, str]
) -> None:
    with Remote(rack.site) as remote:
        for host in rack.site.hosts:
            result = remote.run(host.name, f"python3 -c '{FIND}'", timeout_s=60, input=json.dumps(values))
            assert json.loads(result.stdout) == [], host.name


def test_no_secret_is_in_a_process_list_while_the_site_is_deployed(
    rack: Rack, values: Mapping[str, str]
) -> None:
    hosts = rack.hosts("controller")
    watched = dict(values) | {DECOY: token_hex(16)}
    done = threading.Event()
    here: set[str] = set()
    there: dict[str, str] = {}
    watchers = [threading.Thread(target=_watch_here, args=(values, here, done))]
    watchers += [threading.Thread(target=_watch_there, args=(rack, host, watched, there)) for host in hosts]
    for watcher in watchers:
        watcher.start()
    try:
        rack.run("deploy", "{site}", "--only", "platform")
        for host in hosts:  # proves that the watcher sees what is there
            rack.on(host, f"sh -c 'sleep 2; : {watched[DECOY]}'")
    finally:
        done.set()
        for host in hosts:
            rack.on(host, f"touch {STOP}")
        for watcher in watchers:
            watcher.join()
    assert here == set()
    assert {host: json.loads(output) for host, output in there.items()} == {host: [DECOY] for host in hosts}


def _watch_here(values: Mapping[str, str], found: set[str], done: threading.Event) -> None:
    while not done.wait(0.1):
        for process in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                found.update(_seen(values, process.read_bytes().decode(errors="replace")))
            except OSError:
                continue


def _watch_there(rack: Rack, host: str, values: Mapping[str, str], found: dict[str, str]) -> None:
    source = WATCH.replace("STOP", STOP)
    with Remote(rack.site) as remote:
        found[host] = remote.run(
            host, f"rm -f {STOP}; python3 -c '{source}'", timeout_s=900, input=json.dumps(values)
        ).stdout


def _seen(values: Mapping[str, str], text: str) -> list[str]:
    return [name for name, value in values.items() if value in text]
