"""Ceph: one monitor, disks on two hosts, two copies; each user with the smallest rights."""

import json

from testinfra.host import Host

testinfra_hosts = ["ansible://ceph_mon"]


def test_every_disk_is_an_osd(host: Host) -> None:
    tree = json.loads(host.check_output("ceph osd tree --format json"))
    up = {node["name"] for node in tree["nodes"] if node["type"] == "osd" and node["status"] == "up"}
    assert len(up) == 3, host.run("ceph status").stdout


def test_copies_are_on_different_hosts(host: Host) -> None:
    rules = json.loads(host.check_output("ceph osd crush rule dump replicated_rule --format json"))
    assert [step["type"] for step in rules["steps"] if "type" in step] == ["host"]
    pools = json.loads(host.check_output("ceph osd pool ls detail --format json"))
    assert {pool["size"] for pool in pools} == {2}


def test_nothing_listens_for_the_old_protocol(host: Host) -> None:
    monitors = json.loads(host.check_output("ceph mon dump --format json"))["mons"]
    kinds = {address["type"] for monitor in monitors for address in monitor["public_addrs"]["addrvec"]}
    assert kinds == {"v2"}
    assert not host.socket("tcp://0.0.0.0:6789").is_listening


def test_connections_are_encrypted(host: Host) -> None:
    for option in ("ms_cluster_mode", "ms_service_mode", "ms_client_mode"):
        assert host.check_output(f"ceph config get mon {option}") in ("secure", "crc secure"), option
        running = host.check_output(f"ceph daemon mon.ctl1 config get {option}")
        assert json.loads(running)[option] == "secure"


def test_a_bootstrap_key_can_do_nothing_but_make_its_daemons(host: Host) -> None:
    key = json.loads(host.check_output("ceph auth get client.bootstrap-osd --format json"))[0]
    assert key["caps"] == {"mon": "allow profile bootstrap-osd"}
    words = f"ceph -n client.bootstrap-osd --key {key['key']} osd pool ls"
    assert host.run(words).rc != 0
