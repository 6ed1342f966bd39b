"""Site → the options of glance. Pure."""

from dicos_site.model import Host, Site
from dicos_site.variables.common import Variables, secret


def site_options(site: Site) -> Variables:
    """Return what every host has of these roles' options."""
    return {
        "glance_password": secret("openstack_glance"),
        "glance_database_password": secret("mariadb_glance"),
        "glance_ceph_key": secret("ceph_glance"),
    }


def host_options(site: Site, host: Host) -> Variables:
    """Return what one host has of its own."""
    return {}
