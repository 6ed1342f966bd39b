"""A visit to the cloud: persons made for it, a machine and all it needs, and nothing of it left behind."""

import fcntl
import json
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from dicos_site import places
from dicos_site.cloud import GUEST, TINY
from dicos_site.errors import Problem, SiteError, UnreachableError
from dicos_site.model import Site
from dicos_site.placement import hosts_of
from dicos_site.variables import vip_fqdn
from dicos_site.variables.identity import people_domain
from dicos_site.verify import ldap, people
from dicos_site.verify.context import Context, probe

if TYPE_CHECKING:
    from ldap3 import Connection

# Longer than all deadlines of one call together.
PROGRAM_S = 1500
PATIENCE_S = 600
RUNBOOK = "see docs/runbooks/CLOUD_TENANT.md"
_PACKAGE = "dicos_site.verify.visiting"
# In this order: each may import those before it.
_SHARED = ("tools", "erasing", "pages")
# Makes modules of sources, so that the program on the host can import them as here.
_LOADER = """
import sys, types
for name, source in {sources!r}:
    module = types.ModuleType(name)
    sys.modules[name] = module
    exec(compile(source, name, "exec"), module.__dict__)
"""

Step = Mapping[str, object]
Steps = dict[str, Step]


class Visit:
    """One visit, by a person of the first community and, where there are two, one of the second.

    Use it with `with`: it clears what killed visits left, and takes everything of its own away at the end.
    """

    def __init__(self, site: Site, context: Context) -> None:
        self.site, self.context = site, context
        self.name = f"{people.PREFIX}{secrets.token_hex(4)}"
        self.people = [people.new_person(self.name, one) for one in list(site.communities)[:2]]
        self._controllers = [host.name for host in hosts_of(site, "keystone")]
        self._stack = ExitStack()
        self._removed = False

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.enter_context(_alone(self.site))
            stack.callback(self._forget_people)
            with self._directory() as directory:
                for person in self.people:
                    people.add(directory, ldap.base_of(self.site), person)
            stack.callback(self._clear)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def run(self, *actions: str, **further: object) -> Steps:
        """Take actions of visiting/tenant.py in one process on a controller; return its steps by name.

        UnreachableError says which step failed, and why. A controller that is down is passed over.
        """
        question = json.dumps(self._question() | further | {"actions": actions})
        source = f"{program()}\nmain({question!r})\n"
        problems: list[Problem] = []
        for host in self._controllers:
            try:
                self.context.remote.run(host, "true", timeout_s=15)
            except UnreachableError as error:
                problems.extend(error.problems)
                continue
            result = self.context.remote.script(host, source, timeout_s=PROGRAM_S)
            found = steps(result.stdout, result.stderr, host, self._port)
            self._removed = self._removed or found.get("left", {}).get("left") == []
            return found
        raise UnreachableError(*problems)

    def _port(self, failed: Step) -> str:
        """Return what the host of a machine that got no address knows of its port."""
        if "mac" not in failed:
            return ""
        host = str(failed["host"])
        try:
            found = json.loads(self.context.remote.script(host, probe("port"), str(failed["mac"])).stdout)
        except (UnreachableError, ValueError):
            return f"; {host} cannot be asked"
        return (
            f"; {host}: interface {found['interface'] or 'missing'}, {found['received']} packets from it,"
            f" claimed {found['claimed']} times, DHCP offered {found['offers']},"
            f" granted {found['acks']} times"
        )

    @property
    def pinger(self) -> str:
        """Return the host that stands for the world outside: a hub, or else the first controller."""
        hubs = [host.name for host in self.site.hosts if host.kind == "hub"]
        return hubs[0] if hubs else self._controllers[0]

    @contextmanager
    def pinged(self, address: str, seconds: float) -> "Iterator[Pings]":
        """Yield pings of an address, five a second, which end with the block or after some seconds."""
        with ThreadPoolExecutor(1) as pool:
            pings = Pings(self.context, self.pinger, f"/run/{self.name}.stop")
            pings.answer = pool.submit(pings.ask, address, seconds)
            try:
                yield pings
            finally:
                with suppress(SiteError):
                    pings.end()

    def seconds_until_ping(self, address: str, seconds: float) -> float:
        """Return how long an address takes to answer from outside; `seconds` where it does not."""
        start = time.monotonic()
        first = Pings(self.context, self.pinger, "").ask(address, seconds)["first"]
        return seconds if first is None else time.monotonic() - start

    def _question(self) -> dict[str, object]:
        domain = people_domain(self.site)
        return {
            "name": self.name,
            "image": GUEST,
            "flavor": TINY,
            "outside": "provider" if self.site.networks.provider else "",
            "pages": f"https://{vip_fqdn(self.site)}/horizon",
            "people": [
                {
                    "user": person.uid,
                    "password": person.password,
                    "domain": domain,
                    "project": person.community,
                }
                for person in self.people
            ],
        }

    def forget_others(self) -> None:
        """Remove the persons whom killed visits left, once what they had is gone."""
        own = {person.uid for person in self.people}
        with self._directory() as directory:
            base = ldap.base_of(self.site)
            people.remove(directory, base, [uid for uid in people.left(directory, base) if uid not in own])

    def _forget_people(self) -> None:
        with self._directory() as directory:
            people.remove(directory, ldap.base_of(self.site), [person.uid for person in self.people])

    def _clear(self) -> None:
        # What made it necessary is the error that is told; persons are removed whether this succeeds or not.
        if not self._removed:
            with suppress(SiteError):
                self.run("clear")

    @contextmanager
    def _directory(self) -> "Iterator[Connection]":
        """Yield a connection to the first provider that answers."""
        problems: list[Problem] = []
        with ExitStack() as stack:
            for host in hosts_of(self.site, "ldap"):
                try:
                    connection = ldap.connection(self.context, host, stack)
                except UnreachableError as error:
                    problems.extend(error.problems)
                    continue
                yield connection
                return
        raise UnreachableError(*problems)


