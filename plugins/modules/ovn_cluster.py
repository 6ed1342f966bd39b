#!/usr/bin/python
"""Wanted members → one raft cluster for each of OVN's databases: never a second one, no dead votes."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.host_paths import RefusalError, problem, system_problem
from ansible.module_utils.ovn_raft import (
    DATABASES,
    NOT_YET_KNOWN,
    Database,
    Status,
    may_create,
    next_election_ms,
    parsed,
    serves,
)

DOCUMENTATION = r"""
module: ovn_cluster
short_description: Make and keep the clusters of OVN's northbound and southbound database
description:
  - A member without a database joins by itself when its unit starts; this module makes the first database of
    a cluster, and only where every other member has said that it holds none and none answers.
  - Which cluster there is, and who is in it, is asked of the databases; no file marks what was done.
options:
  state:
    description:
      - C(looked) only reads. C(created) makes on the first member what nobody holds. C(settled) waits until
        the member is in its clusters, removes the votes of those that never come back, and sets the election
        timer, the options and the schema. C(restarted) restarts O(databases) and waits for each.
    type: str
    choices: [looked, created, settled, restarted]
    required: true
  name:
    description: This member's name in O(members).
    type: str
    required: true
  members:
    description: All members as {name, address}; the first makes the clusters.
    type: list
    elements: dict
    required: true
  found:
    description: What each member that was C(looked) at returned as C(holds), by name.
    type: dict
    default: {}
  databases:
    description: Which databases.
    type: list
    elements: str
    choices: [nb, sb]
    default: [nb, sb]
  election_ms:
    description: Milliseconds without a word from the leader after which a member wants to be it.
    type: int
    default: 10000
  options:
    description: Options of the northbound database's NB_Global, by name.
    type: dict
    default: {}
  timeout_s:
    description: Seconds to wait for a cluster.
    type: int
    default: 120
author: DiCOS (@dicos)
"""

EXAMPLES = r"""
- name: See which databases there are
  ovn_cluster:
    state: looked
    name: ctl1
    members: [{name: ctl1, address: 10.77.0.11}]
  register: __ovn_found
"""

RETURN = r"""
holds:
  description: By database, C(yes) where the member has that of a cluster, C(joining) where it waits for one.
  type: dict
  returned: when looked at
changes:
  description: What was, or in check mode would be, changed; when looked at, what is to be settled.
  type: list
  elements: str
  returned: success
