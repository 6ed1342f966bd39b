"""Package list → root file system of a host, in a chroot where no daemon starts."""

import os
import shlex
import shutil
import subprocess
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from dicos_site import places
from dicos_site.errors import LabError, Problem
from dicos_site.lab.mirrors import KEYRING, SUITE, Mirrors, sources
from dicos_site.lab.packages import ARCHIVE
from dicos_site.lab.progress import Progress

BAKE_GIB = 8
_PRESET = "etc/systemd/system-preset/00-dicos.preset"
_MASKED = ("console-getty.service", "systemd-binfmt.service", "systemd-firstboot.service")
_ENABLED = ("dicos-host-key.service",)
_DISABLED = (
    "dpkg-db-backup.timer",
    "fstrim.timer",
    "getty@tty1.service",
    "remote-fs.target",
    "systemd-pstore.service",
)
_STEPS = ("downloading", "extracting", "installing")
_LAST_LINES = 25


def templates() -> Path:
    """Return the folder of the files that go into an image."""
    return places.project_root() / "templates" / "lab"


def bake(packages: tuple[str, ...], mirrors: Mirrors, folder: Path, progress: Progress) -> None:
    """Make folder/metadata.tar and folder/rootfs.squashfs; the folder exists and is empty."""
    root = folder / "rootfs"
    _bootstrap(packages, mirrors, root, progress)
    _write_files(root, mirrors)
    _disable_old_scripts(root)
    _forget_identity(root)
    progress("packing")
    _pack(root, folder)
    shutil.rmtree(root)


def bootstrap_command(packages: tuple[str, ...], root: Path, sources_file: Path) -> list[str]:
    """Return the mmdebstrap command; preset and policy-rc.d are there before a package is configured."""
    preset, target = templates() / "dicos.preset", '"$1"'
    installed = [name for name in packages if not name.startswith(ARCHIVE)]
    early = (
        f"mkdir -p {target}/{Path(_PRESET).parent} {target}/usr/sbin",
        f"cp {shlex.quote(str(preset))} {target}/{_PRESET}",
        f"printf '#!/bin/sh\\nexit 101\\n' > {target}/usr/sbin/policy-rc.d",
        f"chmod 755 {target}/usr/sbin/policy-rc.d",
    )
    return [
        "mmdebstrap",
        "--mode=root",
        "--variant=minbase",
        "--format=directory",
        f"--keyring={KEYRING}",
        '--aptopt=APT::Install-Recommends "false"',
        '--aptopt=Acquire::Retries "1"',
        "--dpkgopt=force-unsafe-io",
        f"--include={','.join(installed)}",
        *(f"--setup-hook={command}" for command in early),
        # A journal in /var/log, and no first-boot rebuilding of caches that the bake has just built.
        '--customize-hook=mkdir -p "$1/var/log/journal"',
        *_archive_hook(packages),
        SUITE,
        str(root),
        str(sources_file),
    ]


def _archive_hook(packages: tuple[str, ...]) -> list[str]:
    names = [name.removeprefix(ARCHIVE) for name in packages if name.startswith(ARCHIVE)]
    script = shlex.quote(str(templates() / "archives.sh"))
    return [f'--customize-hook=sh {script} "$1" {shlex.join(names)}'] if names else []


def _bootstrap(packages: tuple[str, ...], mirrors: Mirrors, root: Path, progress: Progress) -> None:
    sources_file = root.parent / "debian.sources"
    sources_file.write_text(sources(mirrors))
    # apt in the chroot keeps this machine's proxy variables; a UTF-8 locale stops perl's warnings.
    environment = os.environ | {"LC_ALL": "C.UTF-8", "TMPDIR": str(root.parent)}
    command = bootstrap_command(packages, root, sources_file)
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        errors="replace",
        env=environment,
    ) as process:
        log = [line.rstrip() for line in _told(process.stdout or (), progress)]
    if process.returncode != 0:
        raise LabError(_bake_problem(log, mirrors))


