"""What a host reports → the same, with the moments of the controller's clock around it."""

import time
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.action import ActionBase

from dicos_site import description, preflight
from dicos_site.remote import lab_absent


class ActionModule(ActionBase):
    """The action `host_report`; what it asks for follows from the host's place in the site."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the module on the host; a lab that is not up is not even asked."""
        variables = task_vars or {}
        result: dict[str, Any] = super().run(tmp, variables)
        site = description.read(Path(str(variables["site_folder"])))
        absent = lab_absent(site)
        if absent:
            raise AnsibleConnectionFailure(str(absent))
        arguments = preflight.questions(site, site.host(str(variables["inventory_hostname"])))
        before = time.time()
        result.update(
            self._execute_module(
                module_name="host_report", module_args=self._task.args | arguments, task_vars=variables
            )
        )
        result["asked"], result["answered"] = before, time.time()
        return result
