"""Site → its database brought back after a full stop, from the administrator's machine."""

import json
import shlex
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace

from dicos_site.errors import Problem, RecoveryError
from dicos_site.galera.election import NO_UUID, Decision, MemberState, elect, table
from dicos_site.galera.member import OPERATOR, Observation, parse
from dicos_site.model import Site
from dicos_site.placement import hosts_of
from dicos_site.remote import Remote, Result

HOLDER = "recover database"
# Galera restores its last view within 12 s, and a member between two starts shows its position within 5.
PATIENCE_S = 45
ANSWER_S = 1000
SYNC_S = 1800

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Recovery:
    """What was decided, what was done, and how long it took."""

    decision: Decision
    acted: bool
    seconds: float


def recover(
    site: Site, accept_loss: Collection[str], progress: Progress, *, dry_run: bool = False
) -> Recovery:
    """Bring the database back; RecoveryError, and nothing changed, where the newest copy cannot be known."""
    start = time.monotonic()
    _require_members(site, accept_loss)
    with Remote(site) as remote:
        cluster = Cluster(site, remote, frozenset(accept_loss))
        decision = cluster.decide(progress)
        progress(table(decision))
        if decision.action == "refuse":
            raise refusal(decision)
        if dry_run or (decision.action == "join" and cluster.synced()):
            return Recovery(decision, acted=False, seconds=time.monotonic() - start)
        if decision.action == "join":
            cluster.join(progress)
        else:
            decision = cluster.bootstrap(progress)
        cluster.wait_until_synced(progress)
    return Recovery(decision, acted=True, seconds=time.monotonic() - start)


