"""Site → the options of keystone, placement and what all OpenStack roles share. Pure."""

from dicos_site.model import Host, Site
from dicos_site.placement import hosts_of
from dicos_site.ports import APIS
from dicos_site.variables.common import Variables, members, secret, vip_fqdn

# Debian's own files name it so, wherever a service is not told otherwise.
REGION = "regionOne"


def site_options(site: Site) -> Variables:
    """Return what every host has of these roles' options."""
    return {
        "openstack_vip_fqdn": vip_fqdn(site),
        "openstack_region": REGION,
        "openstack_brokers": members(site, "rabbitmq"),
        # A worker is 150 MiB; on real controllers a second one keeps a slow request from blocking the next.
        "openstack_workers": 1 if site.substrate == "incus" else 2,
        "openstack_admin_password": secret("openstack_admin"),
        "keystone_database_password": secret("mariadb_keystone"),
        "keystone_fernet_secret": secret("keystone_fernet"),
        "keystone_credential_key": secret("keystone_credential"),
        "keystone_people_domain": people_domain(site),
        "keystone_ldap_base": ",".join(f"dc={label}" for label in site.domain.split(".")),
        "keystone_ldap_password": secret("ldap_reader"),
        "placement_password": secret("openstack_placement"),
        "placement_database_password": secret("mariadb_placement"),
    }


def host_options(site: Site, host: Host) -> Variables:
    """Return what one host has of its own."""
    return {
        "openstack_address": str(host.address),
        "openstack_fqdn": site.fqdn(host.name),
        # Who puts a service into the catalogue: every host that runs one.
        "openstack_administrator": any(host in hosts_of(site, service) for service in APIS),
    }


def people_domain(site: Site) -> str:
    """Return the keystone domain of those who are in the site's directory."""
    return site.site.lower()
