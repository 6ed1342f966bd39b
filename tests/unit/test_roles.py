"""What every role has in common, read from its files."""

import re
from pathlib import Path

import pytest
import yaml

from dicos_site.ports import PORTS
from tests.unit.roles import options

ROOT = Path(__file__).resolve().parents[2]
ROLES = sorted(path.parent.parent for path in (ROOT / "roles").glob("*/meta/main.yml"))
TASK_LINES = 120
COMMANDS = ("ansible.builtin.command", "ansible.builtin.shell", "ansible.builtin.raw")
# What a template says about listening: "port = 3306", "bind *:443", "listen 10.77.0.11:636".
LISTENING = re.compile(r"^\s*(?:port|bind|listen|listeners\.\S+)\s*[= ]\s*(?:\S*:)?(\d{2,5})\b", re.MULTILINE)


@pytest.fixture(params=ROLES, ids=lambda role: role.name)
def role(request: pytest.FixtureRequest) -> Path:
    path: Path = request.param
    return path


def test_there_are_roles() -> None:
    assert {"base", "pki"} <= {role.name for role in ROLES}


def test_a_folder_of_roles_is_a_whole_role() -> None:
    assert sorted(path for path in (ROOT / "roles").iterdir() if path.is_dir()) == ROLES


def test_a_role_says_what_it_guarantees_and_how_it_is_used(role: Path) -> None:
    text = (role / "README.md").read_text()
    assert text.startswith(f"# {role.name}\n\n")
    assert "```yaml\n" in text


def test_the_play_of_a_readme_is_yaml_that_names_the_role(role: Path) -> None:
    example = (role / "README.md").read_text().split("```yaml\n")[1].split("```")[0]
    (play,) = yaml.safe_load(example)
    assert [entry["role"] if isinstance(entry, dict) else entry for entry in play["roles"]] == [role.name]


def test_an_option_starts_with_the_name_of_its_role(role: Path) -> None:
    assert [name for name in options(role) if not name.startswith(f"{role.name}_")] == []


def test_an_option_has_a_type_and_a_sentence(role: Path) -> None:
    assert [
        name for name, option in options(role).items() if not {"type", "description"} <= option.keys()
    ] == []


def test_an_option_is_required_or_has_a_default(role: Path) -> None:
    unclear = [
        name
        for name, option in options(role).items()
        if bool(option.get("required")) == ("default" in option)
    ]
    assert unclear == []


def test_specification_and_defaults_agree(role: Path) -> None:
    specified = {name: option["default"] for name, option in options(role).items() if "default" in option}
    assert _yaml(role / "defaults" / "main.yml") == specified


def test_a_role_names_its_packages_in_plain_yaml(role: Path) -> None:
    packages = _yaml(role / "vars" / "main.yml")[f"__{role.name}_packages"]
    assert isinstance(packages, list)
    assert [name for name in packages if not re.fullmatch(r"[a-z0-9][a-z0-9.+-]+", name)] == []


def test_an_internal_variable_starts_with_two_underscores_and_the_role(role: Path) -> None:
    variables = _yaml(role / "vars" / "main.yml")
    assert [name for name in variables if not name.startswith(f"__{role.name}_")] == []


def test_a_file_of_tasks_is_read_in_one_go(role: Path) -> None:
    files = [path for folder in ("tasks", "handlers") for path in (role / folder).glob("*.yml")]
    assert [path.name for path in files if len(path.read_text().splitlines()) > TASK_LINES] == []


def test_a_command_says_when_it_changes_something(role: Path) -> None:
    silent = [
        task["name"]
        for task in _tasks(role)
        if any(command in task for command in COMMANDS) and "changed_when" not in task
    ]
    assert silent == []


def test_no_task_ignores_its_errors_or_takes_what_is_latest(role: Path) -> None:
    careless = [
        task["name"] for task in _tasks(role) if "ignore_errors" in task or "state: latest" in yaml.dump(task)
    ]
    assert careless == []


def test_a_port_in_a_template_is_one_the_model_knows(role: Path) -> None:
    known = {port.number for port in PORTS}
    found = {
        int(number)
        for template in (role / "templates").rglob("*.j2")
        for number in LISTENING.findall(template.read_text())
    }
    assert found - known == set()


def _yaml(path: Path) -> dict[str, object]:
    """Return what the file holds; a role without options has no defaults."""
    return yaml.safe_load(path.read_text()) or {} if path.exists() else {}


def _tasks(role: Path) -> list[dict[str, object]]:
    """Return every task and handler of the role, those of blocks too."""
    files = [path for folder in ("tasks", "handlers") for path in sorted((role / folder).glob("*.yml"))]
    return [
        task for path in files for entry in yaml.safe_load(path.read_text()) or [] for task in _flat(entry)
    ]


def _flat(entry: dict[str, object]) -> list[dict[str, object]]:
    parts = [part for key in ("block", "rescue", "always") for part in _entries(entry.get(key))]
    return [task for part in parts for task in _flat(part)] if parts else [entry]


def _entries(value: object) -> list[dict[str, object]]:
    return value if isinstance(value, list) else []