class Cluster:
    """The members of one site, reached over SSH; a member whose loss is accepted may be out of reach."""

    def __init__(self, site: Site, remote: Remote, accept_loss: frozenset[str]) -> None:
        self.names = tuple(host.name for host in hosts_of(site, "mariadb"))
        self.remote = remote
        self.accept_loss = accept_loss

    def observe(self) -> list[Observation]:
        """Return what every member is, in the site's order."""
        answers = self.remote.everywhere(self.names, "galera-guard state", timeout_s=ANSWER_S)
        return [_observation(name, answers[name]) for name in self.names]

    def decide(self, progress: Progress) -> Decision:
        """Return the decision; one that a moment changes, as of a member just starting, is waited for."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            observations = self.observe()
            decision = elect([_willing(each.state) for each in observations], self.accept_loss)
            passing = decision.action == "refuse" and _passing(observations)
            restoring = decision.action == "bootstrap" and _restoring(observations)
            if not (passing or restoring) or time.monotonic() > deadline:
                return decision
            progress("waiting: Galera may restore the last view by itself")
            time.sleep(3)

    def synced(self) -> bool:
        """Return whether every member that answers is Synced."""
        return all(each.synced for each in self.observe() if each.state.reachable)

    def join(self, progress: Progress) -> None:
        """Start the members that are not in the cluster, emptying first those whose loss is accepted."""
        for each in self.observe():
            name = each.state.name
            if not each.state.reachable or each.state.primary:
                continue
            if name in self.accept_loss:
                self._give_up(name, progress)
                self._act(name, "join")
            elif not each.state.running:
                progress(f"{name}: started")
                self._act(name, "start")

    def bootstrap(self, progress: Progress) -> Decision:
        """Stop and hold all members, elect again on what they hold, start the newest, then the others."""
        present = [each.state.name for each in self.observe() if each.state.reachable]
        elected = ""
        try:
            progress(f"{', '.join(present)}: stopped and held")
            fenced = self._fence(present)
            decision = elect(
                [fenced.get(name, _unreachable(name).state) for name in self.names], self.accept_loss
            )
            if decision.action not in ("bootstrap", "create"):
                progress(table(decision))
                raise refusal(decision)
            for name in sorted(self.accept_loss & set(present)):
                self._give_up(name, progress)
            state = fenced[decision.member]
            progress(f"{state.name}: starts the cluster from {state.uuid or NO_UUID}:{state.seqno or 0}")
            self._act(state.name, f"bootstrap --uuid={state.uuid or NO_UUID} --seqno={state.seqno or 0}")
            elected = state.name
        finally:
            # One that was never held refuses, rightly; wait_until_synced tells what does not come.
            verb = "join" if elected else "release"
            others = [name for name in present if name != elected]
            self.remote.everywhere(others, f"galera-guard {verb} --by={shlex.quote(HOLDER)}", timeout_s=60)
        return decision

    def wait_until_synced(self, progress: Progress) -> None:
        """Return once every member that answers is Synced; RecoveryError names those that are not."""
        deadline = time.monotonic() + SYNC_S
        told = ""
        while True:
            observations = self.observe()
            absent = self._absent(observations)
            missing = [
                each.state.name for each in observations if not each.synced and each.state.name not in absent
            ]
            if not missing:
                progress("all members that answer are Synced")
                return
            if time.monotonic() > deadline:
                fix = f"journalctl -u mariadb on {missing[0]}"
                raise RecoveryError(Problem(f"not Synced after {SYNC_S} s: {', '.join(missing)}", "", fix))
            word = f"waiting for {', '.join(missing)}"
            if word != told:
                progress(word)
                told = word
            time.sleep(1)

    def _absent(self, observations: list[Observation]) -> set[str]:
        return {each.state.name for each in observations if not each.state.reachable}

    def _fence(self, names: list[str]) -> dict[str, MemberState]:
        answers = self.remote.everywhere(
            names, f"galera-guard fence --by={shlex.quote(HOLDER)}", timeout_s=ANSWER_S
        )
        failures = [_failure(name, answer) for name, answer in answers.items() if _failed(answer)]
        if failures:
            raise RecoveryError(*failures)
        states = (parse(answer.stdout).state for answer in answers.values() if isinstance(answer, Result))
        return {state.name: replace(state, held_by="") for state in states}

    def _give_up(self, name: str, progress: Progress) -> None:
        self._fence([name])
        kept = json.loads(self._act(name, "set-aside"))["kept"]
        progress(f"{name}: its data is kept in {kept}")

    def _act(self, name: str, verb: str) -> str:
        answer = self.remote.run(name, f"galera-guard {verb} --by={shlex.quote(HOLDER)}", timeout_s=ANSWER_S)
        if answer.code:
            raise RecoveryError(_failure(name, answer))
        return answer.stdout


def refusal(decision: Decision) -> RecoveryError:
    """Return the error of a refused election: one problem a member that stands in the way."""
    problems = [
        Problem(
            doubt, "", f"mend it, or give its data up: recover database --accept-loss {doubt.split(':')[0]}"
        )
        for doubt in decision.doubts
    ]
    fix = "bring a member with data back, or restore a backup"
    return RecoveryError(*(problems or [Problem(decision.reason, "", fix)]))


def _require_members(site: Site, accept_loss: Collection[str]) -> None:
    names = [host.name for host in hosts_of(site, "mariadb")]
    strangers = [name for name in accept_loss if name not in names]
    if strangers:
        problems = (
            Problem(f'"{name}" is no member', "--accept-loss", f"members: {', '.join(names)}")
            for name in strangers
        )
        raise RecoveryError(*problems)


def _observation(name: str, answer: Result | Problem) -> Observation:
    if isinstance(answer, Problem) or answer.code:
        return _unreachable(name)
    return parse(answer.stdout)


def _unreachable(name: str) -> Observation:
    return Observation(MemberState(name, reachable=False), synced=False, may_restore=False)


def _willing(state: MemberState) -> MemberState:
    """Return the state without the hold of an operator who stopped the member: an operator asks now."""
    return replace(state, held_by="") if state.held_by in (OPERATOR, HOLDER) else state


def _passing(observations: list[Observation]) -> bool:
    """Return whether a moment may settle it: a member is starting, applying, or held by a guard at work."""
    states = [each.state for each in observations if each.state.reachable]
    unclear = [
        state for state in states if not state.empty and not state.interrupted_sst and state.seqno is None
    ]
    held = [state for state in states if state.held_by not in ("", OPERATOR, HOLDER)]
    return bool(unclear or held or [state for state in states if not state.settled])


def _restoring(observations: list[Observation]) -> bool:
    """Return whether Galera can still do it alone: every member runs and remembers the last view."""
    return all(each.state.running and each.may_restore for each in observations)


def _failed(answer: Result | Problem) -> bool:
    return isinstance(answer, Problem) or answer.code != 0


def _failure(name: str, answer: Result | Problem) -> Problem:
    if isinstance(answer, Problem):
        return answer
    return Problem(f"{name}: {answer.stderr.strip()}", name, "run `dicos-site recover database` again")
