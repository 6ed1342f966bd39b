"""The lab's hosts → reached over SSH, with their own keys known before the first connection."""

import socket
import subprocess
import time
from pathlib import Path

from dicos_site import places
from dicos_site.errors import LabError, Problem
from dicos_site.lab import incus, names
from dicos_site.model import Host, Site

ANSWER_S = 90
_HOST_KEY = "/etc/ssh/ssh_host_ed25519_key.pub"


def folder(site: Site) -> Path:
    """Return the site's folder of keys, which only its owner reads."""
    path = places.site_home(site) / "ssh"
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def key(site: Site) -> Path:
    """Return the private key with which the hosts are reached: rack.yml's, or the lab's own."""
    return Path(site.ssh.key).expanduser() if site.ssh.key else folder(site) / "id_ed25519"


def ensure_key(site: Site) -> str:
    """Return the public key, after making the lab's own pair where it is missing."""
    private = key(site)
    public = private.with_name(f"{private.name}.pub")
    if not private.exists() and site.ssh.key is None:
        command = [
            "ssh-keygen",
            "-q",
            "-t",
            "ed25519",
            "-N",
            "",
            "-C",
            f"dicos-site {site.site}",
            "-f",
            str(private),
        ]
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL, capture_output=True)
    if not public.is_file():
        raise LabError(
            Problem(f"there is no public key {public}", "ssh.key", f"ssh-keygen -y -f {private} > {public}")
        )
    return public.read_text()


def wait(site: Site, host: Host) -> str:
    """Return the host's line of known_hosts as soon as its sshd answers; LabError after 90 s."""
    end = time.monotonic() + ANSWER_S
    while not answers(host):
        if time.monotonic() > end:
            raise LabError(
                Problem(
                    f"{host.name} does not answer over SSH after {ANSWER_S} s",
                    str(host.address),
                    f"incus exec --project {names.project(site)} {host.name} -- journalctl -b",
                )
            )
        time.sleep(0.1)
    # Not through Incus' file API: its helper drops connections on a busy machine.
    return known_host(site, host, incus.execute(names.project(site), host.name, "cat", _HOST_KEY))


def answers(host: Host, timeout_s: float = 2) -> bool:
    """Return whether something that speaks SSH answers on the host's address."""
    try:
        with socket.create_connection((str(host.address), 22), timeout=timeout_s) as connection:
            return connection.recv(4) == b"SSH-"
    except OSError:
        return False


def known_host(site: Site, host: Host, public_key: str) -> str:
    """Return the line of known_hosts for a host's public key."""
    kind, text = public_key.split()[:2]
    return f"{host.name},{site.fqdn(host.name)},{host.address} {kind} {text}"


def write_known_hosts(site: Site, lines: list[str]) -> None:
    """Replace known_hosts at once: a connection that starts meanwhile reads the old or the new file."""
    file = folder(site) / "known_hosts"
    part = file.with_name("known_hosts.part")
    part.write_text("\n".join(lines) + "\n")
    part.replace(file)


def command(site: Site, host: Host, words: tuple[str, ...]) -> list[str]:
    """Return the ssh command that opens a shell on a host, or runs `words` there."""
    options = (
        f"IdentityFile={key(site)}",
        "IdentitiesOnly=yes",
        f"UserKnownHostsFile={folder(site) / 'known_hosts'}",
        "StrictHostKeyChecking=yes",
        f"HostKeyAlias={host.name}",
        "ConnectTimeout=8",
        *(("BatchMode=yes",) if words else ()),
    )
    return [
        "ssh",
        "-q",
        *(word for option in options for word in ("-o", option)),
        "-p",
        str(site.ssh.port),
        f"{site.ssh.user}@{host.address}",
        *words,
    ]


def prove(site: Site, host: Host) -> None:
    """LabError where a command cannot be run on the host with our key and its key."""
    done = subprocess.run(
        [word for word in command(site, host, ("true",)) if word != "-q"],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    if done.returncode != 0:
        raise LabError(
            Problem(
                f"{host.name} refuses us over SSH: {done.stderr.strip() or 'no reason given'}",
                str(host.address),
                f"dicos-site lab ssh {host.name}; if its key was changed, `dicos-site lab up` reads it again",
            )
        )
