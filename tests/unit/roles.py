"""What the tests of roles read from their files."""

from pathlib import Path
from typing import Any

import yaml


def options(role: Path) -> dict[str, dict[str, Any]]:
    """Return the options of a role, as its argument_specs.yml has them; `role` is its folder."""
    specification = yaml.safe_load((role / "meta" / "argument_specs.yml").read_text())
    found: dict[str, dict[str, Any]] = specification["argument_specs"]["main"].get("options") or {}
    return found
