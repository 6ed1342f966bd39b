"""Site → its hosts over SSH: one command, one script, one tunnel; strict about host keys."""

import logging
import shlex
import socket
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from dicos_site import places
from dicos_site.errors import DeploymentError, Problem, UnreachableError
from dicos_site.model import Site
from dicos_site.tunnel import LOCAL, Tunnel

if TYPE_CHECKING:
    from paramiko import Channel, Transport

CONNECT_TIMEOUT_S = 5
# A busy sshd takes its time to greet; and many who ask for one silent host wait for it together, once.
BANNER_TIMEOUT_S = 15
SILENT_S = 5
_BLOCK_BYTES = 65536


@dataclass(frozen=True)
class Result:
    """What a command on a host said, and its exit code."""

    stdout: str
    stderr: str
    code: int


class Remote:
    """SSH connections to the hosts of a site, each opened when it is first needed; use it with `with`."""

    def __init__(self, site: Site) -> None:
        self.site = site
        # Here, by one thread: two that import fabric at the same moment see it half done.
        import fabric  # noqa: F401

        # paramiko prints on standard error what it also raises.
        logging.getLogger("paramiko").setLevel(logging.CRITICAL)
        self._transports: dict[str, Transport] = {}
        self._silent: dict[str, tuple[float, UnreachableError]] = {}
        self._locks = {host.name: threading.Lock() for host in site.hosts}
        self._tunnels: list[Tunnel] = []
        self._clients: list[Callable[[], object]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for tunnel in self._tunnels:
            tunnel.close()
        for close in self._clients:
            close()

    def run(self, host: str, command: str, *, timeout_s: float = 30, input: str | None = None) -> Result:  # noqa: A002
        """Run a shell command as root and return what it said; UnreachableError where there is no answer."""
        shell = f"sh -c {shlex.quote(command)}"
        words = shell if self.site.ssh.user == "root" else f"sudo -n -- {shell}"
        # An end of the input that is sent while the command ends would cost the connection: see tunnel.py.
        words = words if input is not None else f"{words} </dev/null"
        transport = self._transport(host)
        deadline = time.monotonic() + timeout_s
        try:
            channel = transport.open_session(timeout=min(timeout_s, CONNECT_TIMEOUT_S))
            with channel:
                channel.exec_command(words)
                return _result(channel, input, deadline)
        except TimeoutError as error:
            what = f"{host} did not finish within {timeout_s:g} s: {_shortened(command)}"
            raise UnreachableError(Problem(what, self._where(host), _load_fix(host))) from error
        except (OSError, EOFError, _ssh_error()) as error:
            raise UnreachableError(self._unreachable(host, error)) from error

    def script(self, host: str, source: str, *arguments: str, timeout_s: float = 30) -> Result:
        """Run a Python program (standard library only) on a host; its source goes over standard input."""
        words = " ".join(shlex.quote(argument) for argument in arguments)
        return self.run(host, f"/usr/bin/python3 - {words}", timeout_s=timeout_s, input=source)

    def everywhere(
        self, hosts: Iterable[str], command: str, *, timeout_s: float = 30
    ) -> dict[str, Result | Problem]:
        """Run a command on many hosts at once; a host that does not answer gives its Problem."""

        def answer(host: str) -> Result | Problem:
            try:
                return self.run(host, command, timeout_s=timeout_s)
            except UnreachableError as error:
                return error.problems[0]

        names = tuple(hosts)
        with ThreadPoolExecutor(len(names) or 1) as pool:
            return dict(zip(names, pool.map(answer, names), strict=True))

    def tunnel(self, host: str, address: IPv4Address | str, port: int) -> tuple[str, int]:
        """Return an address and port of this machine that lead, through a host, to a port it can reach.

        UnreachableError where nobody listens there. It ends with the Remote.
        """
        from paramiko import ChannelException

        try:
            tunnel = Tunnel(self._transport(host), str(address), port)
        except ChannelException as error:
            raise UnreachableError(self._closed(host, f"{address}:{port}", error)) from error
        except (OSError, EOFError, _ssh_error()) as error:
            raise UnreachableError(self._unreachable(host, error)) from error
        self._tunnels.append(tunnel)
        return LOCAL, tunnel.port

    def _transport(self, host: str) -> "Transport":
        with self._locks[host]:
            known = self._transports.get(host)
            if known is None or not known.is_active():
                self._transports[host] = known = self._answering(host)
            return known

    def _answering(self, host: str) -> "Transport":
        """Return a new connection; a host that was silent a moment ago is not waited for again."""
        moment, error = self._silent.get(host, (0.0, None))
        if error is not None and time.monotonic() - moment < SILENT_S:
            raise error
        try:
            return self._connected(host)
        except (OSError, EOFError, _ssh_error()) as reason:
            silence = UnreachableError(self._unreachable(host, reason))
            self._silent[host] = (time.monotonic(), silence)
            raise silence from reason

    def _connected(self, host: str) -> "Transport":
        from fabric import Config, Connection
        from paramiko import RejectPolicy

        absent = lab_absent(self.site)
        if absent:
            raise UnreachableError(absent)
        connection = Connection(
            str(self.site.host(host).address),
            user=self.site.ssh.user,
            port=self.site.ssh.port,
            config=Config(lazy=True, overrides={"load_ssh_configs": self.site.substrate != "incus"}),
            connect_timeout=CONNECT_TIMEOUT_S,
            connect_kwargs=self._keys() | {"banner_timeout": BANNER_TIMEOUT_S},
        )
        # fabric accepts any host key that it meets for the first time.
        connection.client.set_missing_host_key_policy(RejectPolicy())
        known_hosts = _home(self.site) / "known_hosts"
        if self.site.substrate == "incus":
            connection.client.load_host_keys(str(known_hosts))
        else:
            connection.client.load_system_host_keys()
        connection.open()
        self._clients.append(connection.close)
        transport: Transport = connection.transport
        return transport

    def _keys(self) -> dict[str, object]:
        if self.site.ssh.key:
            return {"key_filename": str(Path(self.site.ssh.key).expanduser())}
        if self.site.substrate == "incus":
            key = str(_home(self.site) / "id_ed25519")
            return {"key_filename": key, "look_for_keys": False, "allow_agent": False}
        return {}

    def _where(self, host: str) -> str:
        return f"{host} ({self.site.host(host).address})"

    def _unreachable(self, host: str, error: Exception) -> Problem:
        name, address = self.site.ssh.user, self.site.host(host).address
        reason = str(error) or type(error).__name__
        fix = f"see that it is up and that `ssh -p {self.site.ssh.port} {name}@{address}` works"
        if self.site.substrate == "incus":
            fix = "look at it: `dicos-site lab status`; start what is down: `dicos-site lab up`"
        return Problem(f"{host} does not answer over SSH: {reason}", self._where(host), fix)

    def _closed(self, host: str, target: str, error: Exception) -> Problem:
        forbidden = getattr(error, "code", 0) == 1
        what = f"{host} may not forward to {target}" if forbidden else f"nobody listens at {target}"
        fix = (
            "sshd needs `AllowTcpForwarding local`"
            if forbidden
            else f"see its units: systemctl --failed on {host}"
        )
        return Problem(what, self._where(host), fix)


def lab_absent(site: Site) -> Problem | None:
    """Return the problem of a lab that is not up, so that no packet for its addresses leaves this machine.

    A UDP socket that connects sends nothing; it only shows which of our addresses would be used.
    """
    if site.substrate != "incus":
        return None
    network = site.networks.management
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((str(site.hosts[0].address), 9))
            up = IPv4Address(probe.getsockname()[0]) in network.cidr
        except OSError:
            up = False
    if up and (_home(site) / "known_hosts").exists():
        return None
    return Problem(f"the lab of {site.site} is not up", str(network.cidr), "start it: `dicos-site lab up`")


def _home(site: Site) -> Path:
    return places.home_path(site) / "ssh"


def _result(channel: "Channel", data: str | None, deadline: float) -> Result:
    """Send the input, then read both streams to their ends; TimeoutError past the deadline."""
    channel.settimeout(max(0.1, deadline - time.monotonic()))
    if data is not None:
        channel.sendall(data.encode())
        channel.shutdown_write()
    stdout, stderr = _all(channel, channel.recv, deadline), _all(channel, channel.recv_stderr, deadline)
    if not channel.status_event.wait(max(0.1, deadline - time.monotonic())):
        raise TimeoutError
    return Result(stdout, stderr, channel.recv_exit_status())


def _all(channel: "Channel", receive: Callable[[int], bytes], deadline: float) -> str:
    blocks: list[bytes] = []
    while True:
        channel.settimeout(max(0.1, deadline - time.monotonic()))
        block = receive(_BLOCK_BYTES)
        if not block:
            return b"".join(blocks).decode(errors="replace")
        if time.monotonic() > deadline:
            raise TimeoutError
        blocks.append(block)


def _shortened(command: str) -> str:
    line = command.splitlines()[0]
    return line if len(line) <= 60 else f"{line[:57]}..."


def _load_fix(host: str) -> str:
    return f"see whether {host} is overloaded: `uptime` there"


def _ssh_error() -> type[Exception]:
    # paramiko takes 0.2 s to import, and `validate` needs no SSH.
    from paramiko import SSHException

    return SSHException


def require_lab(site: Site) -> None:
    """Raise where the site is a lab that is not up."""
    absent = lab_absent(site)
    if absent:
        raise DeploymentError(absent)
