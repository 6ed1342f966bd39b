"""Wanted units → nothing where the preflight's report has them running, else one call of the module."""

from __future__ import annotations

from collections.abc import Mapping

from ansible.plugins.action import ActionBase

KINDS = (".service", ".target", ".timer", ".socket")


class ActionModule(ActionBase):
    """The action `units`; `config_files` takes the report away as soon as it changes a file of the host."""

    _requires_connection = True

    def run(self, tmp: str | None = None, task_vars: dict[str, object] | None = None) -> dict[str, object]:
        """Return the module's result: {changed, changed_units}."""
        super().run(tmp, task_vars)
        variables = task_vars or {}
        if all_running(self._task.args.get("names"), variables.get("ansible_facts")):
            return {"changed": False, "changed_units": []}
        result: dict[str, object] = self._execute_module(
            module_name="units", module_args=self._task.args, task_vars=variables
        )
        return result


def all_running(names: object, facts: object) -> bool:
    """Return whether the report of this run's preflight has every unit enabled and running."""
    reported = facts.get("host_running_units") if isinstance(facts, Mapping) else None
    if not isinstance(reported, list) or not isinstance(names, list) or not names:
        return False
    wanted = {str(name) if str(name).endswith(KINDS) else f"{name}.service" for name in names}
    return wanted <= set(reported)
