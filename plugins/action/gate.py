"""A stage that has ended → `dicos-site verify` of it; one that changed nothing is asked by a later gate."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Collection, Mapping

from ansible.plugins.action import ActionBase

from dicos_site import places
from dicos_site.stages import CHANGED, STAGES


class ActionModule(ActionBase):
    """The action `gate`: our own command asks over SSH and the services' protocols, which no module does."""

    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, object] | None = None) -> dict[str, object]:
        """Return {rc, stdout, stderr}, failed where a check failed; skipped where a later gate will ask."""
        super().run(tmp, task_vars)
        variables = task_vars or {}
        stage = str(self._task.args["stage"])
        run = chosen(variables.get("ansible_run_tags"))
        if self._task.check_mode:
            return {"skipped": True, "skip_reason": "check mode changes nothing"}
        if CHANGED not in os.environ and stage != run[-1]:
            return {"skipped": True, "skip_reason": "nothing was changed; the last gate asks this stage too"}
        asked = run[: run.index(stage) + 1] if stage == run[-1] else (stage,)
        only = [word for one in asked for word in ("--only", one)]
        # A visit to the cloud takes a minute; `dicos-site verify`, the next step, makes it.
        command = [
            sys.executable,
            "-m",
            "dicos_site",
            "verify",
            *only,
            "--quick",
            str(variables["site_folder"]),
        ]
        done = subprocess.run(command, cwd=places.project_root(), capture_output=True, text=True, check=False)
        return {
            "changed": False,
            "failed": done.returncode != 0,
            "rc": done.returncode,
            "stdout": done.stdout,
            "stderr": done.stderr,
        }


def chosen(tags: object) -> tuple[str, ...]:
    """Return the stages of a run that have a gate, in order; `tags` are Ansible's, with "all" for all."""
    wanted: Collection[object] = (
        tags if isinstance(tags, Collection) and not isinstance(tags, Mapping) else ()
    )
    gated = STAGES[1:]
    return tuple(stage for stage in gated if stage in wanted) or gated