"""

SPEC = {
    "state": {"type": "str", "choices": ["looked", "created", "settled", "restarted"], "required": True},
    "name": {"type": "str", "required": True},
    "members": {"type": "list", "elements": "dict", "required": True},
    "found": {"type": "dict", "default": {}},
    "databases": {"type": "list", "elements": "str", "choices": ["nb", "sb"], "default": ["nb", "sb"]},
    "election_ms": {"type": "int", "default": 10000},
    "options": {"type": "dict", "default": {}},
    "timeout_s": {"type": "int", "default": 120},
}
PKI = (
    "--private-key=/etc/dicos/pki/ovn.key",
    "--certificate=/etc/dicos/pki/ovn.crt",
    "--ca-cert=/etc/dicos/pki/ca.crt",
)
# A member that joins remembers how the others were; one that was made anew meanwhile it never finds.
JOIN_S = 15


class Member:
    """This host's part of the clusters, and what was changed."""

    def __init__(self, module: AnsibleModule) -> None:
        self.module = module
        self.wanted = module.params
        self.changes: list[str] = []
        self.first = self.wanted["members"][0]["name"] == self.wanted["name"]
        self.others = [one for one in self.wanted["members"] if one["name"] != self.wanted["name"]]
        own = [one for one in self.wanted["members"] if one["name"] == self.wanted["name"]]
        self.address = own[0]["address"]

    def changing(self, what: str) -> bool:
        """Note one change; return whether to make it."""
        self.changes.append(what)
        return self.wanted["state"] != "looked" and not self.module.check_mode

    def holds(self, database: Database) -> str:
        """Return "yes" where the file is that of a cluster, "joining" where it waits for one, else "no"."""
        if not Path(database.file).exists():
            return "yes" if self.status(database) else "no"
        code, _, errors = self.module.run_command(["ovsdb-tool", "db-cid", database.file])
        if code not in (0, NOT_YET_KNOWN):
            fix = f"move it away, then run again: it joins the others; first keep a copy of {database.file}"
            raise RefusalError(problem(errors.strip().splitlines()[-1], database.file, fix))
        return "yes" if code == 0 else "joining"

    def status(self, database: Database) -> Status | None:
        """Return what the running server says; None where none runs."""
        if not Path(database.control).exists():
            return None
        code, output, _ = self._appctl(database, "cluster/status")
        return parsed(output) if code == 0 else None

    def create(self, database: Database, found: Mapping[str, Mapping[str, object]]) -> None:
        """Make the cluster's first database, where this is the first member and nobody holds one."""
        others = [one["name"] for one in self.others]
        if not self.first or not may_create(database.short, others, found) or self.answering(database):
            return
        if self.changing(f"{database.schema}: made"):
            self._run(["systemctl", "stop", database.unit])
            Path(database.file).unlink(missing_ok=True)
            Path(database.file).parent.mkdir(mode=0o755, exist_ok=True)
            local = f"ssl:{self.address}:{database.raft_port}"
            timer = f"--election-timer={self.wanted['election_ms']}"
            self._run(["ovsdb-tool", timer, "create-cluster", database.file, database.schema_file, local])

    def answering(self, database: Database) -> list[str]:
        """Return the other members whose server answers as one of a cluster."""
        return [one["name"] for one in self.others if self._serves(database, one["address"])]

    def settle(self, database: Database) -> None:
        """Bring what the running server says to what is wanted."""
        found = self.status(database)
        if found is None or not (found.member and found.has_leader):
            if self.wanted["state"] == "looked" or self.module.check_mode:
                self.changes.append(f"{database.schema}: joined")
                return
            found = self.joined(database)
        addresses = {f"ssl:{one['address']}:{database.raft_port}" for one in self.wanted["members"]}
        for dead in found.dead(addresses):
            if self.changing(f"{database.schema}: {dead}, which is lost, removed"):
                self._command(database, "cluster/kick", dead)
        wanted_ms = self.wanted["election_ms"]
        differs = found.leads and found.election_ms != wanted_ms
        if differs and self.changing(f"{database.schema}: election timer {wanted_ms} ms"):
            self._set_election(database, found.election_ms)
        if self.first:
            self._convert(database)
            self._set_options(database)

    def joined(self, database: Database) -> Status:
        """Wait until the server is in its cluster and knows its leader; RefusalError where it never does."""

        def good(status: Status) -> bool:
            return bool(status.member and status.has_leader)

        found = self._soon(database, good, JOIN_S)
        last = self.status(database)
        if found is None and last and not last.member:
            self._run(["systemctl", "restart", database.unit])
        found = found or self._soon(database, good)
        if found is None:
            what = f"{database.schema} has no leader after {self.wanted['timeout_s']} seconds"
            fix = f"see that more than half of the members run: journalctl -u {database.unit}"
            raise RefusalError(problem(what, self.wanted["name"], fix))
        return found

    def restart(self, database: Database) -> None:
        """Restart the server; the others lead meanwhile."""
        if self.changing(f"{database.unit} restarted"):
            self._run(["systemctl", "daemon-reload"])
            self._run(["systemctl", "restart", database.unit])
            self.joined(database)

    def _serves(self, database: Database, address: str) -> bool:
        target = f"ssl:{address}:{database.port}"
        columns = ["_Server", "Database", "cid", "name"]
        command = ["ovsdb-client", *PKI, "--timeout=5", "--format=json", "dump", target, *columns]
        code, output, _ = self.module.run_command(command)
        return code == 0 and bool(serves(output, database.schema))

    def _set_election(self, database: Database, current: int) -> None:
        while current != self.wanted["election_ms"]:
            current = next_election_ms(current, self.wanted["election_ms"])
            self._command(database, "cluster/change-election-timer", str(current))
            self._soon(database, lambda status, value=current: status.election_ms == value)  # type: ignore[misc]

    def _convert(self, database: Database) -> None:
        release = self._run(["ovsdb-tool", "schema-version", database.schema_file])
        served = self._run(
            ["ovsdb-client", "--timeout=30", "get-schema-version", database.socket, database.schema]
        )
        code, _, _ = self.module.run_command(["ovsdb-tool", "compare-versions", served, "<", release])
        if code == 0 and self.changing(f"{database.schema}: schema {release}"):
            self._run(["ovsdb-client", "--timeout=120", "convert", database.socket, database.schema_file])

    def _set_options(self, database: Database) -> None:
        if database.short != "nb" or not self.wanted["options"]:
            return
        client = ["ovn-nbctl", f"--db={database.socket}", "--no-leader-only", "--timeout=30"]
        output = self._run([*client, "--format=json", "--columns=options", "list", "NB_Global"])
        # One row, one column: a map as OVSDB writes it, RFC 7047 5.1.
        rows = json.loads(output)["data"] if output else []
        found = dict(rows[0][0][1]) if rows else {}
        lacking = {
            key: str(value) for key, value in self.wanted["options"].items() if found.get(key) != str(value)
        }
        if lacking and self.changing(f"{database.schema}: {', '.join(sorted(lacking))}"):
            pairs = [f"options:{key}={value}" for key, value in lacking.items()]
            self._run([*client, "set", "NB_Global", ".", *pairs])

    def _soon(
        self, database: Database, good: Callable[[Status], bool], timeout_s: float = 0
    ) -> Status | None:
        """Return the first status that is good; None when the time is over."""
        end = time.monotonic() + (timeout_s or self.wanted["timeout_s"])
        while time.monotonic() < end:
            found = self.status(database)
            if found and good(found):
                return found
            time.sleep(0.5)
        return None

    def _command(self, database: Database, verb: str, argument: str) -> None:
        code, output, errors = self._appctl(database, verb, argument)
        if code != 0:
            said = (errors or output).strip().splitlines()[0]
            fix = f"see ovn-appctl -t {database.control} cluster/status {database.schema}"
            raise RefusalError(problem(f"{verb} {argument}: {said}", database.schema, fix))

    def _appctl(self, database: Database, verb: str, *arguments: str) -> tuple[int, str, str]:
        command = ["ovn-appctl", "--timeout=10", "-t", database.control, verb, database.schema, *arguments]
        code, output, errors = self.module.run_command(command)
        return code, output, errors

    def _run(self, command: list[str]) -> str:
        code, output, errors = self.module.run_command(command)
        if code != 0:
            said = (errors + output).strip().splitlines()[-1:] or [f"exit code {code}"]
            raise RefusalError(
                problem(f"{command[0]}: {said[0]}", " ".join(command), "run it by hand to see more")
            )
        return str(output).strip()


