"""Site → the state of its lab, as measured now."""

from dataclasses import asdict, dataclass

from dicos_site.lab import cgroup, disk, incus, names, parallel, rack, ssh
from dicos_site.lab.snapshot import snapshots
from dicos_site.model import Host, Site

ABSENT = "Absent"
UNKNOWN = "Unknown"
_MIB = 1 << 20


@dataclass(frozen=True)
class HostStatus:
    """One host; `state` is Running, Stopped, Frozen, Error, Absent or, without a daemon, Unknown."""

    name: str
    kind: str
    address: str
    state: str
    ssh: bool
    memory_mib: int | None
    disk_full: bool


@dataclass(frozen=True)
class LabStatus:
    """The whole lab; `memory_mib` is the sum of the hosts, without page cache."""

    site: str
    daemon: bool
    hosts: tuple[HostStatus, ...]
    memory_mib: int
    snapshots: tuple[str, ...]
    extra_hosts: tuple[str, ...]

    @property
    def up(self) -> bool:
        """Return whether every host of rack.yml runs and answers."""
        return all(host.state == "Running" and host.ssh for host in self.hosts)

    def report(self) -> dict[str, object]:
        """Return the status for JSON, with `up` added."""
        return asdict(self) | {"up": self.up}


def status(site: Site) -> LabStatus:
    """Return the state of every host of rack.yml; changes nothing and starts no daemon."""
    rack.require_lab(site)
    alive = incus.answers()
    states = rack.states(site) if alive else {}
    missing = ABSENT if alive else UNKNOWN
    full = disk.full(site) if alive else frozenset()
    hosts = parallel.each(
        site.hosts,
        lambda host: _host(site, host, states.get(host.name, missing), host.name in full),
        threads=len(site.hosts),
    )
    return LabStatus(
        site=site.site,
        daemon=alive,
        hosts=tuple(hosts),
        memory_mib=sum(host.memory_mib or 0 for host in hosts),
        snapshots=snapshots(site) if alive else (),
        extra_hosts=tuple(sorted(set(states) - {host.name for host in site.hosts})),
    )


def _host(site: Site, host: Host, state: str, full: bool) -> HostStatus:
    memory = cgroup.memory_bytes(names.project(site), host.name)
    return HostStatus(
        name=host.name,
        kind=host.kind,
        address=str(host.address),
        state=state,
        # Without the lab its addresses must not be asked: the answer would come from elsewhere.
        ssh=state == "Running" and ssh.answers(host),
        memory_mib=None if memory is None else round(memory / _MIB),
        disk_full=full,
    )
