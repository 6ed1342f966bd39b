"""Fixtures shared by all tests on a rack.

`rack`        session: a fresh seven-host rack (TW-TEST, 10.87.0.0/24), deployed (tests/rack.py).
`deployment`  session: the Outcome of that first `dicos-site deploy`.
`healthy`     tests/faults/conftest.py: the rack, green before and after the test.

A test that fails prints the journals of the units it names with @pytest.mark.units("mariadb", "haproxy"), of
every host; without the mark, what any unit warned of.

DICOS_TEST_RACK=FOLDER uses a rack that is up and deployed already, and leaves it: for work on one test.
The test rack has its own name and networks, so a rack of `make site`, whatever its state, does not matter.
"""

import os
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

from dicos_site import description
from tests.rack import PROJECT, Outcome, Rack, new_rack

FOLDER = PROJECT / ".cache" / "test-rack"
OWN = {"TW-LAB": "TW-TEST", "lab.dicos.test": "test.dicos.test", "10.77.": "10.87.", "10.78.": "10.88."}


@pytest.fixture(scope="session")
def rack(standing_rack: Rack, deployment: Outcome | None) -> Rack:
    """Return the rack, up and deployed."""
    return standing_rack


@pytest.fixture(scope="session")
def deployment(standing_rack: Rack, pytestconfig: pytest.Config) -> Outcome | None:
    """Return the Outcome of the first deployment; None on a rack that was there already."""
    if "DICOS_TEST_RACK" in os.environ:
        return None
    outcome = standing_rack.run("deploy", "{site}", "--json", timeout_s=2400)
    say(pytestconfig, f"first deployment: {outcome.seconds:.0f} s")
    return outcome


@pytest.fixture(scope="session")
def standing_rack(request: pytest.FixtureRequest) -> Iterator[Rack]:
    """Yield a rack whose hosts are up and bare; after green tests, and always in CI, it is removed."""
    if existing := os.environ.get("DICOS_TEST_RACK"):
        folder = Path(existing).resolve()
        yield Rack(folder, description.read(folder))
        return
    rack = new_rack(FOLDER, OWN)
    outcome = rack.run("lab", "up", "{site}", timeout_s=2400)
    say(request.config, f"rack of {len(rack.site.hosts)} hosts up: {outcome.seconds:.0f} s")
    yield rack
    if request.session.testsfailed and os.environ.get("CI") != "true":
        say(
            request.config,
            f"the rack is kept: DICOS_TEST_RACK={FOLDER} pytest ...; remove: dicos-site lab down {FOLDER}",
        )
    else:
        rack.run("lab", "down", "{site}", timeout_s=300)


def say(config: pytest.Config, text: str) -> None:
    """Print a line at once, although pytest captures output: the log must move during long steps."""
    capture = config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        print(f"\n{text}", flush=True)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[Any]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the journals of the hosts to the report of a test that failed on the rack."""
    report = yield
    rack = getattr(item, "funcargs", {}).get("rack")
    if report.failed and report.when != "teardown" and isinstance(rack, Rack):
        mark = item.get_closest_marker("units")
        units = tuple(mark.args) if mark else ()
        report.sections.append(("journals of the hosts", rack.journals(units)))
    return report
