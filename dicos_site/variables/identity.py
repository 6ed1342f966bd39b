"""Site → the options of keystone, placement and what all OpenStack roles share. Pure."""

from dicos_site.model import Host, Site
from dicos_site.variables.common import Variables, members, secret, vip_fqdn

# Debian's own files name it so, wherever a service is not told otherwise.
REGION = "regionOne"


def site_options(site: Site) -> Variables:
    """Return what every host has of these roles' options."""
    return {
        "openstack_vip_fqdn": vip_fqdn(site),
        "openstack_region": REGION,
        "openstack_brokers": members(site, "rabbitmq"),
        # A worker is 150 MiB; on real controllers two for each API keep a slow request from blocking the next.
        "openstack_workers": 1 if site.substrate == "incus" else 2,
        "openstack_admin_password": secret("openstack_admin"),
    }


def host_options(site: Site, host: Host) -> Variables:
    """Return what one host has of its own."""
    return {"openstack_address": str(host.address), "openstack_fqdn": site.fqdn(host.name)}