class Pings:
    """Pings that run on a host beside what else is done; `end` says how they were answered."""

    answer: Future[dict[str, object]]

    def __init__(self, context: Context, host: str, stop: str) -> None:
        self.context, self.host, self.stop = context, host, stop

    def ask(self, address: str, seconds: float) -> dict[str, object]:
        """Ping until the file is there, or without one until the first answer; return what ping.py says."""
        result = self.context.remote.script(
            self.host, probe("ping"), address, str(seconds), self.stop, timeout_s=seconds + 30
        )
        if result.code != 0:
            what = f"{self.host} cannot ping: {' '.join(result.stderr.split())[-200:]}"
            raise UnreachableError(Problem(what, self.host, RUNBOOK))
        answer: dict[str, object] = json.loads(result.stdout)
        return answer

    def end(self) -> dict[str, object]:
        """Stop and return {"first", "sent", "lost"}."""
        if not self.answer.done():
            self.context.remote.run(self.host, f"touch {self.stop}", timeout_s=15)
        return self.answer.result()


def steps(stdout: str, stderr: str, host: str, further: Callable[[Step], str] = lambda _: "") -> Steps:
    """Return the lines of visiting/tenant.py by their steps; UnreachableError where one failed.

    `further` is asked what else is known of the step that failed.
    """
    found: Steps = {}
    for line in stdout.splitlines():
        entry = json.loads(line)
        if "error" in entry:
            raise UnreachableError(Problem(f"{entry['error']}{further(entry)}", host, RUNBOOK))
        found[str(entry["step"])] = entry
    if not found:
        what = f"{host}: {' '.join(stderr.split())[-300:] or 'the program said nothing'}"
        raise UnreachableError(Problem(what, host, RUNBOOK))
    return found


@cache
def program() -> str:
    """Return the whole source of visiting/tenant.py, which a line that calls its `main` may follow."""
    folder = Path(__file__).parent / "visiting"
    shared = [(f"{_PACKAGE}.{name}", (folder / f"{name}.py").read_text()) for name in _SHARED]
    return _LOADER.format(sources=shared) + (folder / "tenant.py").read_text()


@contextmanager
def _alone(site: Site) -> Iterator[None]:
    """Wait until no other process of this machine visits: each would clear what the other made."""
    with (places.site_home(site) / "visit.lock").open("a") as stream:
        end = time.monotonic() + PATIENCE_S
        while True:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError as error:
                if time.monotonic() > end:
                    what = f"another verification has visited the cloud for {PATIENCE_S} s"
                    raise UnreachableError(Problem(what, "", "wait for it, or stop it")) from error
                time.sleep(1)
        yield
