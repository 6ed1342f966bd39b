#!/usr/bin/python
"""Wanted databases → the databases, users and privileges of the cluster, over the socket of one member."""

from __future__ import annotations

import hashlib
import json
import re
from ipaddress import IPv4Network
from typing import TYPE_CHECKING, Any

from ansible.module_utils.basic import AnsibleModule

if TYPE_CHECKING:
    from pymysql.connections import Connection
    from pymysql.cursors import Cursor

try:
    import pymysql

    PYMYSQL = True
except ImportError:
    PYMYSQL = False

DOCUMENTATION = r"""
module: galera_accounts
short_description: Keep the databases and users of the site's services
description:
  - Each database has one user who may log in over TLS from O(client_cidr) and sees that database only.
  - The system's C(root) and C(mysql) log in through the socket; C(mysql) may copy the data to a new member.
  - C(hacheck), for the load balancer's health check, has neither password nor privilege.
  - Users without a name, and C(root) from elsewhere, are removed.
options:
  databases:
    description: Dicts of name, user, password, privileges, character_set, require (SSL or X509).
    type: list
    elements: dict
    required: true
  client_cidr:
    description: Network from which the users log in.
    type: str
    required: true
"""

# What mariadb-backup needs to copy a running server; Debian grants everything.
TRANSFER_PRIVILEGES = {"RELOAD", "PROCESS", "LOCK TABLES", "BINLOG MONITOR", "CONNECTION ADMIN"}
SOCKET = "/run/mysqld/mysqld.sock"
HEALTH_USER = "hacheck"
COLLATIONS = {"utf8mb4": "utf8mb4_general_ci", "utf8mb3": "utf8mb3_general_ci", "latin1": "latin1_swedish_ci"}
GRANT = re.compile(r"GRANT (.+) ON (\S+)\.\* TO ")
DATABASE_OPTIONS = {
    "name": {"type": "str", "required": True},
    "user": {"type": "str", "required": True},
    "password": {"type": "str", "required": True, "no_log": True},
    "privileges": {"type": "str", "default": "ALL"},
    "character_set": {"type": "str", "default": "utf8mb4", "choices": list(COLLATIONS)},
    "require": {"type": "str", "default": "SSL", "choices": ["SSL", "X509"]},
}


class Accounts:
    """One connection, and what was changed through it; in check mode nothing is."""

    def __init__(self, connection: Connection[Cursor], *, check_mode: bool) -> None:
        self.connection = connection
        self.check_mode = check_mode
        self.changes: list[str] = []

    def rows(self, statement: str, *values: str) -> list[tuple[str, ...]]:
        """Return the answer to a question."""
        with self.connection.cursor() as cursor:
            cursor.execute(statement, values)
            return list(cursor.fetchall())

    def change(self, what: str, statement: str, *values: str) -> None:
        """Change one thing; `what` names it without a secret."""
        self.changes.append(what)
        if not self.check_mode:
            with self.connection.cursor() as cursor:
                cursor.execute(statement, values)

    def database(self, name: str, character_set: str) -> None:
        """Make the database, or change what its new tables get."""
        question = "SELECT DEFAULT_CHARACTER_SET_NAME FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = %s"
        found = self.rows(question, name)
        if found and found[0][0] == character_set:
            return
        verb = "ALTER" if found else "CREATE"
        choice = f"CHARACTER SET {character_set} COLLATE {COLLATIONS[character_set]}"
        self.change(f"database {name}", f"{verb} DATABASE {_quoted(name)} {choice}")

    def user(self, name: str, host: str, password: str, require: str) -> None:
        """Make the user or change its password and what its login needs."""
        hashed = native_hash(password)
        wanted: dict[str, object] = {
            "plugin": "mysql_native_password",
            "authentication_string": hashed,
            "ssl_type": {"NONE": 0, "SSL": 1, "X509": 2}[require],
        }
        # The hash, not the password: a statement may be in a log.
        identified = "IDENTIFIED VIA mysql_native_password USING %s REQUIRE " + require
        self._account(name, host, wanted, identified, hashed)

    def system_user(self, name: str) -> None:
        """Let the system's user of that name in through the socket, and by no other way."""
        wanted: dict[str, object] = {"plugin": "unix_socket", "authentication_string": "", "ssl_type": 0}
        self._account(name, "localhost", wanted, "IDENTIFIED VIA unix_socket REQUIRE NONE")

    def _account(
        self, name: str, host: str, wanted: dict[str, object], identified: str, *values: str
    ) -> None:
        found = self.rows("SELECT Priv FROM mysql.global_priv WHERE User = %s AND Host = %s", name, host)
        values_found = json.loads(found[0][0]) if found else {}
        if found and _login(values_found) == wanted:
            return
        verb = "ALTER" if found else "CREATE"
        self.change(f"user {name}", f"{verb} USER %s@%s {identified}", name, host, *values)

    def privileges(self, name: str, host: str, wanted: dict[str, set[str]]) -> None:
        """Give the user exactly these privileges: {database, quoted, or *: names}."""
        found = self._granted(name, host)
        for scope in sorted(set(found) | set(wanted)):
            have, want = found.get(scope, set()), wanted.get(scope, set())
            # Taking ALL takes what was given just before as well.
            given = want if "ALL PRIVILEGES" in have - want else want - have
            for verb, names, word in (("REVOKE", have - want, "FROM"), ("GRANT", given, "TO")):
                for privilege in sorted(names):
                    statement = f"{verb} {privilege} ON {scope}.* {word} %s@%s"
                    self.change(f"{verb} {privilege} on {scope}, {name}", statement, name, host)

    def _granted(self, name: str, host: str) -> dict[str, set[str]]:
        if not self.rows("SELECT User FROM mysql.global_priv WHERE User = %s AND Host = %s", name, host):
            return {}
        granted = {}
        for (line,) in self.rows("SHOW GRANTS FOR %s@%s", name, host):
            found = GRANT.match(line)
            if found is None:
                continue
            option = {"GRANT OPTION"} if "WITH GRANT OPTION" in line else set()
            if names := _names(found.group(1)) | option:
                granted[found.group(2).replace("\\_", "_")] = names
        return granted

    def remove_strangers(self) -> None:
        """Remove who may come in without a name, and root from elsewhere."""
        question = "SELECT User, Host FROM mysql.global_priv "
        question += "WHERE User = '' OR (User = 'root' AND Host <> 'localhost')"
        for name, host in self.rows(question):
            self.change(f"user {name or 'without a name'}@{host}", "DROP USER %s@%s", name, host)


