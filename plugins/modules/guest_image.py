#!/usr/bin/python
"""Debian's cloud kernel and busybox → kernel, ramdisk and disk of a machine that boots in seconds."""

from __future__ import annotations

import gzip
import hashlib
import lzma
import os
import shutil
import tempfile
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.host_paths import RefusalError, problem, system_problem

DOCUMENTATION = r"""
module: guest_image
short_description: Build a small machine's kernel, ramdisk and disk from packages of Debian
description:
  - The packages are unpacked, not installed; the machine's files are the same bytes wherever they are built.
  - A package is taken from O(archives), where the lab's images have it, or else downloaded by apt.
  - What was built lies in a directory that is named for what went in; while it is there, nothing is done.
options:
  directory:
    description: Where the results are kept; the newest only.
    type: path
    required: true
  archives:
    description: Where packages lie, and are downloaded to.
    type: path
    required: true
  kernel:
    description: Package of the kernel, or one that depends on it.
    type: str
    default: linux-image-cloud-amd64
  shell:
    description: Package of a static busybox.
    type: str
    default: busybox-static
  init:
    description: File of the host that becomes C(/init).
    type: path
    required: true
  network:
    description: File of the host that becomes C(/network), which udhcpc calls.
    type: path
    required: true
author: DiCOS (@dicos)
"""

EXAMPLES = r"""
- name: Build the machine
  guest_image:
    directory: /var/lib/dicos/guest
    archives: /var/cache/dicos/archives
    init: /usr/local/share/dicos/guest/init
    network: /usr/local/share/dicos/guest/network
"""

RETURN = r"""
kernel:
  description: Path of the kernel; so are ramdisk and disk.
  type: str
  returned: success
kernel_sha256:
  description: SHA-256 of the kernel; so are ramdisk_sha256 and disk_sha256.
  type: str
  returned: success
"""

SPEC = {
    "directory": {"type": "path", "required": True},
    "archives": {"type": "path", "required": True},
    "kernel": {"type": "str", "default": "linux-image-cloud-amd64"},
    "shell": {"type": "str", "default": "busybox-static"},
    "init": {"type": "path", "required": True},
    "network": {"type": "path", "required": True},
}
RESULTS = {"kernel": "vmlinuz", "ramdisk": "initrd.img", "disk": "disk.raw"}
DISK_MIB = 4
# A change of how the parts are put together is a new number.
FORM = 2
# A kernel begins like a boot sector, and nova refuses one whose partition table makes no sense; with these
# two bytes of a FAT boot sector it is no disk to GPTInspector of oslo.utils. No boot loader reads them.
NO_DISK = {0x10: 2, 0x15: 0xF8}
# In the order in which they load. What else such a machine needs is built into the kernel.
MODULES = (
    "failover",
    "net_failover",
    "virtio_net",
    "virtio_blk",
    "scsi_common",
    "scsi_mod",
    "virtio_scsi",
    "sd_mod",
    "button",
    "evdev",
)
FOLDERS = ("bin", "dev", "etc", "modules", "proc", "run", "sys", "tmp", "www")
APT = ("apt-get", "--quiet", "-o", "APT::Sandbox::User=root")


