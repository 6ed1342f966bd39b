"""rack.yml → Ansible's inventory, through dicos_site.inventory; nothing is written to disk."""

from pathlib import Path
from typing import cast

from ansible.errors import AnsibleParserError
from ansible.inventory.data import InventoryData
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.inventory import BaseInventoryPlugin

from dicos_site import description, places
from dicos_site.errors import SiteError
from dicos_site.inventory import inventory
from dicos_site.variables import Variables

DOCUMENTATION = """
name: rack
short_description: The groups and variables that follow from a DiCOS rack.yml
description:
  - Reads C(rack.yml) through the site model and derives groups, addresses, ports and role options from it.
  - Secrets stay names; the lookup C(site_secret) reads them when a task needs one.
options: {}
"""

EXAMPLES = """
# ansible-inventory -i inventories/lab --graph
"""

Tree = dict[str, dict[str, Variables]]
Groups = dict[str, dict[str, Variables]]


class InventoryModule(BaseInventoryPlugin):
    """The inventory source `rack.yml`."""

    NAME = "rack"
    # The variables hold our own templates, the lookups of secrets; rack.yml's texts cannot hold one.
    trusted_by_default = True

    def verify_file(self, path: str) -> bool:
        """Return whether the source is a rack.yml."""
        return bool(super().verify_file(path)) and Path(path).name == places.RACK_FILE

    def parse(self, inventory: InventoryData, loader: DataLoader, path: str, cache: bool = True) -> None:
        """Fill Ansible's inventory; AnsibleParserError carries every problem of rack.yml."""
        super().parse(inventory, loader, path, cache)
        try:
            tree = _tree(Path(path).resolve().parent)
        except SiteError as error:
            raise AnsibleParserError(f"{path} cannot be used:\n{error}") from error
        _fill(inventory, tree)


def _tree(folder: Path) -> Tree:
    site = description.read(folder)
    return cast(Tree, inventory(site, folder, places.home_path(site)))


def _fill(target: InventoryData, tree: Tree) -> None:
    everything = tree["all"]
    _set(target, "all", everything["vars"])
    for host, variables in everything["hosts"].items():
        target.add_host(host, group="all")
        _set(target, host, cast(Variables, variables))
    for group, content in everything["children"].items():
        target.add_group(group)
        for host in cast(Groups, content)["hosts"]:
            target.add_child(group, host)


def _set(target: InventoryData, entity: str, variables: Variables) -> None:
    for name, value in variables.items():
        target.set_variable(entity, name, value)