def native_hash(password: str) -> str:
    """Return the form in which the server keeps a password; nothing for no password.

    The plugin's choice of hash, not ours: every client speaks mysql_native_password.
    """
    if not password:
        return ""
    once = hashlib.sha1(password.encode()).digest()  # noqa: S324
    return "*" + hashlib.sha1(once).hexdigest().upper()  # noqa: S324


def network_host(cidr: str) -> str:
    """Return a network as a user's host: address/netmask."""
    network = IPv4Network(cidr)
    return f"{network.network_address}/{network.netmask}"


def _names(privileges: str) -> set[str]:
    names = {name.strip() for name in privileges.upper().split(",")}
    return {"ALL PRIVILEGES"} if "ALL" in names else names - {"USAGE"}


def _login(found: dict[str, Any]) -> dict[str, object]:
    """Return what decides a login; a second way in counts as a difference."""
    values = {key: found.get(key, "") for key in ("plugin", "authentication_string")}
    values["ssl_type"] = found.get("ssl_type", 0)
    return values | ({"auth_or": True} if any(found.get("auth_or", [])) else {})


def _quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


def apply(accounts: Accounts, databases: list[dict[str, str]], client_host: str) -> None:
    """Make everything that is wanted."""
    accounts.remove_strangers()
    accounts.system_user("root")
    accounts.system_user("mysql")
    accounts.privileges("mysql", "localhost", {"*": TRANSFER_PRIVILEGES})
    accounts.user(HEALTH_USER, client_host, "", "NONE")
    users: dict[str, dict[str, set[str]]] = {}
    for entry in databases:
        accounts.database(entry["name"], entry["character_set"])
        accounts.user(entry["user"], client_host, entry["password"], entry["require"])
        users.setdefault(entry["user"], {})[_quoted(entry["name"])] = _names(entry["privileges"])
    for name, wanted in users.items():
        accounts.privileges(name, client_host, wanted)


def main() -> None:
    """Connect, apply, report."""
    specification = {
        "databases": {"type": "list", "elements": "dict", "required": True, "options": DATABASE_OPTIONS},
        "client_cidr": {"type": "str", "required": True},
    }
    module = AnsibleModule(argument_spec=specification, supports_check_mode=True)
    if not PYMYSQL and not module.check_mode:
        module.fail_json(msg="python3-pymysql is not installed on this host")
    try:
        connection = pymysql.connect(
            unix_socket="/run/mysqld/mysqld.sock", user="root", read_timeout=60, autocommit=True
        )
    except (NameError, pymysql.Error) as failure:
        if module.check_mode:
            module.exit_json(changed=True, changes=["everything: the server does not run yet"])
        module.fail_json(msg=f"the local member does not answer: {failure}")
    accounts = Accounts(connection, check_mode=module.check_mode)
    try:
        apply(accounts, module.params["databases"], network_host(module.params["client_cidr"]))
    except pymysql.Error as failure:
        module.fail_json(msg=f"{accounts.changes[-1:]}: {failure}")
    module.exit_json(changed=bool(accounts.changes), changes=accounts.changes)


if __name__ == "__main__":
    main()
