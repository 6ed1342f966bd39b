"""Reports of all hosts → every problem of every host at once."""

from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase

from dicos_site import cloud_preflight, description, preflight, secrets
from dicos_site.errors import Problem, SecretsError
from dicos_site.model import Site


class ActionModule(ActionBase):
    """The action `preflight`, once for all hosts; `report` names the variable with each host's answer.

    With `secrets_follow` a site without any secrets is no problem: `dicos-site deploy` makes them first.
    """

    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Fail with all problems, in the project's form, or say how many hosts were found fit."""
        variables = task_vars or {}
        result: dict[str, Any] = super().run(tmp, variables)
        folder = Path(str(variables["site_folder"]))
        site = description.read(folder)
        name = str(self._task.args["report"])
        answers = {host.name: variables["hostvars"][host.name].get(name, {}) for host in site.hosts}
        problems = [
            *preflight.problems(
                site, {host: preflight.report_of(answer) for host, answer in answers.items()}
            ),
            *cloud_preflight.image_problems(site, folder),
            *_secrets_problems(folder, site, follow=bool(self._task.args.get("secrets_follow"))),
        ]
        result["problems"] = [
            {"what": problem.what, "where": problem.where, "fix": problem.fix} for problem in problems
        ]
        result["failed"] = bool(problems)
        result["msg"] = "\n".join(map(str, problems)) or f"{len(answers)} hosts are fit"
        return result


def _secrets_problems(folder: Path, site: Site, *, follow: bool) -> tuple[Problem, ...]:
    if follow and not (folder / secrets.SECRETS_FILE).exists():
        return ()
    try:
        secrets.load(folder, site)
    except SecretsError as error:
        return error.problems
    return ()