class Builder:
    """One building place; `changed` says whether anything was built."""

    def __init__(self, module: AnsibleModule) -> None:
        self.module = module
        self.archives = Path(module.params["archives"])
        self.home = Path(module.params["directory"])

    def result(self) -> dict[str, object]:
        """Return paths and checksums of what is there or was built."""
        parts = [self._archive(self.module.params[name]) for name in ("kernel", "shell")]
        if self.module.check_mode and not all(part and part.exists() for part in parts):
            return {"changed": True}
        packages = [part for part in parts if part is not None]
        sources = [Path(self.module.params[name]) for name in ("init", "network")]
        missing = [source for source in sources if not source.exists()]
        if missing and self.module.check_mode:
            return {"changed": True}
        place = self.home / _key([*packages, *sources])
        changed = not place.is_dir()
        if changed and not self.module.check_mode:
            self._build(place, packages, sources)
        return {"changed": changed, **(_described(place) if place.is_dir() else {})}

    def _archive(self, package: str) -> Path | None:
        """Return the newest archive of a package or of the one it depends on; downloaded where none is."""
        found = self._lying(package)
        if found is None and not self.module.check_mode:
            self._download(package)
            found = self._lying(package)
        return found

    def _lying(self, package: str) -> Path | None:
        # The cloud kernel's own package has its version in its name.
        stem = package.replace("linux-image-", "linux-image-*")
        found = [path for path in self.archives.glob(f"{stem}_*.deb") if path.stat().st_size > 1 << 17]
        return max(found, key=lambda path: path.stat().st_mtime, default=None)

    def _download(self, package: str) -> None:
        self.archives.mkdir(parents=True, exist_ok=True)
        name = self._real(package)
        if not name:
            self._run([*APT, "update"])
            name = self._real(package)
        if not name:
            fix = "give the host the package sources of Debian: `mirror:` in rack.yml"
            raise RefusalError(problem(f"apt does not know {package}", self.archives, fix))
        self._run([*APT, "download", name])

    def _real(self, package: str) -> str:
        """Return the package that holds the files: a kernel's stable name only depends on it."""
        _, output, _ = self.module.run_command(["apt-cache", "depends", "--important", package])
        lines = [line.strip() for line in output.splitlines()]
        images = [line.split()[1] for line in lines if line.startswith("Depends: linux-image-")]
        return images[0] if images else (package if lines and lines[0] == package else "")

    def _run(self, command: list[str]) -> None:
        code, output, errors = self.module.run_command(command, cwd=str(self.archives))
        if code != 0:
            fix = "mend the host's network or its package sources, then run again"
            said = (errors + output).strip()
            raise RefusalError(problem(f"{' '.join(command[:1])} fails: {said}", self.archives, fix))

    def _build(self, place: Path, packages: list[Path], sources: list[Path]) -> None:
        self.home.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self.home, prefix=".build-") as folder:
            unpacked, made = Path(folder, "unpacked"), Path(folder, "made")
            made.mkdir()
            for package in packages:
                self._run(["dpkg-deb", "--extract", str(package), str(unpacked)])
            kernel = bytearray(_only(unpacked, "boot/vmlinuz-*").read_bytes())
            for offset, value in NO_DISK.items():
                kernel[offset] = value
            (made / RESULTS["kernel"]).write_bytes(kernel)
            ramdisk = _ramdisk(unpacked, *(source.read_bytes() for source in sources))
            (made / RESULTS["ramdisk"]).write_bytes(ramdisk)
            with (made / RESULTS["disk"]).open("wb") as disk:
                disk.truncate(DISK_MIB << 20)
            made.chmod(0o755)
            made.rename(place)
        for old in self.home.iterdir():
            if old != place:
                shutil.rmtree(old, ignore_errors=True)


def _key(files: list[Path]) -> str:
    digest = hashlib.sha256(repr((FORM, MODULES, FOLDERS, DISK_MIB)).encode())
    for file in files:
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()[:20]


def _described(place: Path) -> dict[str, str]:
    paths = {name: place / file for name, file in RESULTS.items()}
    sums = {f"{name}_sha256": hashlib.sha256(path.read_bytes()).hexdigest() for name, path in paths.items()}
    return {name: str(path) for name, path in paths.items()} | sums


def _only(folder: Path, pattern: str) -> Path:
    found = sorted(folder.glob(pattern))
    if len(found) != 1:
        what = f"{len(found)} files are called {pattern}, one is needed"
        raise RefusalError(problem(what, folder, "remove old packages from the archives, then run again"))
    return found[0]


def _ramdisk(unpacked: Path, init: bytes, network: bytes) -> bytes:
    """Return a compressed ramdisk; names, order, owners and times are the same in every build."""
    entries = [(name, 0o040755, b"") for name in FOLDERS]
    entries.append(("bin/busybox", 0o100755, _busybox(unpacked).read_bytes()))
    for number, name in enumerate(MODULES):
        entries.append((f"modules/{number:02}-{name}.ko", 0o100644, _module(unpacked, name)))
    entries += [("init", 0o100755, init), ("network", 0o100755, network)]
    return gzip.compress(cpio(entries), compresslevel=6, mtime=0)


def _busybox(unpacked: Path) -> Path:
    return _only(unpacked, "usr/bin/busybox" if (unpacked / "usr/bin/busybox").exists() else "bin/busybox")


def _module(unpacked: Path, name: str) -> bytes:
    return lzma.decompress(_only(unpacked, f"**/modules/*/kernel/**/{name}.ko.xz").read_bytes())


def cpio(entries: list[tuple[str, int, bytes]]) -> bytes:
    """Return an archive of (name, mode, content) in the form "newc" that the kernel unpacks.

    Source: Documentation/driver-api/early-userspace/buffer-format.rst of the kernel.
    """
    parts = []
    for number, (name, mode, content) in enumerate([*entries, ("TRAILER!!!", 0, b"")], start=1):
        encoded = name.encode() + b"\0"
        fields = (number, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(encoded), 0)
        header = b"070701" + b"".join(b"%08X" % field for field in fields) + encoded
        parts += [header, b"\0" * (-len(header) % 4), content, b"\0" * (-len(content) % 4)]
    return b"".join(parts)


def main() -> None:
    """Answer Ansible."""
    module = AnsibleModule(argument_spec=SPEC, supports_check_mode=True)
    os.umask(0o022)
    try:
        module.exit_json(**Builder(module).result())
    except RefusalError as refusal:
        module.fail_json(msg=str(refusal))
    except OSError as error:
        module.fail_json(msg=system_problem(error))


if __name__ == "__main__":
    main()
