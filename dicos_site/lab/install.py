"""A Debian machine → one with Incus and the tools to bake images, from its own mirror."""

import os
import shutil
import subprocess
from pathlib import Path

from dicos_site.errors import LabError, Problem
from dicos_site.lab import mirrors
from dicos_site.lab.progress import Progress

INCUSD = Path("/usr/libexec/incus/incusd")
SOURCES = Path("/etc/apt/sources.list.d/dicos-backports.sources")
PREFERENCES = Path("/etc/apt/preferences.d/dicos-backports")
# What must be on the machine → the package that brings it.
TOOLS = {
    str(INCUSD): "incus-base",
    "incus": "incus-client",
    "btrfs": "btrfs-progs",
    "mksquashfs": "squashfs-tools",
    "unsquashfs": "squashfs-tools",
    "mmdebstrap": "mmdebstrap",
    "dnsmasq": "dnsmasq-base",
    "nft": "nftables",
    "setfacl": "acl",
    "getfattr": "attr",
    "rsync": "rsync",
    "newuidmap": "uidmap",
    "ip": "iproute2",
    "ssh": "openssh-client",
    "zstd": "zstd",
    "xz": "xz-utils",
    mirrors.KEYRING: "debian-archive-keyring",
}
# Debian 12 has no Incus, its backports do; from 13 on Debian itself has it.
_BACKPORTED = {"bookworm": ("incus-base", "incus-client", "mmdebstrap")}
_LAST_LINES = 15


def ensure(progress: Progress) -> bool:
    """Install what is missing and return whether anything was; touches nothing where all is there."""
    packages = missing()
    if not packages:
        return False
    codename = _codename()
    progress(f"installing {', '.join(packages)}")
    if codename in _BACKPORTED and set(packages) & set(_BACKPORTED[codename]):
        _add_backports(codename)
    _apt("update")
    wanted = [
        f"{package}/{codename}-backports" if package in _BACKPORTED.get(codename, ()) else package
        for package in packages
    ]
    _apt("install", "--yes", "--no-install-recommends", *wanted)
    if still := missing():
        raise LabError(
            Problem(f"still missing after the installation: {', '.join(still)}", "apt-get install")
        )
    return True


def missing() -> tuple[str, ...]:
    """Return the packages whose tool is not on the machine, sorted."""
    search = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    return tuple(
        sorted(
            {
                package
                for tool, package in TOOLS.items()
                if not shutil.which(tool, path=search) and not (tool.startswith("/") and Path(tool).exists())
            }
        )
    )


def backports(codename: str, mirror: str) -> str:
    """Return the source of a release's backports on the machine's own mirror."""
    suites = f"{codename}-backports"
    return f"Types: deb\nURIs: {mirror}\nSuites: {suites}\nComponents: main\nSigned-By: {mirrors.KEYRING}\n"


def preferences(codename: str) -> str:
    """Return the pin that takes from backports only what is asked from there, apt_preferences(5)."""
    return f"Package: *\nPin: release n={codename}-backports\nPin-Priority: 100\n"


def _add_backports(codename: str) -> None:
    targets = ["apt-get", "indextargets", "--format", "$(RELEASE)", "Created-By: Packages"]
    known = subprocess.run(targets, capture_output=True, text=True, check=False).stdout.split()
    if f"{codename}-backports" in known:
        return
    SOURCES.write_text(backports(codename, mirrors.of_machine().debian))
    PREFERENCES.write_text(preferences(codename))


def _codename() -> str:
    release = dict(
        line.split("=", 1) for line in Path("/etc/os-release").read_text().splitlines() if "=" in line
    )
    if release.get("ID", "").strip('"') not in ("debian", "ubuntu") or not shutil.which("apt-get"):
        raise LabError(
            Problem(
                f"the lab cannot install its tools on {release.get('PRETTY_NAME', 'this system')}",
                "/etc/os-release",
                f"use Debian 12 or 13, or install by hand: {', '.join(missing())}",
            )
        )
    return release.get("VERSION_CODENAME", "").strip('"')


def _apt(*words: str) -> None:
    # A long wait for the lock: unattended-upgrades holds it for minutes on a fresh machine.
    command = ["apt-get", "--quiet", "-o", "DPkg::Lock::Timeout=300", "-o", "Acquire::Retries=1", *words]
    done = subprocess.run(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        env=os.environ | {"DEBIAN_FRONTEND": "noninteractive"},
        check=False,
    )
    # `update` fails for one broken third-party source, while ours may be fine: `install` will tell.
    if done.returncode != 0 and words[0] != "update":
        said = "\n  ".join(done.stdout.splitlines()[-_LAST_LINES:])
        raise LabError(Problem(f"apt-get {words[0]} failed:\n  {said}", "", "mend apt's sources, try again"))