def _told(lines: Iterable[str], progress: Progress) -> Iterator[str]:
    """Yield the lines of mmdebstrap and tell its longer steps, "I: downloading ..."."""
    for line in lines:
        step = line.removeprefix("I: ").strip()
        if step != line.strip() and step.startswith(_STEPS):
            progress(step)
        yield line


def _bake_problem(lines: list[str], mirrors: Mirrors) -> Problem:
    missing = [line.rsplit(" ", 1)[-1] for line in lines if line.startswith("E: Unable to locate package")]
    if missing:
        return Problem(
            f"Debian {SUITE} has no package {', '.join(missing)}",
            "roles/*/vars/main.yml",
            "correct the role's package list",
        )
    return Problem(
        "the image of a host could not be baked:\n  " + "\n  ".join(lines[-_LAST_LINES:]),
        mirrors.debian,
        "check that the mirror answers and that the disk has space, then run the same command again",
    )


def _write_files(root: Path, mirrors: Mirrors) -> None:
    units = root / "etc/systemd/system"
    lists = root / "etc/apt/sources.list.d"
    for old in lists.iterdir():
        old.unlink()
    (lists / "debian.sources").write_text(sources(mirrors))
    _follow_presets(root)
    for unit in _ENABLED:
        shutil.copy(templates() / unit, units / unit)
    _systemctl(root, "enable", "systemd-networkd.service", "ssh.service", *_ENABLED)
    _systemctl(root, "mask", *_MASKED)
    _systemctl(root, "disable", *_DISABLED)
    (root / "usr/sbin/policy-rc.d").unlink(missing_ok=True)
    for stamp in ("etc/.updated", "var/.updated"):
        (root / stamp).touch()
    keys = root / "root/.ssh"
    keys.mkdir(mode=0o700, exist_ok=True)
    keys.chmod(0o700)


def _follow_presets(root: Path) -> None:
    """Disable what a package has enabled all the same: a few do so themselves, whatever the presets say."""
    listing = ["chroot", str(root), "systemctl", "list-unit-files", "--state=enabled", "--no-legend"]
    lines = subprocess.run(listing, check=True, capture_output=True, text=True).stdout.splitlines()
    services = [line.split()[0] for line in lines if line.split()[0].endswith(".service")]
    if services:
        _systemctl(root, "preset", *services)


def _systemctl(root: Path, verb: str, *units: str) -> None:
    subprocess.run(
        ["chroot", str(root), "systemctl", verb, "--quiet", *units], check=True, capture_output=True
    )


def _disable_old_scripts(root: Path) -> None:
    """Take SysV start links away: systemd starts each script without a unit, whatever the preset says."""
    for link in root.glob("etc/rc[2-5].d/S*"):
        if not (root / "usr/lib/systemd/system" / f"{link.name[3:]}.service").exists():
            link.rename(link.with_name(f"K01{link.name[3:]}"))


def _forget_identity(root: Path) -> None:
    for key in root.glob("etc/ssh/ssh_host_*"):
        key.unlink()
    # Empty, not absent: absent means "first boot" to systemd, which then applies all presets again.
    (root / "etc/machine-id").write_text("")
    for path in ("var/lib/dbus/machine-id", "etc/hostname", "etc/resolv.conf"):
        (root / path).unlink(missing_ok=True)


def _pack(root: Path, folder: Path) -> None:
    with tarfile.open(folder / "metadata.tar", "w") as archive:
        archive.add(templates() / "metadata.yaml", "metadata.yaml")
        for template in sorted(templates().glob("*.tpl")):
            archive.add(template, f"templates/{template.name}")
    # Level 1: half the packing time of the default for a tenth more disk.
    command = [
        "mksquashfs",
        str(root),
        str(folder / "rootfs.squashfs"),
        "-comp",
        "zstd",
        "-noappend",
        "-quiet",
    ]
    done = subprocess.run(
        [*command, "-no-progress", "-Xcompression-level", "1"], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise LabError(
            Problem(f"mksquashfs: {done.stderr.strip()}", str(folder), "free disk space, try again")
        )
