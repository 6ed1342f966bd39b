"""What the hosts report → every problem that would stop a deployment."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cache
from ipaddress import IPv4Address, ip_address, ip_network

import yaml
from pydantic import BaseModel, ConfigDict

from dicos_site import places
from dicos_site.cloud_preflight import Size, flavor_problems
from dicos_site.errors import Problem
from dicos_site.model import Host, Kind, Site
from dicos_site.placement import hosts_of, services_of
from dicos_site.ports import PORTS, rules
from dicos_site.variables.storage import osd_uuid

OS = "debian 13"
# A certificate made now must be valid on every host, and logs of several hosts must be comparable.
MAX_SKEW_S = 2.0
# Free space of /var before the packages, and memory: what the platform and its logs take, measured, doubled.
FREE_MIB: Mapping[Kind, int] = {
    "controller": 4096,
    "node": 2048,
    "storage": 2048,
    "compute": 2048,
    "hub": 2048,
}
PACKAGES_MIB = 3072
MEMORY_MIB: Mapping[Kind, int] = {"controller": 1024, "node": 512, "storage": 512, "compute": 512, "hub": 512}
# Whose units may hold the ports of a service; PID 1 holds those of sockets that it starts units for.
# A name that ends in "@" stands for all units made from that template.
UNITS: Mapping[str, frozenset[str]] = {
    "base": frozenset({"ssh.service", "chrony.service"}),
    "loadbalancer": frozenset({"haproxy.service"}),
    "mariadb": frozenset({"mariadb.service", "galera-guard.service"}),
    "galera_arbiter": frozenset({"garb.service", "galera-arbiter.service"}),
    "rabbitmq": frozenset({"rabbitmq-server.service", "rabbitmq-guard.service", "epmd.service"}),
    "memcached": frozenset({"memcached.service"}),
    "ldap": frozenset({"slapd.service"}),
    "ceph_mon": frozenset({"ceph-mon@"}),
    "ceph_mgr": frozenset({"ceph-mgr@"}),
    "ceph_mds": frozenset({"ceph-mds@"}),
    "ceph_osd": frozenset({"ceph-osd@"}),
    "ceph_rgw": frozenset({"ceph-radosgw@"}),
    "keystone": frozenset({"keystone.service"}),
    "placement": frozenset({"placement-api.service"}),
    "glance": frozenset({"glance-api.service"}),
    "cinder": frozenset({"cinder-api.service"}),
    "ovn": frozenset({"ovn-ovsdb-server-nb.service", "ovn-ovsdb-server-sb.service"}),
    "neutron": frozenset({"neutron-api.service"}),
    "nova": frozenset({"nova-api.service", "nova-api-metadata.service", "nova-novncproxy.service"}),
    "horizon": frozenset({"apache2.service"}),
    "ovn_controller": frozenset({"openvswitch-switch.service", "ovs-vswitchd.service"}),
    "nova_compute": frozenset({"libvirtd.service"}),
}
_EVERY = frozenset({"0.0.0.0", "*", "::"})  # noqa: S104, compared with what hosts report


class Socket(BaseModel):
    """A listening socket of a host, its process and that one's unit; empty where the kernel holds it."""

    model_config = ConfigDict(frozen=True)
    protocol: str
    address: str
    port: int
    process: str = ""
    pid: int = 0
    unit: str = ""


class DiskReport(BaseModel):
    """What is on a disk: signatures such as "gpt" or "ext4", and the UUIDs of the OSDs made on it."""

    model_config = ConfigDict(frozen=True)
    signs: tuple[str, ...] = ()
    osds: tuple[str, ...] = ()


class HostReport(BaseModel):
    """What the module host_report found.

    `asked` and `answered` are moments of the controller's clock; `peer` is where it came from, empty
    where sudo hides it.
    """

    model_config = ConfigDict(frozen=True)
    time: float
    asked: float
    answered: float
    os: str
    user_id: int
    peer: str = ""
    cores: int
    memory_mib: int
    free_mib: dict[str, int]
    addresses: tuple[str, ...]
    macs: tuple[str, ...]
    listening: tuple[Socket, ...]
    missing_devices: tuple[str, ...] = ()
    disks: dict[str, DiskReport] = {}
    missing_packages: tuple[str, ...] = ()
    silent_mirrors: tuple[str, ...] = ()
    answering_macs: tuple[str, ...] = ()


class Silence(BaseModel):
    """Why a host has no report: it was not reached, or the module did not run there."""

    model_config = ConfigDict(frozen=True)
    reached: bool
    reason: str


Answer = HostReport | Silence


def questions(site: Site, host: Host) -> dict[str, object]:
    """Return the arguments of host_report for one host."""
    asks_for_vip = host in hosts_of(site, "loadbalancer")
    return {
        "address_to_probe": str(site.networks.management.vip) if asks_for_vip else "",
        "devices": [disk.device for disk in host.disks if disk.device],
        "packages": [name for service in services_of(site, host) for name in _packages(service)],
    }


