"""A TLS connection of OpenStack's services is not taken for broken because another one is."""

import pytest

from tests.rack import Rack

# Two connections in one thread; the peer of the first goes, and is written to. The second is well.
PROGRAM = """
import os, socket, ssl, subprocess, tempfile, threading
os.chdir(tempfile.mkdtemp())
make = "openssl req -x509 -newkey rsa:2048 -nodes -keyout key -out crt -days 2 -subj /CN=x"
subprocess.run(make.split(), check=True, capture_output=True)
accepting = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
accepting.load_cert_chain("crt", "key")
calling = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
calling.check_hostname, calling.verify_mode = False, ssl.CERT_NONE

def pair():
    listening, accepted = socket.create_server(("127.0.0.1", 0)), []
    accept = lambda: accepted.append(accepting.wrap_socket(listening.accept()[0], server_side=True))
    thread = threading.Thread(target=accept)
    thread.start()
    client = calling.wrap_socket(socket.create_connection(listening.getsockname()))
    thread.join()
    client.settimeout(0.2)
    return client, accepted[0]

def said(client):
    try:
        return repr(client.recv(1))
    except TimeoutError:
        return "nothing yet"
    except OSError as error:
        return type(error).__name__

dying, peer = pair()
living, other = pair()
said(dying), said(living)
os.close(peer.detach())
for _ in range(9):
    try:
        dying.send(b"x")
    except OSError as error:
        print(type(error).__name__)
        break
print(said(living))
"""


@pytest.mark.parametrize(
    ("unit", "expected"),
    [
        ("nova-api", "nothing yet"),
        ("nova-conductor", "nothing yet"),
        ("neutron-periodic-workers", "nothing yet"),
        ("cinder-volume", "nothing yet"),
        # Python as it is: where this is "nothing yet", roles/openstack needs its sitecustomize.py no more.
        ("systemd-journald", "BrokenPipeError"),
    ],
)
def test_the_error_of_one_connection_is_not_told_of_another(rack: Rack, unit: str, expected: str) -> None:
    command = f"env $(systemctl show -P Environment {unit}) python3 - <<'PROGRAM'\n{PROGRAM}\nPROGRAM"
    result = rack.on(rack.hosts("controller")[0], command)
    assert result.stdout.splitlines() == ["BrokenPipeError", expected], result.stderr
