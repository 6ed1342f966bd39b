"""Site → Ansible's inventory, pure and through the plugin."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from dicos_site import description, places, secrets
from dicos_site.inventory import inventory
from dicos_site.model import Site
from dicos_site.placement import groups
from tests.unit.racks import EXAMPLE, LAB, changed, lab

DEBUG = ("ansible", "hub1", "-c", "local", "-m", "ansible.builtin.debug", "-a")
ANSIBLE = Path(sys.executable).parent


def variables_of(site: Site) -> Any:
    """Return what every host has, with the places of a test."""
    tree: Any = inventory(site, Path("/site"), Path("/home"))
    return tree["all"]["vars"]


def ansible(command: str, *arguments: str, home: Path) -> subprocess.CompletedProcess[str]:
    """Run a program of Ansible from the project's root."""
    return subprocess.run(
        [ANSIBLE / command, *arguments],
        cwd=places.project_root(),
        env={**os.environ, "DICOS_SITE_HOME": str(home), "ANSIBLE_FORCE_COLOR": "0"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder that is a site."""
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "rack.yml").write_text(LAB)
    return folder


def test_every_group_is_there_even_without_hosts() -> None:
    tree: Any = inventory(lab(), Path("/site"), Path("/home"))
    assert set(tree["all"]["children"]) == set(groups(lab()))
    assert tree["all"]["children"]["storage"] == {"hosts": {}}
    assert list(tree["all"]["hosts"]) == [host.name for host in lab().hosts]


def test_the_lab_is_reached_with_its_own_key_and_known_hosts() -> None:
    variables = variables_of(lab())
    assert variables["ansible_ssh_private_key_file"] == "/home/ssh/id_ed25519"
    assert "-o UserKnownHostsFile='/home/ssh/known_hosts'" in variables["ansible_ssh_common_args"]
    assert "StrictHostKeyChecking=yes" in variables["ansible_ssh_common_args"]


def test_a_real_rack_is_reached_with_the_key_of_rack_yml() -> None:
    variables = variables_of(description.parse(EXAMPLE))
    assert variables["ansible_ssh_private_key_file"] == "~/.ssh/id_ed25519"
    assert "ansible_ssh_common_args" not in variables


def test_a_real_rack_without_a_key_uses_the_agent() -> None:
    site = description.parse(EXAMPLE.replace(", key: ~/.ssh/id_ed25519", ""))
    assert "ansible_ssh_private_key_file" not in variables_of(site)


def test_hosts_are_run_with_debians_python() -> None:
    assert variables_of(lab())["ansible_python_interpreter"] == "/usr/bin/python3"


def test_ansible_reads_rack_yml_and_writes_nothing(folder: Path, tmp_path: Path) -> None:
    done = ansible("ansible-inventory", "-i", str(folder), "--graph", home=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "  |--@mariadb:\n  |  |--ctl1\n  |  |--ctl2\n  |  |--ctl3\n" in done.stdout
    assert done.stderr == ""
    assert [file.name for file in folder.iterdir()] == ["rack.yml"]


def test_no_secret_is_in_the_listed_inventory(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DICOS_SITE_HOME", str(tmp_path))
    secrets.ensure(folder, lab())
    done = ansible("ansible-inventory", "-i", str(folder), "--list", home=tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["mariadb"]["hosts"] == ["ctl1", "ctl2", "ctl3"]
    values = secrets.load(folder, lab()).values()
    assert [value for value in values if value.strip() in done.stdout] == []


def test_a_task_gets_a_secret_when_it_asks(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DICOS_SITE_HOME", str(tmp_path))
    secrets.ensure(folder, lab())
    message = "msg={{ ldap_admin_password|hash }}={{ mariadb_databases[0].password|length }}"
    done = ansible(*DEBUG, message, "-i", str(folder), home=tmp_path)
    digest = hashlib.sha1(
        secrets.load(folder, lab())["ldap_admin"].encode(), usedforsecurity=False
    ).hexdigest()
    assert f"{digest}=32" in done.stdout, done.stdout + done.stderr


def test_a_task_that_asks_before_secrets_are_made_is_told_so(folder: Path, tmp_path: Path) -> None:
    done = ansible(*DEBUG, "msg={{ldap_admin_password}}", "-i", str(folder), home=tmp_path)
    assert "the site has no secrets yet" in done.stdout + done.stderr


def test_a_wrong_rack_yml_is_reported_with_every_problem(folder: Path, tmp_path: Path) -> None:
    (folder / "rack.yml").write_text(changed(("kind: hub", "kind: hubs"), ("share: 60", "share: 0")))
    done = ansible("ansible-inventory", "-i", str(folder), "--graph", home=tmp_path)
    assert done.returncode != 0
    assert '"hubs" is not a kind of host' in done.stderr
    assert "hosts.hub1.kind, line 16" in done.stderr
    assert '0 is out of range for "share"' in done.stderr
    assert "Traceback" not in done.stderr
