"""Site → the options of each role. Pure; secrets stay names until a task looks them up."""

from dicos_site.model import Host, Site
from dicos_site.variables import (
    communities,
    compute,
    dashboard,
    identity,
    images,
    network,
    platform,
    storage,
    volumes,
)
from dicos_site.variables.common import Variables, secret, vip_fqdn

__all__ = ["Variables", "host_variables", "secret", "site_variables", "vip_fqdn"]

_PARTS = (platform, storage, identity, images, volumes, network, compute, dashboard, communities)


def site_variables(site: Site) -> Variables:
    """Return what every host of the site has, by role option.

    Addresses are strings, members are lists of {"name", "fqdn", "address"} in the order of rack.yml.
    """
    return {
        "site_name": site.site,
        "site_domain": site.domain,
        "site_substrate": site.substrate,
        "site_vip": str(site.networks.management.vip),
        "site_vip_fqdn": vip_fqdn(site),
        "site_management_cidr": str(site.networks.management.cidr),
        **{name: value for part in _PARTS for name, value in part.site_options(site).items()},
    }


def host_variables(site: Site, host: Host) -> Variables:
    """Return what one host has of its own: how Ansible reaches it, and its roles' options."""
    return {
        "ansible_host": str(host.address),
        "ansible_port": site.ssh.port,
        "ansible_user": site.ssh.user,
        "ansible_become": site.ssh.user != "root",
        "host_kind": host.kind,
        "host_address": str(host.address),
        "host_fqdn": site.fqdn(host.name),
        **{name: value for part in _PARTS for name, value in part.host_options(site, host).items()},
    }
