"""What an error says, and the exit code it has."""

import pytest

from dicos_site import errors
from dicos_site.errors import Problem, SiteError


def test_a_problem_is_what_where_and_the_next_step() -> None:
    problem = Problem(
        'the name "ctl1" is already taken', "hosts.ctl1, line 11", "give each host its own name"
    )
    assert str(problem) == (
        'the name "ctl1" is already taken\n  at:  hosts.ctl1, line 11\n  fix: give each host its own name'
    )


def test_a_problem_without_place_and_fix_is_one_line() -> None:
    assert str(Problem("nothing answers")) == "nothing answers"


def test_an_error_carries_every_problem() -> None:
    error = SiteError(Problem("first"), Problem("second"))
    assert [problem.what for problem in error.problems] == ["first", "second"]
    assert "first" in str(error)
    assert "second" in str(error)


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("DescriptionError", 2),
        ("LabError", 3),
        ("DeploymentError", 4),
        ("SecretsError", 4),
        ("RecoveryError", 5),
        ("FederationError", 6),
        ("UsageError", 64),
    ],
)
def test_exit_codes_are_those_of_the_design(name: str, code: int) -> None:
    assert getattr(errors, name).exit_code == code
