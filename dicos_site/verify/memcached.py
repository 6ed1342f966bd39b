"""memcached: every server takes a value and gives it back, over TLS."""

import secrets
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from dicos_site.model import Host, Site
from dicos_site.placement import hosts_of
from dicos_site.report import Check, check
from dicos_site.verify.context import Context, Question

PORT = 11211
TIMEOUT_S = 5
# A value that a killed verification leaves is gone after this time.
EXPIRY_S = 60
Ask = Callable[[Context, Host], Check]


def checks(site: Site, context: Context) -> Iterator[Question]:
    """Return one question a server: set, get, delete."""
    yield from _questions(site, context, _stores)


def status_checks(site: Site, context: Context) -> Iterator[Question]:
    """Return the question that only reads: its version."""
    yield from _questions(site, context, _answers)


def _questions(site: Site, context: Context, ask: Ask) -> Iterator[Question]:
    for host in hosts_of(site, "memcached"):
        yield Question(("MEMCACHED_ANSWERS",), host.name, lambda host=host: [ask(context, host)])  # type: ignore[misc]


def _stores(context: Context, host: Host) -> Check:
    key, value = f"dicos-verify-{secrets.token_hex(6)}", secrets.token_hex(8)
    with _connection(context, host) as server:
        stored = _said(server, f"set {key} 0 {EXPIRY_S} {len(value)}\r\n{value}\r\n", b"\r\n")
        read = _said(server, f"get {key}\r\n", b"END\r\n")
        _said(server, f"delete {key}\r\n", b"\r\n")
    kept = stored.startswith("STORED") and value in read
    detail = "stored a value and gave it back" if kept else f"set: {stored.strip()}; get: {read.strip()}"
    return check("MEMCACHED_ANSWERS", host.name, kept, detail)


def _answers(context: Context, host: Host) -> Check:
    with _connection(context, host) as server:
        version = _said(server, "version\r\n", b"\r\n").strip()
    return check("MEMCACHED_ANSWERS", host.name, version.startswith("VERSION"), version)


def _said(server: ssl.SSLSocket, question: str, end: bytes) -> str:
    """Return what the server answers up to the `end` of its answer, or to its error."""
    server.sendall(question.encode())
    answer = b""
    while not answer.endswith(end) and not answer.startswith((b"ERROR", b"CLIENT_ERROR", b"SERVER_ERROR")):
        block = server.recv(4096)
        if not block:
            break
        answer += block
    return answer.decode(errors="replace")


@contextmanager
def _connection(context: Context, host: Host) -> Iterator[ssl.SSLSocket]:
    with (
        socket.create_connection(context.tunnel(host.name, PORT), TIMEOUT_S) as plain,
        context.tls().wrap_socket(plain, server_hostname=context.site.fqdn(host.name)) as server,
    ):
        yield server
