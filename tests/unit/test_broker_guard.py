"""The guard of a broker: when it acts, and when it must not."""

import contextlib
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from dicos_site import broker_guard
from dicos_site.broker_guard import LOGIN_S, LOOKS, PAUSE_S, Broker, Guard

BROKER = Broker("127.0.0.1", "ctl1.lab.dicos.test", 5671, "site", "word", "site")


@pytest.fixture(autouse=True)
def files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keep the guard's files out of this machine's own."""
    monkeypatch.setattr(broker_guard, "WITHDRAWN", tmp_path / "withdrawn")
    monkeypatch.setattr(broker_guard, "PROBE", tmp_path / "probe")


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Return the commands that the guard will have run."""
    given: list[list[str]] = []

    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        given.append(command)
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(subprocess, "run", run)
    return given


def test_a_hollow_broker_is_restarted_once_and_then_given_time(
    monkeypatch: pytest.MonkeyPatch, commands: list[list[str]]
) -> None:
    monkeypatch.setattr(broker_guard, "is_hollow", lambda _: True)
    guard = Guard(BROKER)
    assert [guard.login() for _ in range(LOOKS)] == [LOGIN_S] * (LOOKS - 1) + [PAUSE_S]
    assert [command[:2] for command in commands] == [["systemctl", "restart"]]


def test_a_broker_that_lets_somebody_in_between_is_not_restarted(
    monkeypatch: pytest.MonkeyPatch, commands: list[list[str]]
) -> None:
    answers = iter([True, True, False, True, True])
    monkeypatch.setattr(broker_guard, "is_hollow", lambda _: next(answers))
    guard = Guard(BROKER)
    assert {guard.login() for _ in range(5)} == {LOGIN_S}
    assert commands == []


def test_a_broker_is_away_while_its_disk_is_full_and_comes_back_after(
    monkeypatch: pytest.MonkeyPatch, commands: list[list[str]]
) -> None:
    full = iter([True, True, False, False])
    monkeypatch.setattr(broker_guard, "disk_full", lambda: next(full))
    monkeypatch.setattr(broker_guard, "is_hollow", lambda _: False)
    guard = Guard(BROKER)
    for now in range(4):
        guard.look(float(now))
    verbs = [command[1] for command in commands]
    assert verbs == ["is-active", "kill", "stop", "start"]


def test_a_disk_with_space_is_not_full_and_keeps_nothing_of_the_trial(tmp_path: Path) -> None:
    assert not broker_guard.disk_full()
    assert not broker_guard.PROBE.exists()


def test_a_broker_that_takes_a_connection_and_ends_it_is_hollow(listener: ssl.SSLSocket) -> None:
    threading.Thread(target=lambda: listener.accept()[0].close(), daemon=True).start()
    assert broker_guard.is_hollow(at(listener))


def test_a_broker_that_takes_a_connection_and_says_nothing_is_hollow(
    listener: ssl.SSLSocket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broker_guard, "TIMEOUT_S", 1)
    taken: list[socket.socket] = []
    threading.Thread(target=lambda: taken.append(listener.accept()[0]), daemon=True).start()
    assert broker_guard.is_hollow(at(listener))
    assert taken


def test_a_look_is_one_connection(listener: ssl.SSLSocket) -> None:
    """Each one that says nothing costs the broker's log an error."""
    taken: list[socket.socket] = []

    def accept() -> None:
        with contextlib.suppress(OSError):  # the test is over
            while True:
                taken.append(listener.accept()[0])
                taken[-1].close()

    threading.Thread(target=accept, daemon=True).start()
    broker_guard.is_hollow(at(listener))
    assert len(taken) == 1


def test_a_broker_that_takes_no_connection_is_left_alone(listener: ssl.SSLSocket) -> None:
    broker = at(listener)
    listener.close()
    assert not broker_guard.is_hollow(broker)


def test_a_certificate_of_somebody_else_is_not_mended_by_a_restart(
    listener: ssl.SSLSocket, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(broker_guard, "AUTHORITY", str(self_signed(tmp_path / "other")[0]))

    def accept() -> None:
        with contextlib.suppress(ssl.SSLError):
            listener.accept()

    threading.Thread(target=accept, daemon=True).start()
    assert not broker_guard.is_hollow(at(listener))


@pytest.fixture
def listener(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ssl.SSLSocket]:
    """Yield a socket that shows the broker's certificate."""
    certificate, key = self_signed(tmp_path / "own")
    monkeypatch.setattr(broker_guard, "AUTHORITY", str(certificate))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    with (
        socket.create_server(("127.0.0.1", 0)) as plain,
        context.wrap_socket(plain, server_side=True) as secure,
    ):
        yield secure


def at(listener: ssl.SSLSocket) -> Broker:
    """Return the broker as one that listens there."""
    return replace(BROKER, port=listener.getsockname()[1])


def self_signed(stem: Path) -> tuple[Path, Path]:
    """Return the files of a new certificate of the broker's name, and its key."""
    certificate, key = stem.with_suffix(".crt"), stem.with_suffix(".key")
    name = ["-subj", f"/CN={BROKER.fqdn}", "-addext", f"subjectAltName=DNS:{BROKER.fqdn}"]
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    subprocess.run(
        [*command, *name, "-days", "1", "-keyout", key, "-out", certificate], check=True, capture_output=True
    )
    return certificate, key
