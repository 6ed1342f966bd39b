"""What a stopped deployment leaves, on real processes."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dicos_site import leftovers

# What hangs is a worker: the child of an ansible-playbook that is gone, in a session of its own.
WORKER = "import os, time; os.fork() and os._exit(0); os.setsid(); print(os.getpid(), flush=True)\n"
WORKER += "time.sleep(60)"


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[int]:
    """Yield the number of a process that looks like an orphaned worker of the deployment "one"."""
    program = tmp_path / "ansible-playbook"
    program.write_text(WORKER)
    command = [sys.executable, str(program), "site.yml"]
    environment = os.environ | {leftovers.MARK: "one"}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout
        number = int(parent.stdout.readline())
    yield number
    leftovers.end("one")


def test_an_orphaned_worker_is_ended(worker: int) -> None:
    assert leftovers.end("one") == 1
    assert list(leftovers.running("one")) == []


def test_another_deployments_worker_is_left_alone(worker: int) -> None:
    assert leftovers.end("two") == 0
    assert list(leftovers.running("one")) == [worker]


def test_a_program_that_is_not_ansibles_is_left_alone(tmp_path: Path) -> None:
    environment = os.environ | {leftovers.MARK: "three"}
    with subprocess.Popen(["sleep", "60"], env=environment) as other:
        assert leftovers.end("three") == 0
        assert other.poll() is None
        other.kill()