def report_of(answer: Mapping[str, object]) -> Answer:
    """Return what a host's registered result of host_report says."""
    if "report" in answer and isinstance(answer["report"], dict):
        moments = {name: answer[name] for name in ("asked", "answered")}
        return HostReport.model_validate(answer["report"] | moments)
    texts = [str(answer.get(name) or "") for name in ("msg", "module_stderr", "module_stdout")]
    reason = " ".join(" ".join(texts).split()) or "no answer"
    return Silence(reached=not answer.get("unreachable") and bool(answer), reason=reason)


def problems(site: Site, answers: Mapping[str, Answer]) -> list[Problem]:
    """Return every problem of every host, in the order of rack.yml, then those between hosts."""
    found: list[Problem] = []
    reports: dict[str, HostReport] = {}
    for host in site.hosts:
        answer = answers[host.name]
        if isinstance(answer, Silence):
            found.append(_silence(site, host, answer))
        else:
            reports[host.name] = answer
            found.extend(_host_problems(site, host, answer))
    sizes = {name: Size(report.cores, report.memory_mib) for name, report in reports.items()}
    return [
        *found,
        *_same_machine(site, reports),
        *_vip_taken(site, reports),
        *flavor_problems(site, sizes),
    ]


def _host_problems(site: Site, host: Host, report: HostReport) -> Iterator[Problem]:
    where = _where(host)
    if report.os != OS:
        yield Problem(
            f"{host.name} runs {report.os or 'an unknown system'}, not {OS}",
            where,
            "install Debian 13 (trixie) on it",
        )
    if report.user_id != 0:
        yield _no_root(site, host)
    yield from _clock(host, report)
    yield from _size(host, report)
    yield from _address(site, host, report)
    yield from _shut_out(site, host, report)
    yield from _taken_ports(site, host, report)
    for device in report.missing_devices:
        yield Problem(
            f"{host.name} has no disk {device}", where, "correct `disks` in rack.yml: ls -l /dev/disk/by-id"
        )
    yield from _used_disks(site, host, report)
    for mirror in report.silent_mirrors:
        missing = len(report.missing_packages)
        what = f"{host.name} lacks {missing} packages and cannot reach their mirror {mirror}"
        yield Problem(what, where, "mend its network or DNS, or set `mirror:` in rack.yml")


def _used_disks(site: Site, host: Host, report: HostReport) -> Iterator[Problem]:
    """A disk that carries anything but its own OSD is not touched, unless rack.yml says so at that disk."""
    for index, disk in enumerate(host.disks):
        found = report.disks.get(disk.device or "", DiskReport())
        if not found.signs or disk.wipe or osd_uuid(site, host, index, disk) in found.osds:
            continue
        yield Problem(
            f"the disk {disk.device} of {host.name} carries {', '.join(found.signs)}",
            f"hosts.{host.name}.disks[{index}]",
            "write `wipe: true` at that disk if all on it may be destroyed; else name another disk",
        )


def _silence(site: Site, host: Host, silence: Silence) -> Problem:
    reason = silence.reason[:300]
    login = f"{site.ssh.user}@{host.address}"
    if re.search(r"sudo|become|privilege", reason, re.IGNORECASE):
        return _no_root(site, host)
    if re.search(r"python3?\S*: (not found|No such file)|interpreter", reason):
        return Problem(f"{host.name} has no Python", _where(host), f"ssh {login} apt-get install python3")
    if silence.reached:
        return Problem(f"{host.name} cannot be examined: {reason}", _where(host), f"try it: ssh {login} true")
    fix = f"see that it is up and that `ssh -p {site.ssh.port} {login}` works with your key"
    if site.substrate == "incus":
        fix = "look at it: `dicos-site lab status`; start what is down: `dicos-site lab up`"
    return Problem(f"{host.name} does not answer: {reason}", _where(host), fix)


def _no_root(site: Site, host: Host) -> Problem:
    what = f"{site.ssh.user} cannot become root on {host.name}"
    fix = (
        f"give it sudo without a password: `{site.ssh.user} ALL=(ALL) NOPASSWD: ALL`; or set `ssh.user: root`"
    )
    return Problem(what, _where(host), fix)


def _clock(host: Host, report: HostReport) -> Iterator[Problem]:
    ahead, behind = report.time - report.answered, report.asked - report.time
    if max(ahead, behind) > MAX_SKEW_S:
        word = f"{ahead:.0f} s ahead of" if ahead > 0 else f"{behind:.0f} s behind"
        yield Problem(
            f"the clock of {host.name} is {word} the controller's (at most {MAX_SKEW_S:g} s are allowed)",
            _where(host),
            "set the clock of the one that is wrong: `chronyc makestep`, or `date -s`",
        )


def _size(host: Host, report: HostReport) -> Iterator[Problem]:
    wanted = FREE_MIB[host.kind] + (PACKAGES_MIB if report.missing_packages else 0)
    free = report.free_mib.get("/var", 0)
    if free < wanted:
        yield Problem(
            f"{host.name} has {free} MiB free in /var; a {host.kind} needs {wanted} MiB",
            _where(host),
            "free space there: `du -xh --max-depth=2 /var | sort -h`",
        )
    memory = MEMORY_MIB[host.kind]
    if report.memory_mib < memory:
        yield Problem(
            f"{host.name} has {report.memory_mib} MiB of memory; a {host.kind} needs {memory} MiB",
            _where(host),
            "give it more memory, or another kind in rack.yml",
        )


