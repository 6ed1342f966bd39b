"""Site → what follows from it, as plain data: placement, groups, ports, addresses. Pure."""

from dicos_site.model import Site
from dicos_site.placement import groups, hosts_of, services_of
from dicos_site.ports import EVERYONE, MANAGEMENT, PORTS, Port
from dicos_site.variables import vip_fqdn

Row = dict[str, object]


def overview(site: Site) -> dict[str, object]:
    """Return everything that `show` prints, as JSON takes it.

    Shape: {"site", "domain", "release", "substrate", "networks": {name: {...}}, "hosts": [{"name", ...}],
    "groups": {group: [host]}, "ports": [{"service", "port", "from": [address or network], ...}],
    "addresses": [{"address", "name", "what"}]}.
    """
    return {
        "site": site.site,
        "domain": site.domain,
        "release": site.release,
        "substrate": site.substrate,
        "networks": site.networks.model_dump(mode="json"),
        "hosts": hosts(site),
        "groups": {name: list(members) for name, members in groups(site).items()},
        "ports": ports(site),
        "addresses": addresses(site),
    }


def hosts(site: Site) -> list[Row]:
    """Return one row a host: name, kind, address, services, disks."""
    return [
        {
            "name": host.name,
            "kind": host.kind,
            "address": str(host.address),
            "services": list(services_of(site, host)),
            "disks": [disk.device or f"{disk.size_gib} GiB" for disk in host.disks],
        }
        for host in site.hosts
    ]


def ports(site: Site) -> list[Row]:
    """Return one row a port of a service that runs somewhere, with who may connect."""
    return [
        {
            "service": port.service,
            "name": port.name,
            "protocol": port.protocol,
            "port": port.number or None,
            "tls": port.tls,
            "on": ["VIP"] if port.on_vip else [host.name for host in hosts_of(site, port.service)],
            "groups": list(port.sources),
            "from": _sources(site, port),
        }
        for port in PORTS
        if hosts_of(site, port.service)
    ]


def addresses(site: Site) -> list[Row]:
    """Return one row an address that the site uses, in numerical order within each network."""
    management, provider = site.networks.management, site.networks.provider
    rows = [(management.gateway, "", "management gateway"), (management.vip, vip_fqdn(site), "VIP")]
    rows += [(host.address, site.fqdn(host.name), host.kind) for host in site.hosts]
    if provider:
        rows.append((provider.gateway, "", "provider gateway"))
    listed: list[Row] = [
        {"address": str(address), "name": name, "what": what} for address, name, what in sorted(rows)
    ]
    if provider:
        listed.append({"address": provider.floating, "name": "", "what": "floating addresses"})
    return listed


def _sources(site: Site, port: Port) -> list[str]:
    if EVERYONE in port.sources:
        return ["any address"]
    if MANAGEMENT in port.sources:
        return [f"management {site.networks.management.cidr}"]
    members = groups(site)
    names = {name for source in port.sources for name in members[source]}
    return [host.name for host in site.hosts if host.name in names]
