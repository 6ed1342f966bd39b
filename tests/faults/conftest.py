"""Faults: each test gets a rack that is green, breaks one thing, and leaves it green."""

from collections.abc import Iterator

import pytest

from dicos_site import lab
from tests.rack import Rack

GREEN = "green"
HEALING_S = 180


@pytest.fixture(scope="session")
def green_rack(rack: Rack) -> Rack:
    """Return the rack, green, with a snapshot to fall back to after a test that broke it for good."""
    assert not (problems := rack.wait_until_healthy(HEALING_S)), "\n".join(problems)
    lab.snapshot(rack.site, GREEN)
    return rack


@pytest.fixture
def healthy(green_rack: Rack, rack: Rack) -> Iterator[Rack]:
    """Yield the rack, green; after the test it must be green again within HEALING_S seconds.

    Where it is not, the test fails in its teardown and the rack is restored for the next one.
    """
    yield rack
    problems = rack.wait_until_healthy(HEALING_S)
    if problems:
        journals = rack.journals(())
        lab.restore(rack.site, GREEN)
        after = rack.wait_until_healthy(HEALING_S)
        pytest.fail(
            "the rack did not heal within "
            f"{HEALING_S} s:\n" + "\n".join(problems) + f"\nafter the restore: {after or 'green'}\n{journals}"
        )
