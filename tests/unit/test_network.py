"""OVN, Open vSwitch and neutron: what is decided from what was read."""

import uuid
from ipaddress import IPv4Address
from types import SimpleNamespace

import pytest

import tests.modules  # noqa: F401  (finds what the modules share)

# isort: split
from ansible.module_utils.host_paths import RefusalError

from dicos_site import description
from dicos_site.variables import host_variables, site_variables
from dicos_site.variables.network import link_local
from plugins.module_utils.ovn_raft import may_create, next_election_ms, parsed, serves
from plugins.modules.open_vswitch import Bridge, Switch, differences
from plugins.modules.open_vswitch import parsed as switch
from plugins.modules.openstack_network import differences as network_differences
from plugins.modules.openstack_network import refuse_other
from tests.unit.racks import EXAMPLE, lab

# A leader after the third member had lost its file and joined again; printed by ovsdb-server 3.5.
STATUS = """af3b
Name: OVN_Northbound
Cluster ID: d3e4 (d3e445dc-825a-4ae0-8797-568736d6675d)
Server ID: 4357 (43577e38-2054-45f9-bcd3-d5e5766c139a)
Address: ssl:127.1.0.1:6643
Status: cluster member
Role: leader
Term: 2
Leader: self
Vote: self

Last Election won: 6018 ms ago
Election timer: 4000
Log: [2, 6]
Connections: <-65ad ->1b64 ->65ad <-af3b
Servers:
    af3b (af3b at ssl:127.1.0.3:6643) next_index=7 match_index=6 last msg 364 ms ago
    4357 (4357 at ssl:127.1.0.1:6643) (self) next_index=3 match_index=6
    1b64 (1b64 at ssl:127.1.0.3:6643) next_index=7 match_index=5 last msg 4859 ms ago
    65ad (65ad at ssl:127.1.0.2:6643) next_index=7 match_index=6 last msg 363 ms ago
"""
ADDRESSES = {f"ssl:127.1.0.{number}:6643" for number in (1, 2, 3)}
JOINING = """65ad
Name: OVN_Northbound
Cluster ID: not yet known
Server ID: 65ad (65ad87fb-b92d-46e8-9c4f-69645a95ea96)
Address: ssl:127.1.0.2:6643
Status: joining cluster
Role: follower
Leader: unknown
Election timer: 1000
Servers:
"""
EMPTY = Switch(external_ids={}, other_config={}, bridges={})


def test_a_server_says_whether_it_leads() -> None:
    found = parsed(STATUS)
    assert (found.member, found.leads, found.has_leader, found.election_ms) == (True, True, True, 4000)


def test_a_server_that_joins_is_no_member_and_knows_no_leader() -> None:
    found = parsed(JOINING)
    assert (found.member, found.has_leader, found.servers) == (False, False, ())


def test_the_member_that_came_back_removes_the_vote_it_had_before() -> None:
    came_back = STATUS.replace("4357 (43577e38-2054-45f9-bcd3-d5e5766c139a)", "af3b (af3b7384)")
    came_back = came_back.replace("Address: ssl:127.1.0.1", "Address: ssl:127.1.0.3")
    assert parsed(came_back).dead(ADDRESSES) == ("1b64",)


def test_the_others_leave_that_to_the_member_itself() -> None:
    assert parsed(STATUS).dead(ADDRESSES) == ()


def test_the_leader_removes_the_vote_of_a_host_that_left_the_rack() -> None:
    assert parsed(STATUS).dead(ADDRESSES - {"ssl:127.1.0.2:6643"}) == ("65ad",)


def test_the_election_timer_at_most_doubles_at_once() -> None:
    assert [next_election_ms(4000, 10000), next_election_ms(8000, 10000)] == [8000, 10000]
    assert next_election_ms(10000, 1000) == 1000


def test_a_cluster_is_made_where_every_member_says_that_it_holds_none() -> None:
    found = {"ctl1": {"nb": "no"}, "ctl2": {"nb": "no"}, "ctl3": {"nb": "joining"}}
    assert may_create("nb", ["ctl2", "ctl3"], found)


def test_no_second_cluster_is_made() -> None:
    found = {"ctl1": {"nb": "no"}, "ctl2": {"nb": "yes"}}
    assert not may_create("nb", ["ctl2", "ctl3"], found)


def test_a_silent_member_may_hold_the_cluster() -> None:
    with pytest.raises(RefusalError) as refusal:
        may_create("sb", ["ctl2", "ctl3"], {"ctl1": {"sb": "no"}, "ctl2": {"sb": "no"}})
    assert str(refusal.value) == (
        "ctl3 did not say whether the sb database is there\n"
        "  at:  OVN\n"
        "  fix: bring them back, or take them out of rack.yml: a second cluster would split the network"
    )


def test_a_server_serves_a_cluster_that_it_knows() -> None:
    dump = '{"data": [[["uuid", "%s"], "OVN_Northbound"], [["set", []], "_Server"]]}'
    assert serves(dump % "d3e445dc-825a-4ae0-8797-568736d6675d", "OVN_Northbound")
    assert not serves(dump % "00000000-0000-0000-0000-000000000000", "OVN_Northbound")
    assert not serves(dump % "d3e445dc-825a-4ae0-8797-568736d6675d", "OVN_Southbound")


