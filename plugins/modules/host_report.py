#!/usr/bin/python
"""One host → what it is and what it holds; nothing is changed."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import struct
import subprocess
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.certificate_state import CRYPTOGRAPHY, key_owner, state
from ansible.module_utils.managed_paths import MEMORY, remembered, there

DOCUMENTATION = r"""
module: host_report
short_description: Report what a host is and holds, before anything is deployed on it
description:
  - Reads the system, clock, cores, memory, space, addresses, listening sockets, disks and packages of a host.
  - Asks the network by ARP whether an address is taken. Changes nothing.
options:
  address_to_probe:
    description: Address that is asked for by ARP; empty where this host does not ask.
    type: str
    default: ""
  devices:
    description: Paths of disks that must be there.
    type: list
    elements: path
    default: []
  packages:
    description: Packages that the deployment needs.
    type: list
    elements: str
    default: []
author: DiCOS
"""
EXAMPLES = r"""
- name: Ask the host what it is
  host_report:
    devices: [/dev/disk/by-id/ata-one]
"""
RETURN = r"""
report:
  description: The report; its fields are those of C(dicos_site.preflight.HostReport).
  type: dict
  returned: always
ansible_facts:
  description:
    - C(host_missing_packages), those of the asked packages that are not installed.
    - C(host_running_units), the units that are enabled, run, and have no newer file.
    - C(host_certificates), what each certificate is, by name, with the owner and mode of its C(key).
    - C(host_files), what is at each path that M(config_files) takes care of; none where a package is missing,
      since its files come with it.
  type: dict
  returned: always
