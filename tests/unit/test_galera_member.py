"""What a guard concludes from what its own server says of the group."""

import pytest

from dicos_site.galera.member import left_for_good

# Of a server whose incremental state transfer lacked a write set: "node restart required", and it stays.
CUT_OFF = {
    "wsrep_cluster_size": "2",
    "wsrep_cluster_status": "non-Primary",
    "wsrep_connected": "ON",
    "wsrep_local_state_comment": "Joining",
}


@pytest.mark.parametrize("state", ["OPERATIONAL", "GATHER", "INSTALL"])
def test_a_server_that_looks_for_the_others_is_left_alone(state: str) -> None:
    assert not left_for_good({**CUT_OFF, "wsrep_evs_state": state})


def test_a_server_that_has_no_group_is_restarted_though_it_says_that_it_is_connected() -> None:
    assert left_for_good(CUT_OFF)


def test_a_server_that_is_not_connected_is_restarted() -> None:
    assert left_for_good({**CUT_OFF, "wsrep_connected": "OFF", "wsrep_evs_state": "CLOSED"})
