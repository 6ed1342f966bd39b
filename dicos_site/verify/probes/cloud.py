"""The cloud's own lists of its services and agents, asked as administrator of a controller in one process."""

import json
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

import openstack

TIMEOUT_S = 20
Entry = dict[str, object]


def main() -> None:
    """Print {"nova", "cinder", "neutron"}, each [{"name", "host", "up", "enabled"}] or the reason why not."""
    cloud = openstack.connect(cloud="site", api_timeout=TIMEOUT_S)
    questions: dict[str, Callable[[], list[Entry]]] = {
        "nova": lambda: services(cloud.compute.services()),
        "cinder": lambda: services(cloud.block_storage.services()),
        "neutron": lambda: agents(cloud.network.agents()),
    }
    # One login for all; each answer takes a second, and another service gives it.
    cloud.authorize()
    with ThreadPoolExecutor(len(questions)) as pool:
        answers = pool.map(answer, questions.values())
    json.dump(dict(zip(questions, answers, strict=True)), sys.stdout)


def answer(question: Callable[[], list[Entry]]) -> list[Entry] | str:
    """Return what a service lists, or why it does not."""
    try:
        return question()
    except Exception as error:  # the SDK, keystoneauth and requests each have errors of their own
        return f"{type(error).__name__}: {' '.join(str(error).split())}"[:200]


def services(found: Iterable[openstack.resource.Resource]) -> list[Entry]:
    """Return the services of nova or cinder."""
    return [
        {"name": one.binary, "host": one.host, "up": one.state == "up", "enabled": one.status == "enabled"}
        for one in found
    ]


def agents(found: Iterable[openstack.resource.Resource]) -> list[Entry]:
    """Return the agents of neutron."""
    return [
        {
            "name": one.agent_type,
            "host": one.host,
            "up": bool(one.is_alive),
            "enabled": bool(one.is_admin_state_up),
        }
        for one in found
    ]


main()
