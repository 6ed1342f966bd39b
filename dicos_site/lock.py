"""A file → the right to deploy a site; the kernel takes it back when its process ends, however that is."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dicos_site.errors import DeploymentError, Problem


@contextmanager
def held(file: Path, site: str) -> Iterator[None]:
    """Hold the lock; DeploymentError names the process that holds it already."""
    with file.open("a+") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            stream.seek(0)
            owner = stream.read().strip() or "unknown"
            what = f"another deployment of {site} is running (process {owner})"
            fix = "wait for it, or stop it with Ctrl-C where it runs"
            raise DeploymentError(Problem(what, str(file), fix)) from error
        stream.truncate(0)
        stream.write(str(os.getpid()))
        stream.flush()
        yield
