"""What can go wrong, with the exit code of each; only the command line catches these."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Problem:
    """One mistake: what it is, where it is, and the next step."""

    what: str
    where: str = ""
    fix: str = ""

    def __str__(self) -> str:
        lines = [self.what]
        if self.where:
            lines.append(f"  at:  {self.where}")
        if self.fix:
            lines.append(f"  fix: {self.fix}")
        return "\n".join(lines)


class SiteError(Exception):
    """Something the administrator can mend; carries every problem, never only the first."""

    exit_code = 1

    def __init__(self, *problems: Problem) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems


class DescriptionError(SiteError):
    """rack.yml is wrong; nothing was touched."""

    exit_code = 2


class LabError(SiteError):
    """The rack in a box cannot do what was asked."""

    exit_code = 3


class DeploymentError(SiteError):
    """A host cannot be deployed, or a deployment stopped."""

    exit_code = 4


class UnreachableError(DeploymentError):
    """A host does not answer, or not in time; what was asked of it is not known."""


class SecretsError(SiteError):
    """The site's secrets cannot be read or kept; nothing was touched."""

    exit_code = 4


class RecoveryError(SiteError):
    """The database was not brought back, because it cannot be known which copy is the newest."""

    exit_code = 5


class FederationError(SiteError):
    """The federation's registry refused the site."""

    exit_code = 6


class UsageError(SiteError):
    """The command line is wrong."""

    exit_code = 64
