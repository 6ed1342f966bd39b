#!/usr/bin/python
"""Hosts whose nova-compute has reported → hosts on which nova places machines."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible.module_utils.host_paths import RefusalError, problem
from ansible.module_utils.nova_database import PYMYSQL, NovaDatabase

if PYMYSQL:
    import pymysql

DOCUMENTATION = r"""
module: nova_hosts
short_description: Wait until hosts can run machines, and put them into the cell
description:
  - A host that is in a cell already costs one question to the database.
  - Runs where nova's own configuration is, on a controller.
options:
  names:
    description: The hosts, by the name under which their nova-compute reports.
    type: list
    elements: str
    required: true
  config:
    description: nova's configuration, which says how its databases are reached.
    type: path
    default: /etc/nova/nova.conf
  timeout_s:
    description: Seconds to wait for hosts that have not reported.
    type: int
    default: 180
author: DiCOS (@dicos)
"""

EXAMPLES = r"""
- name: Let nova place machines on every host
  nova_hosts:
    names: [node1, node2, node3]
  run_once: true
  delegate_to: ctl1
"""

RETURN = r"""
added:
  description: Hosts that were, or in check mode would be, put into the cell.
  type: list
  elements: str
  returned: success
"""

SPEC = {
    "names": {"type": "list", "elements": "str", "required": True},
    "config": {"type": "path", "default": "/etc/nova/nova.conf"},
    "timeout_s": {"type": "int", "default": 180},
}
PAUSE_S = 1.0


def main() -> None:
    """Answer Ansible."""
    module = AnsibleModule(argument_spec=SPEC, supports_check_mode=True)
    if not PYMYSQL:
        if module.check_mode:  # on a host where it would be installed first
            module.exit_json(changed=True, added=[])
        module.fail_json(msg=missing_required_lib("PyMySQL"))
    try:
        added = _converge(module)
    except (RefusalError, pymysql.Error) as error:
        if module.check_mode:  # on a site where nova would be there first
            module.exit_json(changed=True, added=[])
        module.fail_json(msg=_said(error, module.params["config"]))
    module.exit_json(changed=bool(added), added=added)


def _said(error: Exception, config: str) -> str:
    if isinstance(error, RefusalError):
        return str(error)
    what = f"nova's databases do not answer: {error.args[-1]}"
    refusal: str = problem(what, config, "see docs/runbooks/GALERA_WRITER.md")
    return refusal


def _converge(module: AnsibleModule) -> list[str]:
    """Return the hosts that were put into the cell."""
    database = NovaDatabase(Path(module.params["config"]))
    outside = _outside(database, module.params["names"])
    if not outside or module.check_mode:
        return outside
    silent = _wait(database, outside, module.params["timeout_s"])
    # Those that have reported are of use, whatever becomes of the others.
    if len(silent) < len(outside):
        _discover(module)
    missing = sorted({*silent, *_outside(database, outside)})
    if missing:
        what = f"nova-compute has not reported for {module.params['timeout_s']} s"
        fix = "read its journal there: journalctl -u nova-compute -u libvirtd"
        raise RefusalError(*(problem(what, name, fix) for name in missing))
    return outside


def _outside(database: NovaDatabase, names: Iterable[str]) -> list[str]:
    """Return the hosts that are in no cell."""
    inside = _first_column(database, "nova_api", "SELECT host FROM host_mappings")
    return [name for name in names if name not in inside]


def _wait(database: NovaDatabase, names: list[str], timeout_s: int) -> list[str]:
    """Return the hosts that have not reported in time."""
    deadline = time.monotonic() + timeout_s
    while True:
        reported = _first_column(database, "nova", "SELECT host FROM compute_nodes WHERE deleted = 0")
        silent = [name for name in names if name not in reported]
        if not silent or time.monotonic() > deadline:
            return silent
        time.sleep(PAUSE_S)


def _first_column(database: NovaDatabase, name: str, question: str) -> set[str]:
    with database.open(name) as connection, connection.cursor() as cursor:
        cursor.execute(question)
        return {row[0] for row in cursor.fetchall()}


def _discover(module: AnsibleModule) -> None:
    code, output, errors = module.run_command(
        ["runuser", "-u", "nova", "--", "nova-manage", "cell_v2", "discover_hosts"]
    )
    if code != 0:
        lines = (output + errors).strip().splitlines()[-3:] or [f"exit code {code}"]
        what = f"nova cannot add hosts: {' / '.join(lines)}"
        raise RefusalError(problem(what, "nova-manage cell_v2 discover_hosts", "run it by hand as user nova"))


if __name__ == "__main__":
    main()