def test_a_switch_is_read_with_its_bridges_and_their_ports() -> None:
    lines = [
        '{"data":[[["map",[["system-id","a"]]],["map",[]]]],"headings":["external_ids","other_config"]}',
        '{"data":[["","br0",["uuid","u1"]],["netdev","br1",["set",[["uuid","u2"],["uuid","u3"]]]]]}',
        '{"data":[[["uuid","u1"],"br0"],[["uuid","u2"],"br1"],[["uuid","u3"],"eth1"]]}',
    ]
    assert switch(lines) == Switch(
        external_ids={"system-id": "a"},
        other_config={},
        bridges={
            "br0": Bridge("system", frozenset({"br0"})),
            "br1": Bridge("netdev", frozenset({"br1", "eth1"})),
        },
    )


def test_a_switch_that_is_right_is_left_alone() -> None:
    found = Switch({"system-id": "a", "else": "b"}, {}, {"br1": Bridge("netdev", frozenset({"br1", "eth1"}))})
    bridge = {"name": "br1", "datapath_type": "netdev", "ports": ["eth1"]}
    wanted = {"external_ids": {"system-id": "a"}, "other_config": {"tso": ""}, "bridges": [bridge]}
    assert differences(found, wanted) == []


def test_a_bridge_is_made_with_its_datapath_and_its_port() -> None:
    bridge = {"name": "br1", "datapath_type": "netdev", "ports": ["eth1"]}
    changes = differences(EMPTY, {"external_ids": {}, "other_config": {}, "bridges": [bridge]})
    assert [change.command for change in changes] == [
        ("add-br", "br1"),
        ("set", "Bridge", "br1", "datapath_type=netdev"),
        ("add-port", "br1", "eth1"),
    ]


def test_a_value_with_commas_is_one_value() -> None:
    wanted = {"external_ids": {"ovn-remote": "ssl:a:6642,ssl:b:6642"}, "other_config": {}, "bridges": []}
    (change,) = differences(EMPTY, wanted)
    assert change.command[-1] == 'external_ids:ovn-remote="ssl:a:6642,ssl:b:6642"'


def test_an_empty_value_is_taken_away() -> None:
    found = Switch({"ovn-cms-options": "enable-chassis-as-gw"}, {}, {})
    wanted = {"external_ids": {"ovn-cms-options": ""}, "other_config": {}, "bridges": []}
    (change,) = differences(found, wanted)
    assert change.command == ("remove", "Open_vSwitch", ".", "external_ids", "ovn-cms-options")


def test_only_what_differs_of_a_network_changes() -> None:
    found = SimpleNamespace(is_shared=True, is_router_external=True)
    assert network_differences(found, {"is_shared": False, "is_router_external": True}) == {
        "is_shared": False
    }


def test_the_addresses_of_a_network_in_use_do_not_change() -> None:
    found = SimpleNamespace(cidr="10.78.0.0/24")
    with pytest.raises(RefusalError) as refusal:
        refuse_other(found, {"cidr": "10.79.0.0/24"}, "subnet provider-floating")
    assert str(refusal.value) == (
        "its cidr is 10.78.0.0/24, rack.yml says 10.79.0.0/24\n"
        "  at:  subnet provider-floating\n"
        "  fix: put rack.yml back, or delete it when nobody uses it: "
        "openstack --os-cloud site subnet delete provider-floating"
    )


def test_a_link_local_address_keeps_the_last_two_numbers() -> None:
    assert link_local(IPv4Address("10.77.3.21")) == IPv4Address("169.254.3.21")


def test_hosts_of_a_lab_tunnel_over_the_wire_of_the_provider_network() -> None:
    site = lab()
    options = host_variables(site, site.host("node1"))
    assert options["ovn_controller_encap_address"] == "169.254.0.21"
    assert options["ovn_controller_provider_interface"] == "eth1"
    assert options["ovn_controller_userspace"] is True


def test_real_hosts_tunnel_between_their_own_addresses() -> None:
    site = description.parse(EXAMPLE)
    options = host_variables(site, site.host("cmp1"))
    assert options["ovn_controller_encap_address"] == "192.0.2.31"
    assert options["ovn_controller_provider_interface"] == "enp1s0f1"
    assert options["ovn_controller_userspace"] is False


def test_a_chassis_keeps_its_identity_and_shares_it_with_nobody() -> None:
    site = lab()
    identities = [str(host_variables(lab(), host)["ovn_controller_chassis"]) for host in site.hosts]
    assert len(set(identities)) == len(site.hosts)
    assert identities[0] == host_variables(site, site.hosts[0])["ovn_controller_chassis"]
    assert uuid.UUID(identities[0]).version == 5


def test_the_floating_range_becomes_the_pool_of_the_provider_network() -> None:
    assert site_variables(lab())["neutron_providers"] == [
        {
            "cidr": "10.78.0.0/24",
            "gateway": "10.78.0.1",
            "first": "10.78.0.100",
            "last": "10.78.0.199",
        }
    ]
