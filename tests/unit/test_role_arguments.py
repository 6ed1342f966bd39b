"""Every role accepts what the inventory gives it, on every host of every kind of rack."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from dicos_site import description, places
from dicos_site.inventory import inventory
from dicos_site.placement import services_of
from tests.unit.racks import EXAMPLE, LAB

ROLES = places.project_root() / "roles"
# One controller and one copy: what has no peer, and is not told, must be accepted too.
SMALL = """
site: TW-SMALL
domain: small.dicos.test
release: "2026.11"
networks:
  management: {cidr: 10.1.0.0/24, gateway: 10.1.0.1, vip: 10.1.0.10}
hosts:
  ctl1: {kind: controller, address: 10.1.0.11}
  node1: {kind: node, address: 10.1.0.21, disks: [{device: /dev/disk/by-id/ata-one}]}
replicas: 1
"""
RACKS = {
    "lab": f"{LAB}erasure: {{data: 2, parity: 1}}\n",
    "lab, whole copies": LAB,
    "example": EXAMPLE,
    "one controller": SMALL,
}


def options(role: str) -> dict[str, Any]:
    """Return the options of a role, with descriptions, which are no part of a specification, left out."""
    text = (ROLES / role / "meta" / "argument_specs.yml").read_text()
    found: dict[str, Any] = yaml.safe_load(text)["argument_specs"]["main"].get("options") or {}
    return {name: specification(entry) for name, entry in found.items()}


def specification(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return an option as a module states it."""
    kept = {key: value for key, value in entry.items() if key != "description"}
    if "options" in kept:
        kept["options"] = {name: specification(one) for name, one in kept["options"].items()}
    return kept


def templated(value: object) -> bool:
    """Return whether a value is only known in a run."""
    return isinstance(value, str) and "{{" in value


@pytest.mark.parametrize("rack", RACKS)
def test_every_role_accepts_what_the_inventory_gives_it(rack: str) -> None:
    site = description.parse(RACKS[rack])
    tree: dict[str, Any] = inventory(site, Path("/site"), Path("/home"))["all"]  # type: ignore[assignment]
    wrong = []
    for host in site.hosts:
        variables = tree["vars"] | tree["hosts"][host.name]
        for role in services_of(site, host):
            spec = options(role)
            given = {name: variables[name] for name in spec if name in variables}
            known = {name: value for name, value in given.items() if not templated(value)}
            checked = {name: one for name, one in spec.items() if name in known or name not in given}
            result = ArgumentSpecValidator(checked).validate(known)
            wrong += [f"{host.name}: {role}: {message}" for message in result.error_messages]
    assert not wrong, "\n".join(wrong)
