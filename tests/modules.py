"""Runs a module of plugins/modules as Ansible does on a host: its own process, arguments in, JSON out."""

import getpass
import grp
import json
import os
import runpy
import subprocess
import sys
import tempfile
from pathlib import Path

import ansible.module_utils
from ansible.module_utils.testing import patch_module_args

PROJECT = Path(__file__).resolve().parents[1]
PLUGINS = PROJECT / "plugins"
Result = dict[str, object]
# Whoever runs the tests owns what they write.
OWN = {"owner": getpass.getuser(), "group": grp.getgrgid(os.getgid()).gr_name}

ansible.module_utils.__path__.append(str(PLUGINS / "module_utils"))


def run_module(name: str, arguments: Result, *, check_mode: bool = False, diff: bool = False) -> Result:
    """Return what the module says; a failure is a result too.

    The process is forked: to start Python and import Ansible anew would be nine tenths of a test's time.
    """
    options = {"_ansible_check_mode": check_mode, "_ansible_diff": diff}
    with tempfile.TemporaryFile() as output:
        child = os.fork()
        if child == 0:
            _be_the_module(name, {**arguments, **options}, output.fileno())
        os.waitpid(child, 0)
        output.seek(0)
        said = output.read()
    assert said, f"{name} said nothing"
    result: Result = json.loads(said)
    return result


def _be_the_module(name: str, arguments: Result, output: int) -> None:
    """Run the module in this process and end it, whatever happens."""
    try:
        os.dup2(output, 1)
        sys.stdin, sys.stdout = open(os.devnull), os.fdopen(1, "w")  # noqa: PTH123, SIM115
        with patch_module_args(arguments):
            runpy.run_path(str(PLUGINS / "modules" / f"{name}.py"), run_name="__main__")
    except SystemExit:
        sys.stdout.flush()
    finally:
        os._exit(0)


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
