"""What the options of several roles are made of: names, members, secrets. Pure."""

from dicos_site.model import Site
from dicos_site.placement import hosts_of

Variables = dict[str, object]


def vip_fqdn(site: Site) -> str:
    """Return the name under which clients find the VIP."""
    return f"api.{site.domain}"


def secret(name: str) -> str:
    """Return the template that looks a secret up when, and only when, a task needs it."""
    return "{{ lookup('site_secret', '" + name + "') }}"


def members(site: Site, service: str) -> list[dict[str, str]]:
    """Return the hosts of a service as {"name", "fqdn", "address"}, in the order of rack.yml."""
    return [
        {"name": host.name, "fqdn": site.fqdn(host.name), "address": str(host.address)}
        for host in hosts_of(site, service)
    ]
