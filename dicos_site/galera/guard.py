"""The guard of one member: brings the cluster back after a full stop, with all other guards or not at all.

Shipped to the hosts as it is, and run there as `galera-guard`. It never acts while any member is in a primary
component, out of reach or held; it stops every member before it starts the newest, so only one can start.
"""

import argparse
import http.client
import json
import ssl
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from dicos_site.galera import member
from dicos_site.galera.election import NO_UUID, Decision, MemberState, elect, table
from dicos_site.galera.member import MemberError, Observation

PORT = 4569
CERTIFICATE, KEY, AUTHORITY = (f"/etc/dicos/pki/{name}" for name in ("mariadb.crt", "mariadb.key", "ca.crt"))
HEALTHY_INTERVAL_S = 3.0
TROUBLED_INTERVAL_S = 2.0
# Galera restores the last view within 12 s of the last member's return (measured); three times that.
RESTORE_S = 40.0
SETTLE_S = 4.0
# Longer than InnoDB's recovery may take: a member must not start while another is being bootstrapped.
FENCE_S = 1200
# A server that has left the group for good may hang when it shuts down.
ADRIFT_S = 20.0
PEER_TIMEOUT_S = 180


@dataclass(frozen=True)
class Peer:
    """A member of the cluster and where its guard answers."""

    name: str
    address: str


class Guard:
    """Watches the local member; remembers only since when no member has been in a primary component."""

    def __init__(self, name: str, peers: tuple[Peer, ...]) -> None:
        self.name = name
        self.peers = peers
        self.stalled_since: float | None = None
        self.adrift_before = False
        self.last_word = ""

    def watch(self) -> None:
        """Look and act for ever; first let go of what an earlier self still holds."""
        held = [each.state.name for each in self.gather() if each.state.held_by == self.name]
        self.release([peer for peer in self.peers if peer.name in held], joining=False)
        while True:
            try:
                time.sleep(self.look())
            except (MemberError, OSError, ValueError, KeyError) as failure:
                self.say(f"no step taken: {failure}")
                time.sleep(TROUBLED_INTERVAL_S)

    def look(self) -> float:
        """Take at most one step; return the seconds until the next look."""
        local = member.observe()
        if local.state.primary:
            self.stalled_since = None
            if local.synced:
                member.remember_cluster(local.state.uuid)
                self.say("Synced")
            if member.disk_full() and self.spare():
                self.say(f"{self.name} withdraws: its disk is full")
                member.withdraw(FENCE_S)
            return HEALTHY_INTERVAL_S
        if local.state.held_by == member.FULL_DISK:
            if not member.disk_full():
                member.release(member.FULL_DISK, joining=False)
            return TROUBLED_INTERVAL_S
        observations = self.gather()
        decision = elect([observation.state for observation in observations])
        # Beside a cluster that takes writes the positions differ at each look.
        self.say(decision.reason if decision.action == "join" else table(decision))
        if member.forgotten():
            member.release("", joining=False)
        if decision.action == "join" and not local.state.running and not local.state.held_by:
            member.start()
        if decision.action == "join" and self.adrift(local):
            self.say(f"{self.name} is restarted: it has left the group for good")
            member.stop(ADRIFT_S)
            member.start()
        if not self.stalled(decision, observations) or decision.member != self.name:
            return TROUBLED_INTERVAL_S
        self.recover()
        return TROUBLED_INTERVAL_S

    def spare(self) -> bool:
        """Return whether the others keep their majority when this member leaves without a word."""
        primaries = sum(each.state.primary for each in self.gather())
        return 2 * (primaries - 1) > primaries

    def adrift(self, local: Observation) -> bool:
        """Return whether the local member has been cut off in two looks, and is not stopped by anyone."""
        twice = local.adrift and self.adrift_before and not local.state.held_by
        self.adrift_before = local.adrift
        return twice

    def stalled(self, decision: Decision, observations: list[Observation]) -> bool:
        """Return whether the cluster has been down for longer than Galera needs to restore it itself."""
        if decision.action not in ("bootstrap", "create"):
            self.stalled_since = None
            return False
        self.stalled_since = self.stalled_since or time.monotonic()
        patience_s = RESTORE_S if any(each.may_restore for each in observations) else SETTLE_S
        return time.monotonic() - self.stalled_since > patience_s

    def recover(self) -> None:
        """Stop every member, elect again on what they hold, and start the cluster if this one is elected."""
        self.say(f"{self.name} recovers the cluster")
        self.stalled_since = None
        joining = False
        try:
            fenced = self.each("POST", f"/fence?by={self.name}")
            decision = elect([_released(observation.state, self.name) for observation in fenced])
            self.say(table(decision))
            if decision.action in ("bootstrap", "create") and decision.member == self.name:
                elected = next(each.state for each in fenced if each.state.name == self.name)
                member.bootstrap(self.name, elected.uuid or NO_UUID, elected.seqno or 0)
                joining = True
        finally:
            # A member that was bootstrapped is free already.
            held = [peer for peer in self.peers if not (joining and peer.name == self.name)]
            self.release(held, joining=joining)

    def release(self, peers: Sequence[Peer], *, joining: bool) -> None:
        """Give members back; one that cannot be told gets free when its fence expires."""
        for peer in peers:
            try:
                _ask(peer, "POST", f"/release?by={self.name}&joining={int(joining)}")
            except (OSError, MemberError) as failure:
                self.say(f"{peer.name} was not released: {failure}")

    def gather(self) -> list[Observation]:
        """Return what every member's guard sees; one that does not answer is not reachable."""
        with ThreadPoolExecutor(len(self.peers)) as pool:
            return list(pool.map(_observation, self.peers))

    def each(self, method: str, path: str) -> list[Observation]:
        """Ask every guard at once; MemberError where any refuses."""
        with ThreadPoolExecutor(len(self.peers)) as pool:
            return [
                member.parse(text) for text in pool.map(lambda peer: _ask(peer, method, path), self.peers)
            ]

    def say(self, word: str) -> None:
        """Log what is new."""
        if word != self.last_word:
            self.last_word = word
            sys.stdout.write(word + "\n")
            sys.stdout.flush()


