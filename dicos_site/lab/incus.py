"""Requests → Incus' answers: the one place that talks to the daemon, through its own client."""

import json
import subprocess
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

from dicos_site.errors import LabError, Problem

Json = dict[str, Any]
TIMEOUT_S = 180.0
_ABSENT = "not found"


class IncusError(LabError):
    """Incus refused or failed; `detail` is what it said."""

    def __init__(self, request: str, detail: str) -> None:
        super().__init__(
            Problem(f"Incus: {detail}", request, "see `dicos-site lab status` and /var/log/incus")
        )
        self.detail = detail

    @property
    def absent(self) -> bool:
        """Return whether what was asked for does not exist."""
        return _ABSENT in self.detail.lower()


def get(path: str, **parameters: str) -> Any:
    """Return the decoded answer to a GET."""
    return json.loads(_query("GET", path, None, parameters) or "null")


def find(path: str, **parameters: str) -> Any | None:
    """Return the decoded answer to a GET, or None where there is no such thing."""
    try:
        return get(path, **parameters)
    except IncusError as error:
        if error.absent:
            return None
        raise


def post(path: str, body: Mapping[str, object], **parameters: str) -> None:
    """Make something; returns when it is made."""
    _query("POST", path, body, parameters)


def put(path: str, body: Mapping[str, object], **parameters: str) -> None:
    """Replace something or change its state; returns when it is done."""
    _query("PUT", path, body, parameters)


def delete(path: str, **parameters: str) -> None:
    """Remove something; what is gone already is no error."""
    try:
        _query("DELETE", path, None, parameters)
    except IncusError as error:
        if not error.absent:
            raise


def execute(project: str, instance: str, *command: str) -> str:
    """Run a command inside an instance, without its network, and return what it printed."""
    return run("exec", "--project", project, instance, "--", *command)


def run(*words: str, timeout_s: float = TIMEOUT_S) -> str:
    """Run the incus client for what its API alone cannot do, and return what it printed."""
    command = ["incus", *words]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=timeout_s, check=False, stdin=subprocess.DEVNULL
        )
    except FileNotFoundError as error:
        raise IncusError(" ".join(command), "the incus client is not installed") from error
    except subprocess.TimeoutExpired as error:
        raise IncusError(" ".join(command)[:200], f"no answer after {timeout_s:.0f} s") from error
    if done.returncode != 0:
        raise IncusError(" ".join(command)[:200], done.stderr.strip().removeprefix("Error: "))
    return done.stdout


def answers(timeout_s: float = 5) -> bool:
    """Return whether the daemon answers now."""
    try:
        run("query", "/1.0", timeout_s=timeout_s)
    except IncusError:
        return False
    return True


def _query(
    method: str, path: str, body: Mapping[str, object] | None, parameters: Mapping[str, str | None]
) -> str:
    given = {name: value for name, value in parameters.items() if value is not None}
    address = quote(path) + (f"?{urlencode(given)}" if given else "")
    words = ["query", "-X", method, "--wait", address]
    if body is not None:
        words += ["--data", json.dumps(body)]
    return run(*words)
