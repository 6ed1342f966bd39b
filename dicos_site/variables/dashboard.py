"""Site → the options of horizon. Pure."""

from dicos_site.model import Host, Site
from dicos_site.variables.common import Variables, members, secret
from dicos_site.variables.identity import people_domain


def site_options(site: Site) -> Variables:
    """Return what every host has of these roles' options."""
    return {
        "horizon_site_name": site.site,
        "horizon_secret": secret("horizon"),
        "horizon_domains": [people_domain(site), "Default"],
        "horizon_caches": members(site, "memcached"),
        "horizon_processes": 1 if site.substrate == "incus" else 2,
    }


def host_options(site: Site, host: Host) -> Variables:
    """Return what one host has of its own."""
    return {}
