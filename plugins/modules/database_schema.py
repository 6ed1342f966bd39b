#!/usr/bin/python
"""The schema that an installed release wants → the database's, migrated by its own tool when they differ."""

from __future__ import annotations

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible.module_utils.host_paths import RefusalError, problem
from ansible.module_utils.revisions import heads

try:
    import pymysql

    PYMYSQL = True
except ImportError:
    PYMYSQL = False

DOCUMENTATION = r"""
module: database_schema
short_description: Run the migration of a service's tables, but only when it is due
description:
  - Compares the revisions in the database's C(alembic_version) with the newest among the scripts on this
    host; a service's own tool needs three seconds to say the same.
options:
  database:
    description: Name of the database.
    type: str
    required: true
  user:
    description: Database user; also the user of the system who runs O(command), where O(run_as) is not given.
    type: str
    required: true
  password:
    description: Password of the database user.
    type: str
    required: true
  host:
    description: Name under which the database answers over TLS.
    type: str
    required: true
  port:
    description: TCP port of the database.
    type: int
    default: 3306
  scripts:
    description: Directory of Alembic's revisions; those below it count too.
    type: path
    required: true
  command:
    description: What migrates.
    type: list
    elements: str
    required: true
  run_as:
    description: User of the system who runs it.
    type: str
  timeout_s:
    description: Seconds after which the migration is stopped.
    type: int
    default: 1800
  ca:
    description: Certificate of the site's CA.
    type: path
    default: /etc/dicos/pki/ca.crt
author: DiCOS (@dicos)
"""

EXAMPLES = r"""
- name: Bring the tables to this release
  database_schema:
    database: placement
    user: placement
    password: "{{ placement_database_password }}"
    host: "{{ openstack_vip_fqdn }}"
    scripts: /usr/lib/python3/dist-packages/placement/db/sqlalchemy/alembic/versions
    command: [placement-manage, db, sync]
  run_once: true
"""

RETURN = r"""
before:
  description: Revisions in the database before.
  type: list
  elements: str
  returned: success
after:
  description: Revisions in the database now; in check mode those that it would have.
  type: list
  elements: str
  returned: success
"""

SPEC = {
    "database": {"type": "str", "required": True},
    "user": {"type": "str", "required": True},
    "password": {"type": "str", "required": True, "no_log": True},
    "host": {"type": "str", "required": True},
    "port": {"type": "int", "default": 3306},
    "scripts": {"type": "path", "required": True},
    "command": {"type": "list", "elements": "str", "required": True},
    "run_as": {"type": "str"},
    "timeout_s": {"type": "int", "default": 1800},
    "ca": {"type": "path", "default": "/etc/dicos/pki/ca.crt"},
}
NO_SUCH_TABLE = 1146
CONNECT_S = 10


def main() -> None:
    """Answer Ansible."""
    module = AnsibleModule(argument_spec=SPEC, supports_check_mode=True)
    if not PYMYSQL:
        if module.check_mode:  # on a host where it would be installed first
            module.exit_json(changed=True, before=[], after=[])
        module.fail_json(msg=missing_required_lib("PyMySQL"))
    try:
        before, after = _converge(module)
    except RefusalError as refusal:
        module.fail_json(msg=str(refusal))
    except pymysql.Error as error:
        if module.check_mode:  # on a site where the database would be made first
            module.exit_json(changed=True, before=[], after=[])
        what = f"the database does not answer: {error.args[-1]}"
        where = f"{module.params['database']} on {module.params['host']}"
        module.fail_json(msg=problem(what, where, "see docs/runbooks/GALERA_WRITER.md"))
    module.exit_json(changed=before != after, before=sorted(before), after=sorted(after))


def _converge(module: AnsibleModule) -> tuple[set[str], set[str]]:
    """Return the revisions before and after."""
    scripts = Path(module.params["scripts"])
    wanted = heads(scripts)
    if not wanted and not module.check_mode:
        raise RefusalError(problem("there are no migrations", scripts, "install the service's package first"))
    before = _revisions(module.params)
    if before == wanted or module.check_mode:
        return before, wanted
    _migrate(module)
    return before, _revisions(module.params)


def _revisions(wanted: dict[str, str]) -> set[str]:
    """Return the revisions in the database; none before its first migration."""
    connection = pymysql.connect(
        host=wanted["host"],
        port=int(wanted["port"]),
        user=wanted["user"],
        password=wanted["password"],
        database=wanted["database"],
        ssl={"ca": wanted["ca"], "check_hostname": True},
        connect_timeout=CONNECT_S,
        read_timeout=60,
    )
    with connection, connection.cursor() as cursor:
        try:
            cursor.execute("SELECT version_num FROM alembic_version")
        except pymysql.err.ProgrammingError as error:
            if error.args[0] == NO_SUCH_TABLE:
                return set()
            raise
        return {row[0] for row in cursor.fetchall()}


def _migrate(module: AnsibleModule) -> None:
    wanted = module.params
    user = wanted["run_as"] or wanted["user"]
    command = ["runuser", "-u", user, "--", "timeout", str(wanted["timeout_s"]), *wanted["command"]]
    code, output, errors = module.run_command(command)
    if code != 0:
        lines = (output + errors).strip().splitlines()[-3:] or [f"exit code {code}"]
        fix = f"run it by hand as user {user}, then run again"
        raise RefusalError(
            problem(f"the migration fails: {' / '.join(lines)}", " ".join(wanted["command"]), fix)
        )


if __name__ == "__main__":
    main()
