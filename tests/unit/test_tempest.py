"""What tempest is told, and what it says."""

import configparser

from tests.unit.racks import lab
from tools.tempest import Counts, counts, page
from tools.tempest_configuration import configuration

OUTPUT = """
{0} tempest.api.image.v2.test_images.ListUserImagesTest.test_list_no_params [0.2s] ... ok
{0} tempest.api.image.v2.test_images.BasicTest.test_delete[id-f8,smoke] [1.249s] ... FAILED

======
Totals
======
Ran: 9 tests in 15.5 sec.
 - Passed: 7
 - Skipped: 1
 - Expected Fail: 0
 - Unexpected Success: 0
 - Failed: 1
Sum of execute time for each test: 12.9 sec.
"""
FACTS = {
    "image": "i",
    "flavor": "f",
    "other_flavor": "g",
    "outside": "o",
    "object_store": False,
    "extensions": ["provider", "router"],
    "hosts": 3,
}


def test_totals_and_failures_are_read() -> None:
    failure = "tempest.api.image.v2.test_images.BasicTest.test_delete"
    assert counts("image", OUTPUT) == Counts("image", 7, 1, 1, (failure,))


def test_tests_that_did_not_run_have_failed() -> None:
    found = counts("image", "bash: tempest: command not found")
    assert (found.failed, found.failures) == (1, ("it did not run: bash: tempest: command not found",))


def test_the_configuration_holds_what_the_site_says_of_itself() -> None:
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string(configuration(lab(), "50%secret", FACTS))
    assert parser["identity"]["uri_v3"] == "https://api.lab.dicos.test:5000/v3"
    assert parser["auth"]["admin_password"] == "50%secret"
    assert parser["network"]["public_network_id"] == "o"
    assert parser["network-feature-enabled"]["api_extensions"] == "provider,router"
    assert parser["service_available"]["swift"] == "false"


def test_the_page_names_what_failed_and_keeps_the_notes() -> None:
    text = page(lab(), "43.0.0-3", [Counts("image", 7, 1, 1, ("a.b.c",))], "\nKnown.\n")
    assert "| image | 7 | 1 | 1 |" in text
    assert "\nFailed:\n\n- a.b.c\n" in text
    assert "\nLeft out:\n\n- test_credentials_create_get_update_delete: " in text
    assert text.endswith("## Notes\n\nKnown.\n")