"""

MIB = 1 << 20
ARP_WAIT_S = 0.7
CONNECT_TIMEOUT_S = 3.0
ETHERNET_ARP = 0x0806
UNIT_PROPERTIES = "--property=Names,ActiveState,UnitFileState,NeedDaemonReload"
UNIT_PATTERNS = ("*.service", "*.target", "*.timer", "*.socket")
OSD_VOLUME = re.compile(r"osd--block--([0-9a-f-]+)$", re.MULTILINE)
USERS = re.compile(r'\("([^"]+)",pid=(\d+)')


def main() -> None:
    """Print the report as the module's result."""
    module = AnsibleModule(
        argument_spec={
            "address_to_probe": {"type": "str", "default": ""},
            "devices": {"type": "list", "elements": "path", "default": []},
            "packages": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    asked = module.params
    links = network_links()
    missing = missing_packages(asked["packages"])
    report = {
        "time": time.time(),
        "os": os_release(),
        "user_id": os.geteuid(),
        "peer": os.environ.get("SSH_CONNECTION", "").split(" ", 1)[0],
        "cores": os.cpu_count() or 1,
        "memory_mib": memory_mib(),
        "free_mib": {path: shutil.disk_usage(path).free // MIB for path in ("/", "/var")},
        "addresses": [address for link in links for address in link["addresses"]],
        "macs": [link["mac"] for link in links],
        "listening": listening(),
        "missing_devices": [path for path in asked["devices"] if not Path(path).exists()],
        "disks": {path: disk(path) for path in asked["devices"] if Path(path).exists()},
        "missing_packages": missing,
        "silent_mirrors": silent_mirrors() if missing else [],
        "answering_macs": answering_macs(asked["address_to_probe"], links),
    }
    # Of what is there already, roles need not ask again: a fact outlives the play.
    facts = {
        "host_missing_packages": missing,
        "host_running_units": running_units(said("systemctl", "show", UNIT_PROPERTIES, *UNIT_PATTERNS)),
        "host_certificates": certificates(Path("/etc/dicos/pki")),
        "host_files": {} if missing else {path: there(Path(path)) for path in remembered(MEMORY)},
    }
    module.exit_json(changed=False, report=report, ansible_facts=facts)


def os_release() -> str:
    """Return for example "debian 13"."""
    text = Path("/etc/os-release").read_text(encoding="utf-8")
    fields = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    return " ".join(fields.get(name, "").strip('"') for name in ("ID", "VERSION_ID")).strip()


def memory_mib() -> int:
    """Return the memory that the host has in all."""
    text = Path("/proc/meminfo").read_text(encoding="ascii")
    return int(next(line for line in text.splitlines() if line.startswith("MemTotal")).split()[1]) // 1024


def network_links() -> list[dict[str, Any]]:
    """Return [{"name", "mac", "addresses": ["a.b.c.d/len"]}] without the loopback."""
    links = json.loads(said("ip", "-json", "address", "show") or "[]")
    return [
        {
            "name": link["ifname"],
            "mac": link.get("address", ""),
            "addresses": [
                f"{entry['local']}/{entry['prefixlen']}"
                for entry in link.get("addr_info", [])
                if entry.get("family") == "inet"
            ],
        }
        for link in links
        if "LOOPBACK" not in link.get("flags", [])
    ]


def listening() -> list[dict[str, Any]]:
    """Return the sockets that wait for others, with the fields of C(dicos_site.preflight.Socket)."""
    sockets = []
    for line in said("ss", "-Hltunp").splitlines():
        fields = line.split()
        address, _, port = fields[4].rpartition(":")
        process, pid, unit = holder(USERS.findall(line))
        sockets.append(
            {
                "protocol": fields[0],
                "address": address.split("%")[0].strip("[]"),
                "port": int(port),
                "process": process,
                "pid": int(pid),
                "unit": unit,
            }
        )
    return sockets


def holder(users: list[tuple[str, str]]) -> tuple[str, str, str]:
    """Return the process, its number and its service that hold a socket; nobody where they are gone.

    A server that forks for each connection shares its socket with children that live for a moment.
    """
    known = [(name, pid, unit_of(pid)) for name, pid in users]
    with_unit = [one for one in known if one[2]]
    living = [one for one in known if Path("/proc", one[1]).exists()]
    return next(iter(with_unit + living), ("", "0", ""))


def unit_of(pid: str) -> str:
    """Return the systemd service of a process; the empty string where it has none, or is gone."""
    try:
        found = re.search(
            r"/([^/\n]+\.service)$", Path("/proc", pid, "cgroup").read_text("ascii"), re.MULTILINE
        )
    except OSError:
        return ""
    return found.group(1) if found else ""


def disk(path: str) -> dict[str, list[str]]:
    """Return what is on a disk, with the fields of C(dicos_site.preflight.DiskReport).

    C(wipefs) reads the disk itself; what C(lsblk) knows of signatures is only what udev has told it.
    """
    device = os.path.realpath(path)
    signs = said("wipefs", "--noheadings", "--output", "TYPE", device).split()
    return {
        "signs": list(dict.fromkeys(signs)),
        "osds": osds(said("lsblk", "--list", "--output", "NAME", device)),
    }


def osds(names: str) -> list[str]:
    """Return the UUIDs of the OSDs among the names of volumes.

    C(ceph-volume) names a logical volume C(osd-block-UUID); device-mapper doubles its hyphens.
    """
    return [found.replace("--", "-") for found in OSD_VOLUME.findall(names)]


def missing_packages(wanted: list[str]) -> list[str]:
    """Return those of the packages that are not installed."""
    text = said("dpkg-query", "-W", "-f", "${db:Status-Abbrev} ${Package}\n")
    installed = {line.split()[1] for line in text.splitlines() if line.startswith("ii")}
    return [name for name in wanted if name not in installed]


def running_units(text: str) -> list[str]:
    """Return the names of the units that are enabled, active and in no need of a reload."""
    units = [
        dict(line.split("=", 1) for line in part.splitlines() if "=" in line)
        for part in text.strip().split("\n\n")
    ]
    return sorted(
        name
        for unit in units
        if unit.get("ActiveState") == "active"
        and unit.get("UnitFileState") in ("enabled", "static", "alias")
        and unit.get("NeedDaemonReload") == "no"
        for name in unit["Names"].split()
    )


def certificates(directory: Path) -> dict[str, dict[str, Any]]:
    """Return what each certificate in a directory is; none where the host cannot read them yet."""
    names = [path.stem for path in sorted(directory.glob("*.key"))] if CRYPTOGRAPHY else []
    return {name: {**state(directory, name), "key": key_owner(directory, name)} for name in names}


def silent_mirrors() -> list[str]:
    """Return the servers of APT's sources, or the proxy before them, that cannot be reached."""
    proxy = re.search(r'^Acquire::https?::Proxy "([^"]+)"', said("apt-config", "dump"), re.MULTILINE)
    uris = [proxy.group(1)] if proxy else sources()
    servers = {
        (urlsplit(uri).hostname, urlsplit(uri).port or {"https": 443}.get(urlsplit(uri).scheme, 80))
        for uri in uris
    }
    return [f"{name}:{port}" for name, port in sorted(servers) if name and not connects(name, port)]


def sources() -> list[str]:
    """Return the URIs of APT's sources."""
    text = "\n".join(
        path.read_text(encoding="utf-8")
        for path in Path("/etc/apt").rglob("*")
        if path.suffix in (".list", ".sources")
    )
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    return re.findall(r"https?://\S+", "\n".join(lines))


def connects(name: str, port: int) -> bool:
    """Return whether a server takes a connection."""
    try:
        socket.create_connection((name, port), CONNECT_TIMEOUT_S).close()
    except OSError:
        return False
    return True


def answering_macs(address: str, links: list[dict[str, Any]]) -> list[str]:
    """Return who answers an ARP probe (RFC 5227) for an address on any link of its network."""
    if not address:
        return []
    found = set()
    for link in links:
        if link["mac"] and link["addresses"]:
            found |= probe(address, link["name"], link["mac"])
    return sorted(found)


def probe(address: str, interface: str, mac: str) -> set[str]:
    """Ask twice on one link and return the addresses of the cards that answer."""
    own, target = bytes.fromhex(mac.replace(":", "")), socket.inet_aton(address)
    header = b"\xff" * 6 + own + struct.pack("!H", ETHERNET_ARP)
    question = struct.pack("!HHBBH", 1, 0x0800, 6, 4, 1) + own + bytes(4) + bytes(6) + target
    found: set[str] = set()
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETHERNET_ARP)) as link:
        link.bind((interface, 0))
        for _ in range(2):
            link.send(header + question)
            end = time.monotonic() + ARP_WAIT_S / 2
            while (left := end - time.monotonic()) > 0:
                link.settimeout(left)
                try:
                    frame = link.recv(2048)
                except TimeoutError:
                    break
                if frame[20:22] == b"\x00\x02" and frame[28:32] == target:
                    found.add(frame[22:28].hex(":"))
    return found


def said(*command: str) -> str:
    """Return what a program printed; the empty string where it is missing."""
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=10, check=False).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ""


if __name__ == "__main__":
    main()
