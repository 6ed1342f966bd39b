#!/usr/bin/python
"""Documentation of the action of this name; the work is done on the controller."""

from __future__ import annotations

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: gate
short_description: Ask whether a stage does its work
description:
  - Runs C(dicos-site verify --only STAGE --quick) on the controller.
  - Asks nothing where nothing was changed since the last gate; that of the last stage asks for it then.
options:
  stage:
    description: The stage that has ended.
    type: str
    required: true
author: DiCOS
"""
EXAMPLES = r"""
- name: Verify the platform
  gate:
    stage: platform
  run_once: true
"""
RETURN = r"""
rc:
  description: The command's exit code; 1 where a check failed.
  type: int
  returned: when it asked
stdout:
  description: What it printed, with the checks that failed.
  type: str
  returned: when it asked
stderr:
  description: What it said of itself.
  type: str
  returned: when it asked
"""


def main() -> None:
    """Refuse to run on a host."""
    AnsibleModule(argument_spec={"stage": {"type": "str", "required": True}}).fail_json(
        msg="gate runs on the controller: see action_plugins in ansible.cfg"
    )


if __name__ == "__main__":
    main()
