"""Every role accepts what the inventory gives it, on every host of every kind of rack."""

from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from dicos_site import description, places
from dicos_site.inventory import inventory
from dicos_site.placement import services_of
from tests.unit.racks import EXAMPLE, LAB, LAB_IN_PIECES
from tests.unit.roles import options

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
    "lab": LAB_IN_PIECES,
    "lab, whole copies": LAB,
    "example": EXAMPLE,
    "one controller": SMALL,
}


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
            spec = options(ROLES / role)
            given = {name: variables[name] for name in spec if name in variables}
            known = {name: value for name, value in given.items() if not templated(value)}
            checked = {name: one for name, one in spec.items() if name in known or name not in given}
            result = ArgumentSpecValidator(checked).validate(known)
            wrong += [f"{host.name}: {role}: {message}" for message in result.error_messages]
    assert not wrong, "\n".join(wrong)
