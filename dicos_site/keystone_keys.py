#!/usr/bin/python3
"""A site's secret and the clock → keystone's fernet keys, the same on every controller.

Shipped to the hosts as it is, and run there as `dicos-keystone-keys`, by keystone's own user. A key follows
from the secret and the number of its period: nothing is distributed, and a host that was down makes what the
others have.
"""

import argparse
import base64
import os
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

# keystone validates with this one and never signs with it: it will be the next period's.
STAGED = "0"


def main() -> None:
    """Write the keys of this moment."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--secret", type=Path, required=True, help="file that holds the site's secret")
    parser.add_argument("--repository", type=Path, required=True, help="keystone's key_repository")
    parser.add_argument("--rotation-s", type=int, required=True, help="seconds of a period")
    parser.add_argument("--previous", type=int, required=True, help="periods whose tokens may still be valid")
    given = parser.parse_args()
    secret = given.secret.read_bytes().strip()
    write(given.repository, keys(secret, time.time(), given.rotation_s, given.previous))


def keys(secret: bytes, moment: float, rotation_s: int, previous: int) -> dict[str, str]:
    """Return {file name: key}; the primary has the highest number, that of its period since 1970."""
    period = int(moment // rotation_s)
    numbers = {STAGED: period + 1} | {
        str(number): number for number in range(period, period - previous - 1, -1)
    }
    return {name: _key(secret, number, rotation_s) for name, number in numbers.items()}


def write(repository: Path, wanted: Mapping[str, str]) -> None:
    """Make the repository hold these keys and no others.

    keystone may read at any moment: the new primary is there before what was staged for it is replaced, and
    each file appears whole. What has gone signed no token that is still valid.
    """
    for name in sorted(wanted, key=int, reverse=True):
        path = repository / name
        if not path.exists() or path.read_text() != wanted[name]:
            _replace(path, wanted[name])
    for path in repository.iterdir():
        if path.name.isdigit() and path.name not in wanted:
            path.unlink(missing_ok=True)


def _key(secret: bytes, period: int, rotation_s: int) -> str:
    """Return a fernet key: HKDF (RFC 5869) of the secret, which is random, with the period as its purpose."""
    purpose = f"keystone fernet {rotation_s} {period}".encode()
    derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=purpose).derive(secret)
    return base64.urlsafe_b64encode(derived).decode()


def _replace(path: Path, content: str) -> None:
    # Beside the repository, not in it: keystone opens every file that it finds there.
    descriptor, name = tempfile.mkstemp(dir=path.parent.parent, prefix=".fernet-")
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


if __name__ == "__main__":
    main()