def main() -> None:
    """Answer Ansible."""
    module = AnsibleModule(argument_spec=SPEC, supports_check_mode=True)
    try:
        module.exit_json(**converge(module))
    except RefusalError as refusal:
        module.fail_json(msg=str(refusal))
    except OSError as error:
        module.fail_json(msg=system_problem(error))


def converge(module: AnsibleModule) -> dict[str, object]:
    """Return {changed, changes}, and {holds} where it only looked."""
    member = Member(module)
    state = module.params["state"]
    if module.get_bin_path("ovsdb-tool") is None:
        if not module.check_mode and state != "looked":
            fix = "run the role ovn, which installs ovn-central"
            raise RefusalError(problem("OVN is not installed", member.wanted["name"], fix))
        return {"changed": False, "changes": ["everything: OVN is not installed"], "holds": {}}
    databases = [DATABASES[name] for name in module.params["databases"]]
    act = {"looked": member.settle, "settled": member.settle, "restarted": member.restart}.get(state)
    for database in databases:
        if act:
            act(database)
        else:
            member.create(database, module.params["found"])
    if state != "looked":
        return {"changed": bool(member.changes), "changes": member.changes}
    holds = {database.short: member.holds(database) for database in databases}
    return {"changed": False, "changes": member.changes, "holds": holds}


if __name__ == "__main__":
    main()
