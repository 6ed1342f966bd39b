"""OpenStack with one controller: its APIs over TLS, its secrets its own, machines on two hosts."""

import json
import os
from pathlib import Path

import pytest
from testinfra.host import Host

from dicos_site import description
from dicos_site.remote import Remote
from dicos_site.verify.context import Context
from dicos_site.verify.visit import Visit

testinfra_hosts = ["ansible://keystone"]
FOLDER = Path(os.environ.get("MOLECULE_SCENARIO_DIRECTORY", "molecule/cloud"))
# Port → what its version document is called.
APIS = {5000: "v3", 8774: "v2.1", 8776: "v3", 8778: "v1.0", 9292: "v2", 9696: "v2.0"}
ANSWER_S = 60


@pytest.mark.parametrize(("port", "version"), APIS.items())
def test_an_api_answers_over_tls_under_the_name_of_its_host(host: Host, port: int, version: str) -> None:
    url = f"https://ctl1.cloud.dicos.test:{port}/"
    said = json.loads(host.check_output(f"curl -sS --cacert /etc/dicos/pki/ca.crt {url}"))
    versions = said["versions"]
    known = versions["values"] if isinstance(versions, dict) else versions
    assert any(one["id"].startswith(version) for one in known), said
    assert host.run(f"curl -sS http://ctl1.cloud.dicos.test:{port}/").rc != 0


@pytest.mark.parametrize(
    "path",
    [
        *("keystone/keystone.conf", "glance/glance-api.conf", "placement/placement.conf"),
        *("cinder/cinder.conf", "nova/nova.conf", "neutron/neutron.conf"),
    ],
)
def test_a_password_is_read_by_its_service_alone(host: Host, path: str) -> None:
    file = host.file(f"/etc/{path}")
    assert file.group == path.split("/", 1)[0]
    assert file.mode & 0o007 == 0


def test_every_host_of_machines_takes_them(host: Host) -> None:
    said = host.check_output("openstack --os-cloud site compute service list -f json --service nova-compute")
    states = {one["Host"]: (one["Status"], one["State"]) for one in json.loads(said)}
    assert states == dict.fromkeys(("node1", "node2"), ("enabled", "up")), said


def test_a_machine_of_a_person_boots_and_answers_from_outside() -> None:
    site = description.read(FOLDER)
    with Remote(site) as remote, Visit(site, Context(site, FOLDER, remote)) as visit:
        steps = visit.run("prepare", "boot")
        assert visit.seconds_until_ping(str(steps["address"]["floating"]), ANSWER_S) < ANSWER_S
        assert visit.run("remove")["left"]["left"] == []
