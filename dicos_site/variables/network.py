"""Site → the options of OVN and neutron. Pure."""

import uuid
from ipaddress import IPv4Address

from dicos_site.model import Host, Site
from dicos_site.variables.common import Variables, members, secret

# The chassis of OVN follow from rack.yml, so that a host that was installed anew is the same one.
_NAMESPACE = uuid.UUID("b3c8f0e4-6d1c-4c0e-9a55-0f6f3a4f7c21")
# RFC 3927: addresses that mean something on one wire only.
_LINK_LOCAL = int(IPv4Address("169.254.0.0"))


def site_options(site: Site) -> Variables:
    """Return what every host has of these roles' options."""
    return {
        "ovn_members": members(site, "ovn"),
        "ovn_controller_databases": members(site, "ovn"),
        "ovn_controller_metadata_secret": secret("nova_metadata"),
        "neutron_databases": members(site, "ovn"),
        "neutron_password": secret("openstack_neutron"),
        "neutron_database_password": secret("mariadb_neutron"),
        "neutron_messaging_password": secret("rabbitmq_neutron"),
        "neutron_dns_domain": f"vm.{site.domain}",
        "neutron_providers": _providers(site),
        **(_on_a_small_machine() if site.substrate == "incus" else {}),
    }


def host_options(site: Site, host: Host) -> Variables:
    """Return what one host has of its own."""
    lab, provider = site.substrate == "incus", site.networks.provider
    return {
        "ovn_name": host.name,
        "ovn_fqdn": site.fqdn(host.name),
        "ovn_address": str(host.address),
        "ovn_controller_name": host.name,
        "ovn_controller_chassis": str(uuid.uuid5(_NAMESPACE, f"{site.site}/{host.name}")),
        "ovn_controller_encap_address": str(link_local(host.address) if lab else host.address),
        "ovn_controller_provider_interface": (provider.interface or "eth1") if provider else "",
        "ovn_controller_userspace": lab,
    }


def link_local(address: IPv4Address) -> IPv4Address:
    """Return the link-local address with the last two numbers of another: 169.254.0.21 of 10.77.0.21."""
    return IPv4Address(_LINK_LOCAL | int(address) & 0xFFFF)


def _providers(site: Site) -> list[dict[str, str]]:
    provider = site.networks.provider
    if provider is None:
        return []
    first, last = provider.floating.split("-")
    return [{"cidr": str(provider.cidr), "gateway": str(provider.gateway), "first": first, "last": last}]


def _on_a_small_machine() -> Variables:
    """Return how long a machine that is busy may be silent before it counts as gone."""
    return {"ovn_election_ms": 10000, "neutron_agent_down_s": 180}
