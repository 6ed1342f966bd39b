"""RabbitMQ: three members with TLS; memcached on each."""

import json

import pytest
from testinfra.host import Host

testinfra_hosts = ["ansible://rabbitmq"]


def test_three_members_are_one_cluster(host: Host) -> None:
    status = json.loads(host.check_output("rabbitmqctl -q cluster_status --formatter json"))
    assert len(status["running_nodes"]) == 3, host.run("journalctl -q -n 40 -u rabbitmq-server").stdout
    assert status["partitions"] == {}


def test_an_administrator_sees_the_queues_of_all_members(host: Host) -> None:
    """The others answer the command itself, on ports of its own: with those closed it waits for ever."""
    host.check_output("rabbitmqctl -q --timeout 30 list_queues -p site name leader members")


def test_new_queues_are_quorum_queues(host: Host) -> None:
    vhosts = host.check_output("rabbitmqctl -q list_vhosts name default_queue_type --formatter json")
    types = {vhost["name"]: vhost["default_queue_type"] for vhost in json.loads(vhosts)}
    assert types["site"] == "quorum"


def test_nobody_can_log_in_as_guest(host: Host) -> None:
    users = json.loads(host.check_output("rabbitmqctl -q list_users --formatter json"))
    assert {user["user"] for user in users} == {"site", "cinder", "neutron", "nova"}


@pytest.mark.parametrize("port", [5671, 11211])
def test_clients_are_served_over_tls_by_the_site_s_authority(host: Host, port: int) -> None:
    name = host.check_output("hostname").split(".")[0] + ".messaging.dicos.test"
    host.check_output(
        f"openssl s_client -connect {name}:{port} -verify_hostname {name} -verify_return_error"
        " -CAfile /etc/dicos/pki/ca.crt </dev/null"
    )