class Answer(BaseHTTPRequestHandler):
    """What a guard tells and does for the guards of the other members."""

    timeout = PEER_TIMEOUT_S

    def do_GET(self) -> None:
        """Tell the state of the local member."""
        self._answer(lambda: member.observe().text())

    def do_POST(self) -> None:
        """Fence or release the local member."""
        url = urlsplit(self.path)
        query = parse_qs(url.query)
        holder = query.get("by", [""])[0]
        if url.path == "/fence":
            self._answer(lambda: member.fence(holder, FENCE_S).text())
        elif url.path == "/release":
            self._answer(lambda: _release(holder, query.get("joining", ["0"])[0] == "1"))
        else:
            self.send_error(404)

    def _answer(self, act: Callable[[], str]) -> None:
        try:
            body, code = act().encode(), 200
        except (MemberError, OSError, ValueError) as failure:
            body, code = str(failure).encode(), 409
        self.send_response(code)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Log nothing: a look every few seconds would fill the journal."""


class Server(ThreadingHTTPServer):
    """Speaks only with holders of a certificate of a member, over TLS."""

    daemon_threads = True

    def __init__(self, address: str, members: tuple[Peer, ...]) -> None:
        super().__init__((address, PORT), Answer)
        self.members = {peer.address for peer in members}

    def get_request(self) -> tuple[ssl.SSLSocket, tuple[str, int]]:
        """Return the connection, with the handshake left to its own thread."""
        connection, client = super().get_request()
        connection.settimeout(PEER_TIMEOUT_S)
        return _context(ssl.PROTOCOL_TLS_SERVER).wrap_socket(
            connection, server_side=True, do_handshake_on_connect=False
        ), client

    def finish_request(self, request: ssl.SSLSocket, client_address: tuple[str, int]) -> None:  # type: ignore[override]
        """Shake hands and answer a member; anyone else is turned away."""
        request.do_handshake()
        names = (request.getpeercert() or {}).get("subjectAltName", ())
        if self.members & {value for kind, value in map(tuple, names) if kind == "IP Address"}:
            super().finish_request(request, client_address)

    def handle_error(self, request: object, client_address: object) -> None:
        """A broken connection is the other side's to report."""


