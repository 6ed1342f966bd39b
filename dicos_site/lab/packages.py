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


# Before the name of a package whose file is in the image without being installed: what a role unpacks itself.
ARCHIVE = "archive:"


def of_host(site: Site, host: Host) -> tuple[str, ...]:
    """Return the packages of a host's image, sorted; hosts with equal lists share an image."""
    roles = services_of(site, host)
    return union([*map(role_packages, roles), *map(role_archives, roles)])


def union(lists: Iterable[Iterable[str]]) -> tuple[str, ...]:
    """Return the bare system's packages and all of the lists, sorted, each once."""
    return tuple(sorted({*BARE, *(name for names in lists for name in names)}))


def role_packages(role: str, roles: Path | None = None) -> tuple[str, ...]:
    """Return `__<role>_packages` of roles/<role>/vars/main.yml; none where there is no role or list."""
    return _listed(role, f"__{role}_packages", roles)


def role_archives(role: str) -> tuple[str, ...]:
    """Return `__<role>_archives` in the same way, each as `archive:NAME`."""
    return tuple(ARCHIVE + name for name in _listed(role, f"__{role}_archives"))


def _listed(role: str, name: str, roles: Path | None = None) -> tuple[str, ...]:
    file = (roles or places.project_root() / "roles") / role / "vars" / "main.yml"
    if not file.is_file():
        return ()
    values = yaml.safe_load(file.read_text()) or {}
    listed = values.get(name, []) if isinstance(values, dict) else None
    if not isinstance(listed, list) or not all(isinstance(entry, str) for entry in listed):
        raise LabError(
            Problem(f"{name} is not a list of package names", str(file), "write plain names, without Jinja")
        )
    return tuple(listed)
