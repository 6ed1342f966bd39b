#!/usr/bin/python
"""A machine tried on the processor itself → whether KVM works on this host."""

from __future__ import annotations

import subprocess
import tempfile
import time
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: kvm_trial
short_description: Try whether this host runs machines on its processor, by running one
description:
  - Starts a machine without a disk whose firmware is OVMF, and waits for the firmware's first words on the
    serial console.
  - The presence of /dev/kvm says little, and the end of an old BIOS no more. Where a host is itself a machine
    of a poor hypervisor, both are there, and the first 64-bit code ends in an internal error of KVM.
  - Changes nothing and keeps nothing; one second where KVM works.
options:
  emulator:
    description: The emulator.
    type: path
    default: /usr/bin/qemu-system-x86_64
  firmware:
    description: The firmware, 64-bit code that speaks on the serial console.
    type: path
    default: /usr/share/OVMF/OVMF_CODE_4M.fd
  timeout_s:
    description: Seconds within which the firmware must speak.
    type: int
    default: 30
author: DiCOS (@dicos)
"""

EXAMPLES = r"""
- name: Try whether machines run on the processor itself
  kvm_trial:
  register: __nova_compute_trial
"""

RETURN = r"""
works:
  description: Whether machines run on the processor itself.
  type: bool
  returned: success
reason:
  description: Why not, or what the firmware said.
  type: str
  returned: success
"""

SPEC = {
    "emulator": {"type": "path", "default": "/usr/bin/qemu-system-x86_64"},
    "firmware": {"type": "path", "default": "/usr/share/OVMF/OVMF_CODE_4M.fd"},
    "timeout_s": {"type": "int", "default": 30},
}
DEVICE = Path("/dev/kvm")
PAUSE_S = 0.1
# The firmware's first words, after the sequences that clear a terminal.
SPOKEN = ("UEFI", "BdsDxe")
BROKEN = "KVM internal error"


def main() -> None:
    """Answer Ansible."""
    module = AnsibleModule(argument_spec=SPEC, supports_check_mode=True)
    works, reason = trial(
        Path(module.params["emulator"]), Path(module.params["firmware"]), module.params["timeout_s"]
    )
    module.exit_json(changed=False, works=works, reason=reason)


def trial(emulator: Path, firmware: Path, timeout_s: float) -> tuple[bool, str]:
    """Return whether a machine runs, and why not or what it said."""
    missing = [str(path) for path in (DEVICE, emulator, firmware) if not path.exists()]
    if missing:
        return False, f"there is no {' and no '.join(missing)}"
    with tempfile.TemporaryDirectory() as directory:
        console, words = Path(directory, "console"), Path(directory, "words")
        with words.open("wb") as output:
            machine = subprocess.Popen(
                command(emulator, firmware, console), stdout=output, stderr=output, stdin=subprocess.DEVNULL
            )
            try:
                return _outcome(machine, console, words, time.monotonic() + timeout_s)
            finally:
                machine.kill()
                machine.wait()


def command(emulator: Path, firmware: Path, console: Path) -> list[str]:
    """Return the smallest machine that runs the firmware on the host's own kind of processor."""
    return [
        str(emulator),
        *("-accel", "kvm", "-cpu", "host", "-machine", "q35", "-m", "128"),
        *("-nodefaults", "-no-user-config", "-no-reboot", "-display", "none"),
        *("-drive", f"if=pflash,format=raw,readonly=on,file={firmware}"),
        *("-serial", f"file:{console}"),
    ]


def _outcome(
    machine: subprocess.Popen[bytes], console: Path, words: Path, deadline: float
) -> tuple[bool, str]:
    while time.monotonic() < deadline:
        ended = machine.poll() is not None
        said = judged(_text(console), _text(words), ended=ended)
        if said is not None:
            return said
        time.sleep(PAUSE_S)
    return False, "the firmware said nothing in time"


def judged(console: str, words: str, *, ended: bool) -> tuple[bool, str] | None:
    """Return the verdict on what firmware and emulator have said so far; None where it is open."""
    if any(word in console for word in SPOKEN):
        return True, "a firmware ran"
    if BROKEN in words or ended:
        lines = [line.strip() for line in words.splitlines() if line.strip()]
        start = next((number for number, line in enumerate(lines) if BROKEN in line), 0)
        return False, ", ".join(lines[start : start + 2]) or "the emulator ended without a word"
    return None


def _text(path: Path) -> str:
    return path.read_text(errors="replace") if path.exists() else ""


if __name__ == "__main__":
    main()
