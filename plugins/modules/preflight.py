#!/usr/bin/python
"""Documentation of the action of this name; the work is done on the controller."""

from __future__ import annotations

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: preflight
short_description: Fail with every problem of every host
description:
  - Judges the answers of M(host_report) of all hosts, and the site's secrets, on the controller.
options:
  report:
    description: Name of the variable in which each host's answer was registered.
    type: str
    required: true
  secrets_follow:
    description: Whether a site without any secrets is right, because they are made before the next stage.
    type: bool
    default: false
author: DiCOS
"""
EXAMPLES = r"""
- name: Refuse a rack that cannot be deployed
  preflight:
    report: __preflight_answer
  run_once: true
"""
RETURN = r"""
problems:
  description: What is wrong, where, and the next step.
  type: list
  elements: dict
  returned: always
"""


def main() -> None:
    """Refuse to run on a host."""
    AnsibleModule(argument_spec={}).fail_json(
        msg="preflight runs on the controller: see action_plugins in ansible.cfg"
    )


if __name__ == "__main__":
    main()
