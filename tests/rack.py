"""A deployed rack as a test sees it: `dicos-site` commands, commands on its hosts, its health."""

import json
import os
import shutil
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dicos_site import description, places
from dicos_site.model import Site
from dicos_site.remote import Remote, Result

PROJECT = Path(__file__).resolve().parent.parent
DICOS_SITE = PROJECT / ".venv" / "bin" / "dicos-site"


@dataclass(frozen=True)
class Outcome:
    """What a finished command said."""

    command: str
    code: int
    stdout: str
    stderr: str
    seconds: float

    def json(self) -> dict[str, Any]:
        """Return the report that the command printed with `--json`."""
        report: dict[str, Any] = json.loads(self.stdout)
        return report

    def __str__(self) -> str:
        return (
            f"{self.command}\nexit code {self.code} after {self.seconds:.1f} s\n"
            f"--- stdout\n{self.stdout[-6000:]}\n--- stderr\n{self.stderr[-6000:]}"
        )


@dataclass(frozen=True)
class Rack:
    """One rack that is up; `folder` is its SITE on the command line."""

    folder: Path
    site: Site

    def run(self, *words: str, timeout_s: float = 1800, check: bool = True) -> Outcome:
        """Run `dicos-site WORDS`; with `check`, any exit code but 0 fails the test with the output.

        "{site}" in a word becomes the rack's folder: rack.run("verify", "{site}", "--json").
        """
        command = [str(DICOS_SITE), *(word.replace("{site}", str(self.folder)) for word in words)]
        outcome = execute(command, timeout_s)
        assert outcome.code == 0 or not check, str(outcome)
        return outcome

    def on(self, host: str, command: str, *, timeout_s: float = 60) -> Result:
        """Run a shell command as root on a host, on a new connection: the host may just have rebooted."""
        with Remote(self.site) as remote:
            return remote.run(host, command, timeout_s=timeout_s)

    def script(self, host: str, source: str, *arguments: str, timeout_s: float = 60) -> Result:
        """Run a Python program as root on a host, on a new connection."""
        with Remote(self.site) as remote:
            return remote.script(host, source, *arguments, timeout_s=timeout_s)

    def hosts(self, kind: str) -> list[str]:
        """Return the names of the hosts of a kind, in the order of rack.yml."""
        return [host.name for host in self.site.hosts if host.kind == kind]

    def unhealthy(self) -> list[str]:
        """Return what `verify --quick` finds wrong now, one line a failed check; empty when all passed."""
        outcome = self.run("verify", "{site}", "--quick", "--json", check=False, timeout_s=180)
        if outcome.code == 0:
            return []
        try:
            checks = outcome.json()["checks"]
        except (ValueError, KeyError):
            return [str(outcome)]
        return [
            f"{check['code']} {check['host']}: {check['detail']}" for check in checks if not check["passed"]
        ]

    def wait_until_healthy(self, timeout_s: float) -> list[str]:
        """Return what is still wrong after `timeout_s`; empty as soon as `verify --quick` passes."""
        end = time.monotonic() + timeout_s
        while problems := self.unhealthy():
            if time.monotonic() > end:
                return problems
            time.sleep(2)
        return []

    def journals(self, units: tuple[str, ...]) -> str:
        """Return the last journal lines of units, host by host; with none named, all warnings."""
        chosen = " ".join(f"-u {unit}" for unit in units) or "-p warning"
        command = (
            "systemctl --failed --no-legend --plain;"
            f" journalctl -q --no-pager -o short-iso --since=-15min -n 40 {chosen}"
        )
        names = [host.name for host in self.site.hosts]
        with ThreadPoolExecutor(len(names)) as pool:
            return "\n".join(pool.map(lambda name: self._said(name, command), names))

    def _said(self, host: str, command: str) -> str:
        try:
            result = self.on(host, command, timeout_s=20)
        except Exception as error:  # a host that does not answer is part of the story
            return f"[{host}] does not answer: {error}"
        return "\n".join(f"[{host}] {line}" for line in (result.stdout + result.stderr).splitlines())


def new_rack(folder: Path, replacements: dict[str, str]) -> Rack:
    """Return the lab's rack under another name, in `folder`, with nothing left of an earlier one."""
    text = (PROJECT / "inventories" / "lab" / "rack.yml").read_text()
    for old, new in replacements.items():
        text = text.replace(old, new)
    return fresh_rack(folder, text)


def fresh_rack(folder: Path, text: str) -> Rack:
    """Write rack.yml into an empty folder and remove hosts, keys and secrets that an earlier run left."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / "rack.yml").write_text(text)
    rack = Rack(folder, description.read(folder))
    rack.run("lab", "down", "{site}", timeout_s=300)
    shutil.rmtree(places.site_home(rack.site), ignore_errors=True)
    return rack


def execute(command: list[str], timeout_s: float, *, env: dict[str, str] | None = None) -> Outcome:
    """Run a program in the project's folder and return what it said; a timeout is the exit code 124."""
    start = time.monotonic()
    environment = os.environ | {"PATH": f"{DICOS_SITE.parent}:{os.environ['PATH']}"} | (env or {})
    try:
        done = subprocess.run(
            command,
            cwd=PROJECT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )
        code, stdout, stderr = done.returncode, done.stdout, done.stderr
    except subprocess.TimeoutExpired as expired:
        code, stdout, stderr = 124, _text(expired.stdout), _text(expired.stderr)
    return Outcome(" ".join(command), code, stdout, stderr, time.monotonic() - start)


def _text(output: str | bytes | None) -> str:
    return output.decode(errors="replace") if isinstance(output, bytes) else output or ""
