"""The election, on every state that has ever lost a database."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicos_site.galera.election import NO_UUID, MemberState, elect, table

UUID = "c7110000-0000-11f0-8000-000000000001"
OTHER = "beef0000-0000-11f0-8000-000000000002"


def member(name: str, seqno: int | None = 7, **changes: object) -> MemberState:
    return replace(MemberState(name, uuid=UUID, seqno=seqno, known_uuid=UUID), **changes)  # type: ignore[arg-type]


def fresh(name: str) -> MemberState:
    return MemberState(name, empty=True)


def test_the_newest_member_is_elected() -> None:
    decision = elect([member("ctl1", 7), member("ctl2", 9), member("ctl3", 8)])
    assert (decision.action, decision.member) == ("bootstrap", "ctl2")


def test_seqno_beats_safe_to_bootstrap() -> None:
    decision = elect([member("ctl1", 7, safe_to_bootstrap=True), member("ctl2", 9)])
    assert decision.member == "ctl2"


def test_seqnos_are_compared_as_numbers() -> None:
    assert elect([member("ctl1", 9), member("ctl2", 10)]).member == "ctl2"


def test_of_equals_the_safe_one_is_elected_then_the_first() -> None:
    assert elect([member("ctl1"), member("ctl2", safe_to_bootstrap=True)]).member == "ctl2"
    assert elect([member("ctl1"), member("ctl2")]).member == "ctl1"


def test_a_primary_component_is_joined_and_never_bootstrapped() -> None:
    decision = elect(
        [member("ctl1", None, running=True), member("ctl2", primary=True), member("ctl3", reachable=False)]
    )
    assert (decision.action, decision.member) == ("join", "ctl2")


def test_fresh_hosts_get_a_new_cluster_on_the_first_of_them() -> None:
    decision = elect([fresh("ctl1"), fresh("ctl2"), fresh("ctl3")])
    assert (decision.action, decision.member) == ("create", "ctl1")


def test_a_fresh_member_beside_members_with_data_does_not_stand_in_the_way() -> None:
    assert elect([fresh("ctl1"), member("ctl2"), member("ctl3", 9)]).member == "ctl3"


@pytest.mark.parametrize(
    ("state", "doubt"),
    [
        (member("ctl1", reachable=False), "not reachable: it may hold newer data"),
        (
            member("ctl1", interrupted_sst=True),
            "a state transfer to it was cut off: what it holds is not a copy",
        ),
        (member("ctl1", None, uuid="", empty=True), "its data is gone: it may have held the newest"),
        (member("ctl1", None), "its position is unknown"),
        (member("ctl1", -1), "its position is unknown"),
        (member("ctl1", 99, uuid=NO_UUID), "its position is unknown"),
        (member("ctl1", settled=False, running=True), "still applies what it has received"),
        (member("ctl1", held_by="admin"), "held by admin"),
        (member("ctl1", uuid=OTHER), "its UUID is not that of every other member"),
        (member("ctl1", known_uuid=OTHER), "its UUID is not that of every other member"),
    ],
)
def test_one_member_in_doubt_stops_the_election_until_its_loss_is_accepted(
    state: MemberState, doubt: str
) -> None:
    members = [state, member("ctl2", 8), member("ctl3", 9)]
    assert f"ctl1: {doubt}" in elect(members).doubts
    assert elect(members).action == "refuse"
    assert (elect(members, {"ctl1"}).action, elect(members, {"ctl1"}).member) == ("bootstrap", "ctl3")


def test_a_site_whose_data_is_all_gone_is_not_recovered_into_an_empty_state() -> None:
    gone = [member(name, None, uuid="", empty=True) for name in ("ctl1", "ctl2", "ctl3")]
    assert elect(gone).action == "refuse"
    assert elect(gone, {"ctl1", "ctl2", "ctl3"}).reason == "no member with data is left"
    assert elect([*gone[:2], fresh("ctl3")], {"ctl1", "ctl2"}).action == "refuse"


def test_two_clusters_are_never_joined() -> None:
    members = [member("ctl1", primary=True), member("ctl2", primary=True, uuid=OTHER, known_uuid=OTHER)]
    assert elect(members).action == "refuse"


def test_a_member_with_data_of_another_cluster_is_not_overwritten_by_joining() -> None:
    members = [member("ctl1", primary=True), member("ctl2", uuid=OTHER)]
    assert elect(members).doubts == ("ctl2: holds data of another cluster, which joining would overwrite",)
    assert elect(members, {"ctl2"}).action == "join"


def test_the_table_names_every_member_and_the_reason() -> None:
    assert table(elect([member("ctl1", 7), member("ctl2", reachable=False)])) == (
        "member  position                                finding\n"
        f"ctl1    {UUID}:7  stopped\n"
        "ctl2    -                                       not reachable: it may hold newer data\n"
        "refuse: it cannot be known which copy is the newest"
    )


_states = st.builds(
    MemberState,
    name=st.just(""),
    reachable=st.booleans(),
    running=st.booleans(),
    primary=st.booleans(),
    uuid=st.sampled_from(["", NO_UUID, UUID, OTHER]),
    seqno=st.one_of(st.none(), st.integers(-1, 20)),
    safe_to_bootstrap=st.booleans(),
    interrupted_sst=st.booleans(),
    empty=st.booleans(),
    known_uuid=st.sampled_from(["", UUID, OTHER]),
)
_racks = st.lists(_states, min_size=1, max_size=3).map(
    lambda states: [replace(state, name=f"ctl{index}") for index, state in enumerate(states)]
)


@given(_racks)
def test_whatever_the_state_only_the_newest_whole_copy_of_all_known_members_is_bootstrapped(
    members: list[MemberState],
) -> None:
    decision = elect(members)
    if decision.action != "bootstrap":
        return
    elected = next(state for state in members if state.name == decision.member)
    holders = [state for state in members if not state.empty]
    assert not any(state.primary for state in members)
    assert all(state.reachable and not state.interrupted_sst for state in members)
    assert {state.uuid for state in holders} == {elected.uuid}
    assert elected.uuid not in ("", NO_UUID)
    assert elected.seqno == max(state.seqno or 0 for state in holders)
    assert not elected.empty
    assert elected.seqno >= 0
