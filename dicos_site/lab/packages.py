"""Site → the packages of each host's image, from the lists of the roles that the host carries."""

from collections.abc import Iterable
from pathlib import Path

import yaml

from dicos_site import places
from dicos_site.errors import LabError, Problem
from dicos_site.model import Host, Site
from dicos_site.placement import services_of

# What a bare Debian server has before a role touches it: an init system, SSH, Python for Ansible, a network.
BARE = (
    "ca-certificates",
    "chrony",
    "curl",
    "dbus",
    "debian-archive-keyring",
    "iproute2",
    "iputils-ping",
    "kmod",
    "less",
    "logrotate",
    "netbase",
    "nftables",
    "openssh-server",
    "procps",
    "python3",
    "python3-apt",
    "systemd",
    "systemd-sysv",
)


def of_host(site: Site, host: Host) -> tuple[str, ...]:
    """Return the packages of a host's image, sorted; hosts with equal lists share an image."""
    return union(role_packages(role) for role in services_of(site, host))


def union(lists: Iterable[Iterable[str]]) -> tuple[str, ...]:
    """Return the bare system's packages and all of the lists, sorted, each once."""
    return tuple(sorted({*BARE, *(name for names in lists for name in names)}))


def role_packages(role: str, roles: Path | None = None) -> tuple[str, ...]:
    """Return `__<role>_packages` of roles/<role>/vars/main.yml; none where there is no role or list."""
    file = (roles or places.project_root() / "roles") / role / "vars" / "main.yml"
    if not file.is_file():
        return ()
    name = f"__{role}_packages"
    values = yaml.safe_load(file.read_text()) or {}
    listed = values.get(name, []) if isinstance(values, dict) else None
    if not isinstance(listed, list) or not all(isinstance(entry, str) for entry in listed):
        raise LabError(
            Problem(f"{name} is not a list of package names", str(file), "write plain names, without Jinja")
        )
    return tuple(listed)
