"""Runs a module of plugins/modules as Ansible does on a host: its own process, arguments in, JSON out."""

import getpass
import grp
import json
import os
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
Result = dict[str, object]
# Whoever runs the tests owns what they write.
OWN = {"owner": getpass.getuser(), "group": grp.getgrgid(os.getgid()).gr_name}

_RUNNER = """
import json, runpy, sys
import ansible.module_utils
ansible.module_utils.__path__.append(sys.argv[2])
from ansible.module_utils.testing import patch_module_args
with patch_module_args(json.load(sys.stdin)):
    runpy.run_path(sys.argv[1], run_name="__main__")
"""


def run_module(name: str, arguments: Result, *, check_mode: bool = False, diff: bool = False) -> Result:
    """Return what the module says; a failure is a result too."""
    plugins = PROJECT / "plugins"
    command = [
        sys.executable, "-c", _RUNNER, str(plugins / "modules" / f"{name}.py"), str(plugins / "module_utils")
    ]  # fmt: skip
    options = {"_ansible_check_mode": check_mode, "_ansible_diff": diff}
    done = subprocess.run(
        command, input=json.dumps({**arguments, **options}), capture_output=True, text=True, check=False
    )
    assert done.stdout, done.stderr
    result: Result = json.loads(done.stdout)
    return result


def run_play(path: Path) -> str:
    """Return what ansible-playbook prints, in full; the play uses localhost and this project's plugins."""
    environment = {
        **os.environ,
        "ANSIBLE_CONFIG": str(PROJECT / "ansible.cfg"),
        "ANSIBLE_INVENTORY": "/dev/null",
    }
    environment |= {"ANSIBLE_INVENTORY_ENABLED": "yaml", "ANSIBLE_INVENTORY_UNPARSED_FAILED": "false"}
    command = [sys.executable, "-m", "ansible", "playbook", "-vvv", "--diff", str(path)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, cwd=PROJECT)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
