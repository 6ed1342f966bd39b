"""Site → what its checks share: connections, secrets, the site's CA, and what each host said of itself."""

import json
import ssl
import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from ipaddress import IPv4Address
from pathlib import Path
from time import time
from typing import TypedDict

from dicos_site import secrets
from dicos_site.errors import Problem, UnreachableError
from dicos_site.model import Host, Site
from dicos_site.placement import hosts_of
from dicos_site.remote import Remote
from dicos_site.report import Check
from dicos_site.stages import STAGES


@dataclass(frozen=True)
class Question:
    """A function that asks the rack, and the codes that fail at a host when it cannot ask."""

    codes: tuple[str, ...]
    host: str
    ask: Callable[[], Iterable[Check]]


class Facts(TypedDict):
    """What a host said of itself; `offset_s` is its clock against ours, known to within `offset_error_s`."""

    failed: list[str]
    addresses: list[str]
    chrony: list[str]
    haproxy: list[str]
    haproxy_hanging: list[str]
    certificates: dict[str, str]
    offset_s: float
    offset_error_s: float


class Context:
    """One round of questions; a host is asked about itself once, whoever needs the answer.

    `stage` is the last one whose services must be there.
    """

    def __init__(self, site: Site, folder: Path, remote: Remote, stage: str = STAGES[-1]) -> None:
        self.site = site
        self.stage = stage
        self.remote = remote
        self.secrets: Mapping[str, str] = secrets.load(folder, site)
        self._facts: dict[str, Facts] = {}
        self._locks = {host.name: threading.Lock() for host in site.hosts}

    def facts(self, host: str) -> Facts:
        """Return what a host says of itself; UnreachableError where it does not answer."""
        with self._locks[host]:
            if host not in self._facts:
                self._facts[host] = self._asked(host)
            return self._facts[host]

    def all_facts(self, hosts: Iterable[Host]) -> dict[str, Facts]:
        """Return what those of the hosts say that answer."""

        def one(name: str) -> tuple[str, Facts | None]:
            try:
                return name, self.facts(name)
            except UnreachableError:
                return name, None

        names = [host.name for host in hosts]
        with ThreadPoolExecutor(len(names) or 1) as pool:
            return {name: facts for name, facts in pool.map(one, names) if facts is not None}

    def tls(self) -> ssl.SSLContext:
        """Return a client's TLS context that trusts the site's CA alone and checks names."""
        return ssl.create_default_context(cadata=self.secrets[secrets.CA_CERTIFICATE])

    def tunnel(self, host: str, port: int) -> tuple[str, int]:
        """Return a local address that leads to a port of a host's own address."""
        return self.remote.tunnel(host, self.site.host(host).address, port)

    def tunnel_to_vip(self, port: int) -> tuple[str, int]:
        """Return a local address that leads to a port of the VIP, through the first controller that can."""
        vip: IPv4Address = self.site.networks.management.vip
        problems: list[Problem] = []
        for host in hosts_of(self.site, "loadbalancer"):
            try:
                return self.remote.tunnel(host.name, vip, port)
            except UnreachableError as error:
                problems.extend(error.problems)
        raise UnreachableError(*problems)

    def _asked(self, host: str) -> Facts:
        self.remote.run(
            host, "true", timeout_s=15
        )  # the connection's own time must not count as clock offset
        before = time()
        result = self.remote.script(host, probe("host"), timeout_s=15)
        after = time()
        if result.code != 0:
            what = f"{host} cannot say how it is: {result.stderr.strip()[-200:]}"
            raise UnreachableError(Problem(what, host, "see that /usr/bin/python3 works there"))
        answer = json.loads(result.stdout)
        moment = answer.pop("time")
        answer["offset_s"] = moment - (before + after) / 2
        answer["offset_error_s"] = (after - before) / 2
        facts: Facts = answer
        return facts


@cache
def probe(name: str) -> str:
    """Return the source of a program that runs on a host."""
    return (Path(__file__).parent / "probes" / f"{name}.py").read_text()
