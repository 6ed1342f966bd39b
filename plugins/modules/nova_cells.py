#!/usr/bin/python
"""The release's tables and nova.conf → nova's three databases and its two cells."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible.module_utils.host_paths import RefusalError, problem
from ansible.module_utils.nova_database import PYMYSQL, NovaDatabase
from ansible.module_utils.revisions import heads

if PYMYSQL:
    import pymysql

DOCUMENTATION = r"""
module: nova_cells
short_description: Bring nova's tables to this release and make its cells
description:
  - Migrates C(nova_api), C(nova) and C(nova_cell0) beside one another, but only those whose revision differs
    from the newest among the scripts on this host.
  - Makes C(cell0) and C(cell1) with templates of URLs, so that no password lies in the database; each nova
    fills them from its own configuration.
options:
  config:
    description: nova's configuration, which says how its databases are reached.
    type: path
    default: /etc/nova/nova.conf
  migrations:
    description: Where nova's package keeps its migrations; in it are C(api) and C(main).
    type: path
    default: /usr/lib/python3/dist-packages/nova/db
  timeout_s:
    description: Seconds after which a migration is stopped.
    type: int
    default: 1800
author: DiCOS (@dicos)
"""

EXAMPLES = r"""
- name: Bring the tables to this release and make the cells
  nova_cells:
  run_once: true
"""

RETURN = r"""
migrated:
  description: Databases whose tables were, or in check mode would be, brought to this release.
  type: list
  elements: str
  returned: success
cells:
  description: Cells that were, or would be, made or corrected.
  type: list
  elements: str
  returned: success
"""

SPEC = {
    "config": {"type": "path", "default": "/etc/nova/nova.conf"},
    "migrations": {"type": "path", "default": "/usr/lib/python3/dist-packages/nova/db"},
    "timeout_s": {"type": "int", "default": 1800},
}
# nova's own constant, CellMapping.CELL0_UUID.
CELL0 = "00000000-0000-0000-0000-000000000000"
ACCOUNT = "{username}:{password}@{hostname}:{port}"


@dataclass(frozen=True)
class Cell:
    """A row of nova_api.cell_mappings."""

    uuid: str
    name: str
    transport_url: str
    database: str


@dataclass(frozen=True)
class Work:
    """A command of nova, with what it sees in its environment."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)


def main() -> None:
    """Answer Ansible."""
    module = AnsibleModule(argument_spec=SPEC, supports_check_mode=True)
    if not PYMYSQL:
        if module.check_mode:  # on a host where it would be installed first
            module.exit_json(changed=True, migrated=[], cells=[])
        module.fail_json(msg=missing_required_lib("PyMySQL"))
    try:
        migrated, cells = _converge(module)
    except RefusalError as refusal:
        if module.check_mode:  # on a host where nova would be installed first
            module.exit_json(changed=True, migrated=[], cells=[])
        module.fail_json(msg=str(refusal))
    except pymysql.Error as error:
        if module.check_mode:  # on a site where the databases would be made first
            module.exit_json(changed=True, migrated=[], cells=[])
        what = f"nova's databases do not answer: {error.args[-1]}"
        module.fail_json(msg=problem(what, module.params["config"], "see docs/runbooks/GALERA_WRITER.md"))
    module.exit_json(changed=bool(migrated or cells), migrated=migrated, cells=cells)


def _converge(module: AnsibleModule) -> tuple[list[str], list[str]]:
    """Return the databases that were migrated and the cells that were made or corrected."""
    database = NovaDatabase(Path(module.params["config"]))
    due = _due(database, Path(module.params["migrations"]))
    if not module.check_mode:
        _run(due, module.params["timeout_s"])
    known = [] if module.check_mode and due else _cells(database)
    works = corrections(wanted_cells(database.brokers()), known)
    if not module.check_mode:
        _run(works, module.params["timeout_s"])
    return [work.name for work in due], [work.name for work in works]


