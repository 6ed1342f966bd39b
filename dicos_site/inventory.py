"""Site → Ansible inventory. Pure: no files, no network, no clock."""

from pathlib import Path

from dicos_site.model import Site
from dicos_site.placement import groups
from dicos_site.variables import Variables, host_variables, site_variables

PYTHON = "/usr/bin/python3"


def inventory(site: Site, folder: Path, home: Path) -> dict[str, object]:
    """Return the tree that Ansible's inventory reads; `folder` holds rack.yml, `home` is `places.home_path`.

    Shape: {"all": {"vars": {...}, "hosts": {name: {...}}, "children": {group: {"hosts": {name: {}}}}}}.
    Every group is present, even when empty, so that no play meets an undefined one.
    Source: ansible.builtin.yaml inventory plugin.
    """
    return {
        "all": {
            "vars": site_variables(site) | _connection(site, home) | _places(folder, home),
            "hosts": {host.name: host_variables(site, host) for host in site.hosts},
            "children": {
                name: {"hosts": {member: {} for member in members}} for name, members in groups(site).items()
            },
        }
    }


def _places(folder: Path, home: Path) -> Variables:
    return {"site_folder": str(folder), "site_home": str(home)}


def _connection(site: Site, home: Path) -> Variables:
    """Return how SSH reaches the hosts; a real rack keeps the administrator's own known_hosts."""
    variables: Variables = {"ansible_python_interpreter": PYTHON}
    if site.substrate == "incus":
        known_hosts = home / "ssh" / "known_hosts"
        variables["ansible_ssh_private_key_file"] = str(home / "ssh" / "id_ed25519")
        variables["ansible_ssh_common_args"] = (
            f"-o UserKnownHostsFile='{known_hosts}' -o StrictHostKeyChecking=yes -o IdentitiesOnly=yes"
        )
    if site.ssh.key:
        variables["ansible_ssh_private_key_file"] = site.ssh.key
    return variables
