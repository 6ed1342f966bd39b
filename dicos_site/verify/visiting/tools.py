"""What every step of a visit needs: time, deadlines, connections, and what the guest says."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, TypeVar

import openstack
from openstack import exceptions
from openstack.connection import Connection

T = TypeVar("T")
Question = dict[str, Any]
SPEAKER = "DICOS-GUEST "
API_S, LOGIN_S = 60, 60


class StepError(Exception):
    """A step that failed, with what it knew by then."""

    def __init__(self, words: str, facts: dict[str, Any]) -> None:
        super().__init__(words)
        self.facts = facts


def reason(error: Exception) -> str:
    """Return an error's words on one line."""
    return " ".join(str(error).split())[:600] or type(error).__name__


@contextmanager
def step(name: str) -> Iterator[dict[str, Any]]:
    """Print how long a step took, with the facts that it puts into the mapping; name it where it fails."""
    start, facts = time.monotonic(), dict[str, Any]()
    try:
        yield facts
    except Exception as error:
        raise StepError(f"{name}: {reason(error)}", facts) from error
    print(json.dumps({"step": name, "seconds": round(time.monotonic() - start, 1), **facts}), flush=True)


def until(what: str, seconds: float, question: Callable[[], T], pause_s: float = 1.0) -> T:
    """Return the first true answer; TimeoutError with the last one past the deadline."""
    end = time.monotonic() + seconds
    while not (answer := question()):
        if time.monotonic() > end:
            raise TimeoutError(f"{what} not within {seconds:g} s")
        time.sleep(pause_s)
    return answer


@cache
def administrator() -> Connection:
    """Return the connection of the cloud's administrator."""
    return openstack.connect(cloud="site", api_timeout=API_S)


def person(asked: Question, number: int = 0) -> Connection:
    """Return the connection of a person of the directory."""
    who = asked["people"][number]
    return _person(who["user"], who["password"], who["domain"], who["project"])


@cache
def _person(user: str, password: str, domain: str, project: str) -> Connection:
    known = administrator().config
    cloud = openstack.connect(
        load_yaml_config=False,
        load_envvars=False,
        auth_type="password",
        auth={
            "auth_url": known.auth["auth_url"],
            "username": user,
            "password": password,
            "user_domain_name": domain,
            "project_name": project,
            "project_domain_name": "Default",
        },
        region_name=known.get_region_name(),
        cacert=known.config.get("cacert"),
        api_timeout=API_S,
    )

    def logged_in() -> bool:
        try:
            cloud.authorize()
        except exceptions.SDKException as error:
            # Whoever is new in the directory is not on every one of its servers at once.
            if "401" not in str(error) and "Unauthorized" not in type(error.__cause__).__name__:
                raise
            return False
        return True

    until(f"{user} can log in", LOGIN_S, logged_in)
    return cloud


def said(cloud: Connection, server: str) -> list[str]:
    """Return what the guest said on its console."""
    try:
        output = cloud.compute.get_server_console_output(server)["output"] or ""
    except (exceptions.NotFoundException, exceptions.ConflictException):
        return []
    return [line.split(SPEAKER, 1)[1].strip() for line in output.splitlines() if SPEAKER in line]


def spoken(cloud: Connection, server: str, wanted: str, what: str, seconds: float) -> str:
    """Return the line of the guest that holds a text; TimeoutError quotes its last lines."""

    def heard() -> str:
        return next((line for line in reversed(said(cloud, server)) if wanted in line), "")

    try:
        return until(f"the guest says {what}", seconds, heard)
    except TimeoutError as late:
        last = "; ".join(said(cloud, server)[-4:]) or "nothing"
        raise TimeoutError(f"{late}; it said last: {last}") from late
