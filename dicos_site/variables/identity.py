"""Site → the options of keystone, placement and what all OpenStack roles share. Pure."""

from dicos_site.model import Host, Site
from dicos_site.placement import hosts_of
from dicos_site.ports import APIS, OBJECTS
from dicos_site.variables.common import Variables, members, secret, vip_fqdn

# Debian's own files name it so, wherever a service is not told otherwise.
REGION = "regionOne"
# {name: (type, description, path of its URL)}
_CATALOGUE = {
    "placement": ("placement", "Inventory of resources", ""),
    "glance": ("image", "Images of machines", ""),
    "cinder": ("volumev3", "Disks of machines", "/v3"),
    "neutron": ("network", "Networks of machines", ""),
    "nova": ("compute", "Machines", "/v2.1"),
    "swift": ("object-store", "Objects", "/swift/v1/AUTH_%(project_id)s"),
}


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
        "keystone_services": _services(site),
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


def _services(site: Site) -> list[Variables]:
    ports = {**APIS, "swift": OBJECTS}
    return [
        {
            "name": name,
            "type": kind,
            "description": description,
            "url": f"https://{vip_fqdn(site)}:{ports[name]}{path}",
            "password": secret(f"openstack_{name}"),
            # Ceph's gateways ask about tokens, and nothing else.
            "roles": ["service"] if name == "swift" else ["admin", "service"],
        }
        for name, (kind, description, path) in _CATALOGUE.items()
    ]


def people_domain(site: Site) -> str:
    """Return the keystone domain of those who are in the site's directory."""
    return site.site.lower()