def _address(site: Site, host: Host, report: HostReport) -> Iterator[Problem]:
    cidr = site.networks.management.cidr
    own = {address.split("/")[0]: int(address.split("/")[1]) for address in report.addresses}
    length = own.get(str(host.address))
    if length is None:
        yield Problem(
            f"{host.name} answers at {host.address} but does not have that address itself",
            _where(host),
            f"give it an address of {cidr} on its own interface; it has {', '.join(own) or 'none'}",
        )
    elif length != cidr.prefixlen:
        yield Problem(
            f"{host.name} has {host.address}/{length}, but the management network is {cidr}",
            _where(host),
            "correct its netmask, or networks.management.cidr in rack.yml",
        )


def _shut_out(site: Site, host: Host, report: HostReport) -> Iterator[Problem]:
    """The firewall would let this session live and refuse the next one."""
    allowed = next((rule.sources for rule in rules(site, host) if rule.name == "ssh"), ())
    if report.peer and allowed and not any(_within(report.peer, source) for source in allowed):
        yield Problem(
            f"this machine reaches {host.name} from {report.peer}, which its firewall will refuse",
            _where(host),
            f"deploy from a machine in {' or '.join(allowed)}",
        )


def _within(address: str, source: str) -> bool:
    return ip_address(address) in ip_network(source)


def _taken_ports(site: Site, host: Host, report: HostReport) -> Iterator[Problem]:
    services = services_of(site, host)
    wanted: dict[tuple[str, int], set[str]] = defaultdict(set)
    for port in PORTS:
        if port.service in services and port.protocol != "vrrp":
            wanted[port.protocol, port.number].add(port.service)
    mine = _EVERY | {str(host.address), str(site.networks.management.vip)}
    seen: set[tuple[int, int]] = set()
    for one in report.listening:
        roles = wanted.get((one.protocol, one.port), set())
        if one.address not in mine or not roles or (one.port, one.pid) in seen or not _foreign(one, roles):
            continue
        seen.add((one.port, one.pid))
        who = ", ".join(filter(None, (f"process {one.pid}", one.unit)))
        need = f"{' and '.join(sorted(roles))} need{'s' if len(roles) == 1 else ''} it"
        yield Problem(
            f"port {one.port}/{one.protocol} of {host.name} is held by {one.process} ({who}); {need}",
            _where(host),
            f"stop it: `systemctl disable --now {one.unit}`" if one.unit else f"stop it: `kill {one.pid}`",
        )


def _foreign(one: Socket, roles: set[str]) -> bool:
    """Return whether a process is there that belongs to none of the roles which want the port."""
    own = {unit for role in roles for unit in UNITS[role]}
    template = one.unit.partition("@")[0] + "@"
    return bool(one.process) and one.pid != 1 and not own & {one.unit, template}


def _same_machine(site: Site, reports: Mapping[str, HostReport]) -> Iterator[Problem]:
    owners: dict[str, list[str]] = defaultdict(list)
    for host, report in reports.items():
        # A bridge has the address of the card that it is on.
        for mac in dict.fromkeys(report.macs):
            owners[mac].append(host)
    for names in dict.fromkeys(tuple(names) for mac, names in owners.items() if mac and len(names) > 1):
        where = ", ".join(_where(site.host(name)) for name in names)
        yield Problem(
            f"{' and '.join(names)} are the same machine",
            where,
            "give each host of rack.yml the address of its own",
        )


def _vip_taken(site: Site, reports: Mapping[str, HostReport]) -> Iterator[Problem]:
    vip, balancers = site.networks.management.vip, {host.name for host in hosts_of(site, "loadbalancer")}
    for name, report in reports.items():
        if name not in balancers and _has(report, vip):
            fix = f"take it off: `ip address del {vip}/32 dev INTERFACE` on {name}"
            yield Problem(
                f"the VIP {vip} is an address of {name}, which is no load balancer",
                _where(site.host(name)),
                fix,
            )
    ours = {mac for report in reports.values() for mac in report.macs}
    strangers = sorted({mac for report in reports.values() for mac in report.answering_macs} - ours)
    if strangers:
        yield Problem(
            f"the VIP {vip} is already taken on the network, by {' and '.join(strangers)}",
            "networks.management.vip",
            "take another free address for the VIP in rack.yml, or remove that machine's",
        )


def _has(report: HostReport, address: IPv4Address) -> bool:
    return any(own.split("/")[0] == str(address) for own in report.addresses)


def _where(host: Host) -> str:
    return f"{host.name} ({host.address})"


@cache
def _packages(service: str) -> tuple[str, ...]:
    """Return the packages that a role installs, as the bake reads them."""
    file = places.project_root() / "roles" / service / "vars" / "main.yml"
    content = yaml.safe_load(file.read_text()) if file.exists() else {}
    return tuple(content.get(f"__{service}_packages", ()))
