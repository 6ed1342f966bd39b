"""SSH to the hosts: what is said when there is none, and a tunnel's bytes."""

import socket
import threading

import pytest

from dicos_site import description
from dicos_site.errors import DeploymentError, UnreachableError
from dicos_site.model import Site
from dicos_site.remote import Remote, lab_absent, require_lab
from dicos_site.tunnel import _pump

# TEST-NET-2 of RFC 5737 belongs to nobody, so no lab is ever up there.
LAB = """
site: TW-NOWHERE
domain: nowhere.dicos.test
release: "2026.11"
substrate: incus
networks:
  management: {cidr: 198.51.100.0/24, gateway: 198.51.100.1, vip: 198.51.100.10}
hosts:
  ctl1: {kind: controller, address: 198.51.100.11}
  ctl2: {kind: controller, address: 198.51.100.12}
  ctl3: {kind: controller, address: 198.51.100.13}
"""


@pytest.fixture
def lab() -> Site:
    return description.parse(LAB)


@pytest.fixture
def metal(lab: Site) -> Site:
    """Return a rack whose first host is this machine, with a port where no sshd listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    text = LAB.replace("substrate: incus", f"ssh: {{port: {port}}}").replace("198.51.100.", "127.0.0.")
    return description.parse(text)


def test_a_lab_that_is_not_up_is_said_so_and_sent_nothing(lab: Site) -> None:
    problem = lab_absent(lab)
    assert str(problem) == (
        "the lab of TW-NOWHERE is not up\n  at:  198.51.100.0/24\n  fix: start it: `dicos-site lab up`"
    )
    with pytest.raises(DeploymentError) as refusal:
        require_lab(lab)
    assert refusal.value.exit_code == 4


def test_every_host_that_does_not_answer_is_named_with_the_reason_and_the_next_step(metal: Site) -> None:
    port = metal.ssh.port
    with Remote(metal) as remote:
        answers = remote.everywhere(["ctl1", "ctl2"], "true")
        with pytest.raises(UnreachableError) as refusal:
            remote.run("ctl1", "true")
    assert str(answers["ctl1"]) == str(refusal.value)
    first, where, fix = str(refusal.value).splitlines()
    assert first.startswith("ctl1 does not answer over SSH: ")
    assert where == "  at:  ctl1 (127.0.0.11)"
    assert fix == f"  fix: see that it is up and that `ssh -p {port} root@127.0.0.11` works"
    assert str(answers["ctl2"]).startswith("ctl2 does not answer over SSH: ")


def test_a_tunnel_carries_bytes_until_the_source_ends() -> None:
    (source, inlet), (outlet, target) = socket.socketpair(), socket.socketpair()
    pump = threading.Thread(target=_pump, args=(inlet, outlet))
    pump.start()
    message = bytes(range(256)) * 2000
    sender = threading.Thread(target=_send, args=(source, message))
    sender.start()
    received = b"".join(iter(lambda: target.recv(65536), b""))
    pump.join(5)
    sender.join(5)
    assert received == message
    for end in (inlet, target):
        end.close()


def _send(end: socket.socket, message: bytes) -> None:
    with end:
        end.sendall(message)
