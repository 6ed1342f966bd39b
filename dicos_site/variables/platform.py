"""Site → the options of the roles of base and platform. Pure."""

from dicos_site.model import Host, Site
from dicos_site.placement import hosts_of
from dicos_site.ports import APIS, OBJECTS, rules
from dicos_site.secrets import DATABASES
from dicos_site.variables.common import Variables, members, secret, vip_fqdn

# What a load balancer asks an API for, without credentials.
HEALTH = {
    "keystone": "/healthcheck",
    "placement": "/",
    "glance": "/healthcheck",
    "cinder": "/healthcheck",
    "neutron": "/",
    "nova": "/",
}
EXTRA_DATABASES = {"nova": ("nova_api", "nova", "nova_cell0")}
# Their first migrations choose this for the database themselves.
UTF8MB3 = frozenset({"keystone", "cinder", "nova", "nova_cell0"})


def site_options(site: Site) -> Variables:
    """Return what every host has of these roles' options."""
    return {
        **_base(site),
        **_pki(site),
        **_loadbalancer(site),
        **_mariadb(site),
        **_rabbitmq(site),
        **_memcached(),
        **_ldap(site),
    }


def host_options(site: Site, host: Host) -> Variables:
    """Return what one host has of its own: its address, its names and its open ports."""
    return {
        "base_address": str(host.address),
        "loadbalancer_address": str(host.address),
        "loadbalancer_name": host.name,
        "loadbalancer_fqdn": site.fqdn(host.name),
        "rabbitmq_address": str(host.address),
        "rabbitmq_name": host.name,
        "rabbitmq_fqdn": site.fqdn(host.name),
        "memcached_address": str(host.address),
        "memcached_names": [site.fqdn(host.name)],
        "ldap_address": str(host.address),
        "ldap_fqdn": site.fqdn(host.name),
        "mariadb_name": host.name,
        "mariadb_address": str(host.address),
        "mariadb_fqdn": site.fqdn(host.name),
        "galera_arbiter_address": str(host.address),
        "galera_arbiter_fqdn": site.fqdn(host.name),
        "pki_names": [site.fqdn(host.name)],
        "pki_addresses": [str(host.address)],
        "base_firewall_rules": [
            {
                "name": rule.name,
                "protocol": rule.protocol,
                "port": rule.number,
                "last_port": rule.last,
                "sources": list(rule.sources),
                "destination": str(rule.destination or ""),
            }
            for rule in rules(site, host)
        ],
    }


def _base(site: Site) -> Variables:
    hosts = [
        {"name": host.name, "fqdn": site.fqdn(host.name), "address": str(host.address)} for host in site.hosts
    ]
    return {
        "base_hosts": [
            *hosts,
            {"name": "api", "fqdn": vip_fqdn(site), "address": str(site.networks.management.vip)},
        ],
        "base_management_cidr": str(site.networks.management.cidr),
        "base_time_servers": list(site.time_servers),
        "base_time_masters": [str(host.address) for host in hosts_of(site, "loadbalancer")],
        "base_container": site.substrate == "incus",
        "base_mirror": str(site.mirror.debian or ""),
        "base_security_mirror": str(site.mirror.security or ""),
    }


def _pki(site: Site) -> Variables:
    return {
        "pki_ca_certificate": secret("pki_ca_certificate"),
        "pki_ca_key": secret("pki_ca_key"),
    }


def _loadbalancer(site: Site) -> Variables:
    return {
        "loadbalancer_vip": str(site.networks.management.vip),
        "loadbalancer_prefix_length": site.networks.management.cidr.prefixlen,
        "loadbalancer_vip_fqdn": vip_fqdn(site),
        "loadbalancer_members": members(site, "loadbalancer"),
        "loadbalancer_router_id": int(site.networks.management.vip) % 255 + 1,
        "loadbalancer_password": secret("loadbalancer"),
        "loadbalancer_site_name": site.site,
        "loadbalancer_services": [
            _balanced(site, "mariadb", 3306, check="mariadb", one_at_a_time=True),
            _balanced(site, "ldap", 636, check="ldap"),
            _http(site, "ceph_rgw", OBJECTS, "/swift/healthcheck"),
            *(_http(site, service, number, HEALTH[service]) for service, number in APIS.items()),
            _http(site, "nova", 8775, "/", name="nova-metadata"),
            _http(site, "nova", 6080, "/vnc_lite.html", name="nova-novnc"),
        ],
        "loadbalancer_pages": [
            {
                "path": "/horizon",
                "port": 8443,
                "members": members(site, "horizon"),
                "check": "/horizon/auth/login/",
            }
        ],
    }


def _balanced(
    site: Site, service: str, port: int, *, check: str, one_at_a_time: bool = False
) -> dict[str, object]:
    """Return a service behind the VIP, on the port that its members have too; TLS passes to them."""
    return {
        "name": service,
        "port": port,
        "members": members(site, service),
        "check": check,
        "one_at_a_time": one_at_a_time,
    }


def _http(site: Site, service: str, port: int, path: str, name: str = "") -> dict[str, object]:
    """Return a web service behind the VIP: TLS ends there and begins anew, so that clients see one name."""
    return {
        "name": name or service,
        "port": port,
        "members": members(site, service),
        "mode": "http",
        "tls": "end",
        "check": "http",
        "path": path,
        # Keystone remembers in its process what it has read: one of them answers all.
        "balance": "first" if service == "keystone" else "leastconn",
    }


def _mariadb(site: Site) -> Variables:
    return {
        "mariadb_members": members(site, "mariadb"),
        "mariadb_arbiters": members(site, "galera_arbiter"),
        "galera_arbiter_members": members(site, "mariadb"),
        "galera_arbiter_cluster_name": site.site,
        "mariadb_cluster_name": site.site,
        "mariadb_vip_fqdn": vip_fqdn(site),
        "mariadb_client_cidr": str(site.networks.management.cidr),
        **(_mariadb_in_the_lab() if site.substrate == "incus" else {}),
        "mariadb_databases": [
            {
                "name": name,
                "user": user,
                "password": secret(f"mariadb_{user}"),
                "privileges": "ALL",
                "character_set": "utf8mb3" if name in UTF8MB3 else "utf8mb4",
            }
            for user in ("site", *DATABASES)
            for name in EXTRA_DATABASES.get(user, (user,))
        ],
    }


def _mariadb_in_the_lab() -> Variables:
    """Return what lets three members share one small machine."""
    return {"mariadb_buffer_pool_mib": 64, "mariadb_gcache_mib": 64, "mariadb_max_connections": 600}


def _rabbitmq(site: Site) -> Variables:
    return {
        "rabbitmq_members": members(site, "rabbitmq"),
        "rabbitmq_cluster_name": site.site,
        "rabbitmq_cookie": secret("rabbitmq_cookie"),
        "rabbitmq_users": [
            {"name": name, "password": secret(f"rabbitmq_{name}"), "vhost": name}
            for name in ("site", "cinder", "neutron", "nova")
        ],
    }


def _memcached() -> Variables:
    return {"memcached_memory_mib": 64}


def _ldap(site: Site) -> Variables:
    return {
        "ldap_members": members(site, "ldap"),
        "ldap_organisation": site.site,
        "ldap_base": ",".join(f"dc={label}" for label in site.domain.split(".")),
        "ldap_vip_fqdn": vip_fqdn(site),
        "ldap_admin_password": secret("ldap_admin"),
        "ldap_replication_password": secret("ldap_replication"),
        "ldap_reader_password": secret("ldap_reader"),
        "ldap_groups": list(site.communities),
    }
