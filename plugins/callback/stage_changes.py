"""Results of a run → whether a host was changed since the last gate; told to `gate`, which runs in a fork."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ansible.plugins.callback import CallbackBase

from dicos_site.stages import CHANGED

if TYPE_CHECKING:
    from ansible.executor.task_result import CallbackTaskResult

DOCUMENTATION = r"""
name: stage_changes
type: notification
short_description: Let the gate of a stage know whether the stage changed anything
description:
  - Sets C(DICOS_CHANGED) in the environment at the first change; the workers of later tasks have it then.
  - A gate that has asked begins anew.
requirements: [enabled in ansible.cfg]
"""


class CallbackModule(CallbackBase):
    """Prints nothing."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "stage_changes"
    CALLBACK_NEEDS_ENABLED = True

    def v2_runner_on_ok(self, result: CallbackTaskResult) -> None:
        """Note a change; forget all before a gate that has asked."""
        if result.task.action == "gate":
            os.environ.pop(CHANGED, None)
        elif result.result.get("changed"):
            os.environ[CHANGED] = "1"