def _due(database: NovaDatabase, migrations: Path) -> list[Work]:
    """Return the migrations that have something to do; each touches one database and no other's tables."""
    main_sync = ("nova-manage", "db", "sync", "--local_cell")
    # nova-manage finds cell0 through the cells, which are not there before the tables.
    instead = {"OS_DATABASE__CONNECTION": database.url("database", "nova_cell0")}
    works = {
        "api": [Work("nova_api", ("nova-manage", "api_db", "sync"))],
        "main": [Work("nova", main_sync), Work("nova_cell0", main_sync, instead)],
    }
    due = []
    for schema, candidates in works.items():
        wanted = heads(migrations / schema / "migrations" / "versions")
        if not wanted:
            raise RefusalError(problem("there are no migrations", migrations, "install python3-nova first"))
        due += [work for work in candidates if _revisions(database, work.name) != wanted]
    return due


def _revisions(database: NovaDatabase, name: str) -> set[str]:
    with database.open(name) as connection, connection.cursor() as cursor:
        if not cursor.execute("SHOW TABLES LIKE 'alembic_version'"):
            return set()
        cursor.execute("SELECT version_num FROM alembic_version")
        return {row[0] for row in cursor.fetchall()}


def _cells(database: NovaDatabase) -> list[Cell]:
    """Return the cells as they lie in the database; nova itself shows templates only filled in."""
    with database.open("nova_api") as connection, connection.cursor() as cursor:
        cursor.execute("SELECT uuid, name, transport_url, database_connection FROM cell_mappings")
        return [Cell(uuid, name or "", transport, url) for uuid, name, transport, url in cursor.fetchall()]


def wanted_cells(brokers: int) -> tuple[Cell, Cell]:
    """Return the cell of machines that found no host, and that of all others, whose UUID nova chooses."""
    numbers = [""] if brokers == 1 else [str(number) for number in range(1, brokers + 1)]
    accounts = ",".join(ACCOUNT.replace("}", f"{number}}}") for number in numbers)
    cell0 = f"{{scheme}}://{ACCOUNT}/nova_cell0?{{query}}"
    cell1 = f"{{scheme}}://{ACCOUNT}/{{path}}?{{query}}"
    return (
        Cell(CELL0, "cell0", "none:///", cell0),
        Cell("", "cell1", f"{{scheme}}://{accounts}/{{path}}", cell1),
    )


def corrections(wanted: Sequence[Cell], known: Sequence[Cell]) -> list[Work]:
    """Return what makes the known cells the wanted ones; a cell that somebody added stays."""
    works = []
    for cell in wanted:
        found = next((one for one in known if cell.uuid == one.uuid or cell.name == one.name), None)
        urls = ("--database_connection", cell.database)
        transport = ("--transport-url", cell.transport_url)
        if found is None and cell.uuid == CELL0:
            command: tuple[str, ...] = ("map_cell0", *urls)
        elif found is None:
            command = ("create_cell", "--name", cell.name, *urls, *transport)
        elif (found.database, found.transport_url) != (cell.database, cell.transport_url):
            command = ("update_cell", "--cell_uuid", found.uuid, "--name", cell.name, *urls, *transport)
        else:
            continue
        works.append(Work(cell.name, ("nova-manage", "cell_v2", *command)))
    return works


def _run(works: Sequence[Work], timeout_s: int) -> None:
    """Run all at once, and raise RefusalError with everything that failed."""
    if not works:
        return
    with ThreadPoolExecutor(len(works)) as pool:
        said = list(pool.map(lambda work: _failure(work, timeout_s), works))
    failures = [failure for failure in said if failure]
    if failures:
        raise RefusalError(*failures)


def _failure(work: Work, timeout_s: int) -> str:
    """Run one command as nova; return what went wrong as a problem, or nothing."""
    command = ["runuser", "-u", "nova", "--", "timeout", str(timeout_s), *work.command]
    ended = subprocess.run(
        command, env={**os.environ, **work.environment}, capture_output=True, text=True, check=False
    )
    if ended.returncode == 0:
        return ""
    lines = (ended.stdout + ended.stderr).strip().splitlines()[-3:] or [f"exit code {ended.returncode}"]
    what = f"{' '.join(work.command[:3])} fails for {work.name}: {' / '.join(lines)}"
    fix = f"run it by hand as user nova: {' '.join(work.command)}"
    refusal: str = problem(what, work.name, fix)
    return refusal


if __name__ == "__main__":
    main()
