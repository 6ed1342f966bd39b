"""One host → its clock, failed units, addresses, certificates, chrony and HAProxy, as one JSON object."""

import json
import socket
import subprocess
import sys
import time
from pathlib import Path

HAPROXY_SOCKETS = ("/run/haproxy/admin.sock", "/run/haproxy.sock")


def main() -> None:
    """Print what this host says of itself; nothing is changed."""
    answer = {
        "time": time.time(),
        "failed": [line.split()[0] for line in said("systemctl", "--failed", "--plain", "--no-legend")],
        "addresses": addresses(),
        "chrony": said("chronyc", "-c", "-n", "tracking"),
        "haproxy": haproxy("show stat"),
        "haproxy_hanging": [line for line in haproxy("show sess") if hangs(line)],
        "certificates": {
            path.name: path.read_text() for path in sorted(Path("/etc/dicos/pki").glob("*.crt"))
        },
    }
    json.dump(answer, sys.stdout)


def said(*command: str) -> list[str]:
    """Return the lines that a program printed; none where it is not installed or failed."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=5, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return []
    return done.stdout.splitlines() if done.returncode == 0 else []


def addresses() -> list[str]:
    """Return every IPv4 address of the host."""
    text = "".join(said("ip", "-json", "-4", "address", "show"))
    return [entry["local"] for link in json.loads(text or "[]") for entry in link.get("addr_info", [])]


def haproxy(command: str) -> list[str]:
    """Return the lines that HAProxy answers on its socket; none where it does not answer."""
    path = next((name for name in HAPROXY_SOCKETS if Path(name).exists()), "")
    if not path:
        return []
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(3)
            connection.connect(path)
            connection.sendall(command.encode() + b"\n")
            return b"".join(iter(lambda: connection.recv(65536), b"")).decode().splitlines()
    except OSError:
        return []


def hangs(session: str) -> bool:
    """Return whether a session's server side is closed (10), its client's open (8), with no timeout."""
    return " scf=[8," in session and " scb=[10," in session and " exp= " in session


main()