def _context(protocol: int) -> ssl.SSLContext:
    context = ssl.SSLContext(protocol)
    context.load_verify_locations(AUTHORITY)
    context.load_cert_chain(CERTIFICATE, KEY)
    context.verify_mode = ssl.CERT_REQUIRED
    return context


def _ask(peer: Peer, method: str, path: str) -> str:
    timeout_s = PEER_TIMEOUT_S if method == "POST" else 30
    context = _context(ssl.PROTOCOL_TLS_CLIENT)
    connection = http.client.HTTPSConnection(peer.address, PORT, timeout=timeout_s, context=context)
    try:
        connection.request(method, path)
        answer = connection.getresponse()
        text = answer.read().decode()
    finally:
        connection.close()
    if answer.status != 200:
        raise MemberError(f"{peer.name}: {text}")
    return text


def _observation(peer: Peer) -> Observation:
    try:
        return member.parse(_ask(peer, "GET", "/state"))
    except (OSError, MemberError, ValueError, http.client.HTTPException):
        return Observation(MemberState(peer.name, reachable=False), synced=False, may_restore=False)


def _released(state: MemberState, holder: str) -> MemberState:
    values = {**state.__dict__, "held_by": "" if state.held_by == holder else state.held_by}
    return MemberState(**values)


def _release(holder: str, joining: bool) -> str:
    member.release(holder, joining=joining)
    return ""


def _start() -> str:
    member.start()
    return ""


def _bootstrap(holder: str, uuid: str, seqno: int) -> str:
    member.bootstrap(holder, uuid, seqno)
    return ""


def _peers() -> tuple[Peer, ...]:
    return tuple(Peer(entry["name"], entry["address"]) for entry in member.config().members)


def _serve() -> str:
    name, peers = member.config().name, _peers()
    own = next(peer for peer in peers if peer.name == name)
    threading.Thread(target=Server(own.address, peers).serve_forever, daemon=True).start()
    Guard(name, peers).watch()
    return ""


def _explain() -> str:
    return table(elect([observation.state for observation in Guard("", _peers()).gather()]))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="galera-guard", description=__doc__)
    parser.add_argument(
        "verb",
        choices=["serve", "start", "state", "explain", "fence", "release", "join", "bootstrap", "set-aside"],
    )
    parser.add_argument("--by", default="admin")
    parser.add_argument("--uuid", default=NO_UUID)
    parser.add_argument("--seqno", type=int, default=0)
    return parser.parse_args()


def main() -> int:
    """Serve, or do one act for an administrator; a refusal goes to stderr with exit code 5."""
    given = _arguments()
    acts: dict[str, Callable[[], str]] = {
        "serve": _serve,
        "state": lambda: member.observe().text(),
        "explain": _explain,
        "start": _start,
        "fence": lambda: member.fence(given.by, FENCE_S).text(),
        "release": lambda: _release(given.by, False),
        "join": lambda: _release(given.by, True),
        "bootstrap": lambda: _bootstrap(given.by, given.uuid, given.seqno),
        "set-aside": lambda: json.dumps({"kept": member.set_aside(given.by)}),
    }
    try:
        sys.stdout.write(acts[given.verb]() + "\n")
    except MemberError as failure:
        sys.stderr.write(f"{failure}\n")
        return 5
    return 0


if __name__ == "__main__":
    sys.exit(main())
