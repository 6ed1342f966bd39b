"""A program for a host: each API of the cloud asked once a second through the VIP, with a token.

`python3 - SECONDS` prints {service: {"asked", "failed", "longest_s"}}: the longest time without an answer.
"""

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import openstack

# Answered by the service's own database.
QUESTIONS = {
    "identity": "/auth/projects",
    "image": "/images?limit=1",
    "compute": "/servers?limit=1",
    "network": "/networks?limit=1",
    "block_storage": "/types?limit=1",
    "placement": "/resource_providers?name=none",
}
INTERVAL_S = 1.0
TIMEOUT_S = 10
FAILED = 500


def main() -> None:
    """Ask all services beside one another until time is up."""
    end = time.monotonic() + float(sys.argv[1])
    with ThreadPoolExecutor(len(QUESTIONS)) as pool:
        answers = {service: pool.submit(asked, service, path, end) for service, path in QUESTIONS.items()}
        json.dump({service: answer.result() for service, answer in answers.items()}, sys.stdout)


def asked(service: str, path: str, end: float) -> dict[str, float]:
    """Ask one service until a moment and return how often, and how often in vain."""
    # A connection of its own: a session is not for several threads. What fails is not tried again.
    cloud = openstack.connect(cloud="site", api_timeout=TIMEOUT_S)
    client = getattr(cloud, service)
    count = failed = 0
    last = time.monotonic()
    longest_s = 0.0
    while (begin := time.monotonic()) < end:
        count += 1
        try:
            good = client.get(path, raise_exc=False, connect_retries=0).status_code < FAILED
        except Exception:  # no connection, or none in time
            good = False
        failed += not good
        if good:
            longest_s, last = max(longest_s, time.monotonic() - last), time.monotonic()
        time.sleep(max(0.0, INTERVAL_S - (time.monotonic() - begin)))
    return {"asked": count, "failed": failed, "longest_s": round(max(longest_s, time.monotonic() - last), 1)}


if __name__ == "__main__":
    main()
