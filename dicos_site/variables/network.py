"""Site → the options of OVN and neutron. Pure."""

from dicos_site.model import Host, Site
from dicos_site.variables.common import Variables


def site_options(site: Site) -> Variables:
    """Return what every host has of these roles' options."""
    return {}


def host_options(site: Site, host: Host) -> Variables:
    """Return what one host has of its own."""
    return {}
