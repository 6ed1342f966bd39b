#!/usr/bin/python
"""A host's configuration → its Galera member Synced and as new as its files."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: galera_member
short_description: Keep this host's Galera member running, Synced, and as new as its files
description:
  - Enables and starts C(galera-guard) and C(mariadb); the guard alone decides who bootstraps.
  - A new certificate is loaded without a restart. A new configuration needs O(restart).
options:
  server_files:
    description: Files that the server reads at its start.
    type: list
    elements: path
    required: true
  guard_files:
    description: Files that the guard reads at its start.
    type: list
    elements: path
    required: true
  restart:
    description: Restart a server that is older than its files.
    type: bool
    default: false
  timeout_s:
    description: Seconds until the member must be Synced.
    type: int
    default: 600
"""
RETURN = r"""
restart_needed:
  description: Whether the server is older than its files.
  type: bool
  returned: always
"""

GUARD = "galera-guard.service"
SERVER = "mariadb.service"
CERTIFICATE = "/etc/dicos/pki/mariadb.crt"
LOADED = Path("/run/dicos-galera/certificate-loaded")


def main() -> None:
    """Bring the member to its state and report."""
    module = AnsibleModule(
        argument_spec={
            "server_files": {"type": "list", "elements": "path", "required": True},
            "guard_files": {"type": "list", "elements": "path", "required": True},
            "restart": {"type": "bool", "default": False},
            "timeout_s": {"type": "int", "default": 600},
        },
        supports_check_mode=True,
    )
    changes: list[str] = []
    _manage_units(module, changes)
    restart_needed = _running(SERVER) and _older(SERVER, module.params["server_files"])
    if restart_needed and module.params["restart"]:
        changes.append("restarted the server")
        if not module.check_mode:
            _systemctl("restart", "--no-block", SERVER)
            _wait_until_new(module)
    if not module.check_mode:
        _wait_until_synced(module)
    _load_certificate(module, changes)
    module.exit_json(changed=bool(changes), changes=changes, restart_needed=restart_needed)


def _manage_units(module: AnsibleModule, changes: list[str]) -> None:
    disabled = [unit for unit in (GUARD, SERVER) if _systemctl("is-enabled", unit).strip() != "enabled"]
    guard_old = not _running(GUARD) or _older(GUARD, module.params["guard_files"])
    if disabled:
        changes.append("enabled " + ", ".join(disabled))
    if guard_old:
        changes.append("started the guard")
    if not _running(SERVER):
        changes.append("started the server")
    if module.check_mode:
        return
    if any("yes" in _property(unit, "NeedDaemonReload") for unit in (GUARD, SERVER)) or disabled:
        _systemctl("daemon-reload")
    if disabled:
        _systemctl("enable", *disabled)
    if guard_old:
        _systemctl("restart", GUARD)
    # One that never ran is the guard's to start: it may be the first of a new cluster.
    if not _running(SERVER) and _property(SERVER, "InactiveEnterTimestampMonotonic") != "0":
        _systemctl("reset-failed", SERVER)
        _systemctl("start", "--no-block", SERVER)


def _wait_until_new(module: AnsibleModule) -> None:
    deadline = time.monotonic() + module.params["timeout_s"]
    while not _running(SERVER) or _older(SERVER, module.params["server_files"]):
        if time.monotonic() > deadline:
            _fail(module, f"mariadb.service did not restart within {module.params['timeout_s']} s")
        time.sleep(0.3)


def _wait_until_synced(module: AnsibleModule) -> None:
    deadline = time.monotonic() + module.params["timeout_s"]
    while (
        _sql(
            "SELECT VARIABLE_VALUE FROM information_schema.GLOBAL_STATUS WHERE VARIABLE_NAME = "
            "'wsrep_local_state_comment'"
        )
        != "Synced"
    ):
        if time.monotonic() > deadline:
            _fail(module, f"the member was not Synced within {module.params['timeout_s']} s")
        time.sleep(0.3)


def _load_certificate(module: AnsibleModule, changes: list[str]) -> None:
    written = _newest([CERTIFICATE])
    if not _running(SERVER) or written <= max(_started(SERVER), _newest([str(LOADED)])):
        return
    changes.append("loaded the certificate")
    if not module.check_mode:
        _sql("FLUSH SSL; SET GLOBAL wsrep_provider_options = 'socket.ssl_reload=1'")
        LOADED.parent.mkdir(exist_ok=True)
        LOADED.touch()


def _fail(module: AnsibleModule, reason: str) -> None:
    explanation = _output("/usr/local/sbin/galera-guard", "explain")
    journal = _output("journalctl", "--no-pager", "-n", "20", "-o", "cat", "-u", SERVER)
    module.fail_json(msg=f"{reason}\n{explanation}\njournal of mariadb.service:\n{journal}")


def _older(unit: str, files: list[str]) -> bool:
    return _newest(files) > _started(unit)


def _newest(files: list[str]) -> float:
    return max((Path(name).stat().st_mtime for name in files if Path(name).exists()), default=0.0)


def _started(unit: str) -> float:
    """Return when the unit's process was started, in seconds since the epoch, to the microsecond."""
    monotonic_us = int(_property(unit, "ExecMainStartTimestampMonotonic") or 0)
    return monotonic_us / 1e6 + time.time() - time.monotonic()


def _running(unit: str) -> bool:
    return _property(unit, "MainPID") not in ("", "0")


def _property(unit: str, name: str) -> str:
    return _systemctl("show", "--value", "--property", name, unit).strip()


def _systemctl(*arguments: str) -> str:
    return _output("systemctl", *arguments)


def _sql(statement: str) -> str:
    return _output("mariadb", "--user=root", "-NBe", statement).strip()


def _output(*command: str) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ""


if __name__ == "__main__":
    main()
