"""State of all members → which one brings the cluster back, or why none may. Pure; shipped to the hosts."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

NO_UUID = "00000000-0000-0000-0000-000000000000"

Action = Literal["join", "bootstrap", "create", "refuse"]


@dataclass(frozen=True)
class MemberState:
    """What is known of one member.

    `uuid` and `seqno` are its position: what it has applied; None where it cannot be told. `settled` is false
    while a running member still applies what it has received. `known_uuid` is the cluster it was last Synced
    with: written outside of the data directory, it outlives the data. `empty`: no data of any cluster.
    """

    name: str
    reachable: bool = True
    running: bool = False
    primary: bool = False
    uuid: str = ""
    seqno: int | None = None
    safe_to_bootstrap: bool = False
    interrupted_sst: bool = False
    empty: bool = False
    known_uuid: str = ""
    settled: bool = True
    held_by: str = ""


@dataclass(frozen=True)
class Verdict:
    """What the election made of one member; a `doubt` is the reason why it stands in the way."""

    name: str
    position: str
    finding: str
    doubt: str = ""


@dataclass(frozen=True)
class Decision:
    """What to do: `join` a cluster, `bootstrap` it from `member`, `create` a new one there, or `refuse`."""

    action: Action
    member: str
    reason: str
    verdicts: tuple[Verdict, ...]

    @property
    def doubts(self) -> tuple[str, ...]:
        """Return every reason that stands in the way, one a member."""
        return tuple(f"{verdict.name}: {verdict.doubt}" for verdict in self.verdicts if verdict.doubt)


def elect(members: Sequence[MemberState], accept_loss: Collection[str] = ()) -> Decision:
    """Return what brings the cluster back without losing a write that a client was told is safe.

    `members` are all members of the site, in its order. `accept_loss` names those whose data may be given up;
    they have no vote and cannot be elected.
    """
    counted = [member for member in members if member.name not in accept_loss]
    primaries = [member for member in counted if member.primary]
    uuid = _cluster_uuid(primaries or counted)
    verdicts = tuple(_verdict(member, uuid, accept_loss, bool(primaries)) for member in members)
    if primaries:
        return _join(primaries, verdicts)
    if any(verdict.doubt for verdict in verdicts):
        return Decision("refuse", "", "it cannot be known which copy is the newest", verdicts)
    holders = [member for member in counted if not member.empty]
    if holders:
        newest = max(holders, key=lambda member: _rank(member, members))
        reason = f"{newest.name} is the newest of all members: position {_position(newest)}"
        return Decision("bootstrap", newest.name, reason, _mark(verdicts, newest.name))
    if len(counted) < len(members) or not counted:
        return Decision("refuse", "", "no member with data is left", verdicts)
    return Decision(
        "create", counted[0].name, "no member has ever held data", _mark(verdicts, counted[0].name)
    )


def table(decision: Decision) -> str:
    """Return the decision as text: one line a member, then the reason."""
    rows = [("member", "position", "finding"), *_rows(decision)]
    widths = [max(len(row[column]) for row in rows) for column in range(2)]
    lines = [f"{name:<{widths[0]}}  {position:<{widths[1]}}  {finding}" for name, position, finding in rows]
    return "\n".join([*lines, f"{decision.action}: {decision.reason}"])


def _rows(decision: Decision) -> list[tuple[str, str, str]]:
    return [
        (verdict.name, verdict.position, verdict.doubt or verdict.finding) for verdict in decision.verdicts
    ]


def _cluster_uuid(members: Sequence[MemberState]) -> str:
    """Return the one UUID that these members agree on, or nothing where they do not."""
    uuids = {uuid for member in members for uuid in (_real(member.uuid), _real(member.known_uuid)) if uuid}
    return uuids.pop() if len(uuids) == 1 else ""


def _real(uuid: str) -> str:
    return "" if uuid == NO_UUID else uuid


def _position(member: MemberState) -> str:
    if not member.reachable or not _real(member.uuid):
        return "-"
    return f"{member.uuid}:{'?' if member.seqno is None else member.seqno}"


def _verdict(member: MemberState, uuid: str, accept_loss: Collection[str], primary_present: bool) -> Verdict:
    if member.name in accept_loss:
        return Verdict(member.name, _position(member), "given up: its data is not counted")
    finding = _finding(member)
    doubt = _doubt_when_joining(member, uuid) if primary_present else _doubt(member, uuid)
    return Verdict(member.name, _position(member), finding, doubt)


def _finding(member: MemberState) -> str:
    if not member.reachable:
        return "not reachable"
    if member.primary:
        return "in a primary component"
    if member.empty:
        return "empty, never a member" if not member.known_uuid else "its data is gone"
    return "running, without a primary component" if member.running else "stopped"


def _doubt(member: MemberState, uuid: str) -> str:
    """Return why this member makes it impossible to know the newest copy, or nothing."""
    if not member.reachable:
        return "not reachable: it may hold newer data"
    if member.held_by:
        return f"held by {member.held_by}"
    if member.interrupted_sst:
        return "a state transfer to it was cut off: what it holds is not a copy"
    if member.empty:
        return "its data is gone: it may have held the newest" if member.known_uuid else ""
    if not _real(member.uuid) or member.seqno is None or member.seqno < 0:
        return "its position is unknown"
    if not member.settled:
        return "still applies what it has received"
    return "" if uuid else "its UUID is not that of every other member"


def _doubt_when_joining(member: MemberState, uuid: str) -> str:
    if not uuid:
        return "two clusters are there: their UUIDs differ" if member.primary else ""
    foreign = member.reachable and not member.empty and not member.interrupted_sst
    if foreign and _real(member.uuid) and member.uuid != uuid:
        return "holds data of another cluster, which joining would overwrite"
    return ""


def _join(primaries: Sequence[MemberState], verdicts: tuple[Verdict, ...]) -> Decision:
    if any(verdict.doubt for verdict in verdicts):
        return Decision("refuse", "", "a member would lose data that is nowhere else", verdicts)
    return Decision("join", primaries[0].name, f"{primaries[0].name} is in a primary component", verdicts)


def _rank(member: MemberState, members: Sequence[MemberState]) -> tuple[int, bool, int]:
    """Return what is compared: the seqno decides; the rest makes every onlooker choose the same of equals."""
    return (-1 if member.seqno is None else member.seqno, member.safe_to_bootstrap, -members.index(member))


def _mark(verdicts: tuple[Verdict, ...], elected: str) -> tuple[Verdict, ...]:
    return tuple(
        Verdict(verdict.name, verdict.position, f"{verdict.finding}, elected")
        if verdict.name == elected
        else verdict
        for verdict in verdicts
    )
