"""The cloud C(site) → a connection as its administrator, once what is to be asked answers."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from openstack.connection import Connection

try:
    import openstack
    from keystoneauth1 import exceptions

    OPENSTACK = True
except ImportError:
    OPENSTACK = False


def connected(
    patience_s: float,
    ask: Callable[[Connection], object],
    *,
    answer_s: float = 60,
    passes: Callable[[Exception], bool] = lambda _: True,
) -> Connection:
    """Return a connection of which `ask` has had its answer, waiting for services that only start.

    Raises the error, of the SDK or of keystoneauth, that does not pass by itself or comes after the patience.
    """
    end = time.monotonic() + patience_s
    while True:
        cloud = openstack.connect(cloud="site", api_timeout=answer_s)
        try:
            ask(cloud)
        except (openstack.exceptions.SDKException, exceptions.ClientException) as error:
            if not passes(error) or time.monotonic() > end:
                raise
            time.sleep(1)
        else:
            return cloud


def checked(answer: Any) -> Any:
    """Return an HTTP answer that is no refusal."""
    openstack.exceptions.raise_from_response(answer)
    return answer
