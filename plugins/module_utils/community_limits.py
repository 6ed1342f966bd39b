"""What a community may use and what of it is missing: decided from what the cloud says. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

CHECKSUM = "dicos_sha256"
UNLIMITED = -1
ANYWHERE = "0.0.0.0/0"
# What reaches a machine in the default group from outside: ping, and SSH, which asks for a key.
OPEN: tuple[dict[str, Any], ...] = (
    {"protocol": "icmp", "port_range_min": None, "port_range_max": None},
    {"protocol": "tcp", "port_range_min": 22, "port_range_max": 22},
)


@dataclass(frozen=True)
class Host:
    """What the machines of one host may use together, and the most that one of them may."""

    cores: int
    memory_mib: int
    cores_each: int
    memory_each_mib: int


def host_of(inventories: Mapping[str, Mapping[str, float]]) -> Host | None:
    """Return a provider of placement as a host; None where it is none.

    Shape: {"VCPU": {"total", "reserved", "allocation_ratio", "max_unit"}, "MEMORY_MB": ...}.
    """
    if not {"VCPU", "MEMORY_MB"} <= inventories.keys():
        return None
    whole, each = {}, {}
    for name in ("VCPU", "MEMORY_MB"):
        one = inventories[name]
        whole[name] = int((one["total"] - one["reserved"]) * one["allocation_ratio"])
        each[name] = min(int(one["max_unit"]), whole[name])
    return Host(whole["VCPU"], whole["MEMORY_MB"], each["VCPU"], each["MEMORY_MB"])


def holds(hosts: Iterable[Host], flavor: Mapping[str, Any]) -> bool:
    """Tell whether one of the hosts can hold a machine of a flavor."""
    return any(
        host.cores_each >= flavor["cores"] and host.memory_each_mib >= flavor["memory_mib"] for host in hosts
    )


def limits(community: Mapping[str, Any], part: float, hosts: Iterable[Host]) -> dict[str, int]:
    """Return a community's quotas; what is left out is its part of what the hosts have, at least one."""
    known = list(hosts)
    cores, memory_gib, machines = (community[name] for name in ("cores", "memory_gib", "machines"))
    if cores is None:
        cores = max(1, int(part * sum(host.cores for host in known)))
    if memory_gib is None:
        memory_gib = max(1, int(part * sum(host.memory_mib for host in known)) // 1024)
    return {
        "cores": cores,
        "memory_gib": memory_gib,
        "machines": cores if machines is None else machines,
        "volumes_gib": community["volumes_gib"],
        "floating_addresses": community["floating_addresses"],
    }


def quotas(wanted: Mapping[str, int]) -> dict[str, dict[str, int]]:
    """Return what each service is told; what is counted otherwise has no limit of its own."""
    volumes = wanted["volumes_gib"]
    sizes = {"gigabytes": volumes, "backup_gigabytes": volumes}
    return {
        "compute": {
            "cores": wanted["cores"],
            "ram": wanted["memory_gib"] * 1024,
            "instances": wanted["machines"],
        },
        "volume": {**sizes, **dict.fromkeys(("volumes", "snapshots", "backups"), UNLIMITED)},
        "network": {"floatingip": wanted["floating_addresses"], "port": UNLIMITED},
    }


def tolerance(community: Mapping[str, Any], wanted: Mapping[str, int]) -> dict[str, int]:
    """Return by how much quotas may differ that follow from what hosts measure.

    A host's memory, as its kernel tells it, is not the same after each start: a share of it is about right
    within 2 %, or within the GiB to which it is rounded.
    """
    return {"ram": max(1024, wanted["memory_gib"] * 1024 // 50)} if community["memory_gib"] is None else {}


def differing(
    found: Mapping[str, Any], wanted: Mapping[str, int], tolerated: Mapping[str, int] | None = None
) -> dict[str, int]:
    """Return the quotas that are not as they should be; none where all of them are tolerated."""
    wrong = {name: value for name, value in wanted.items() if found.get(name) != value}
    spread = tolerated or {}
    # What is 0 or -1 was set by a person: nothing, or no limit.
    near = all(
        found.get(name, 0) > 0 and abs(found[name] - value) <= spread.get(name, 0)
        for name, value in wrong.items()
    )
    return {} if near else wrong


def closed(rules: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the rules of OPEN that a security group does not have."""
    found = [
        {name: rule[name] for name in ("protocol", "port_range_min", "port_range_max")}
        for rule in rules
        if rule["direction"] == "ingress"
        and rule["ether_type"] == "IPv4"
        and rule["remote_ip_prefix"] in (None, ANYWHERE)
        and rule["remote_group_id"] is None
    ]
    return [rule for rule in OPEN if rule not in found]


def missing_images(found: Iterable[Mapping[str, Any]], wanted: Mapping[str, str]) -> list[str]:
    """Return the names of images of which not exactly the stated content, by name, is offered."""
    offered: dict[str, set[str]] = {}
    for image in found:
        if image["status"] == "active" and not image["os_hidden"] and CHECKSUM in image:
            offered.setdefault(image["name"], set()).add(image[CHECKSUM])
    return [name for name, checksum in wanted.items() if offered.get(name) != {checksum.lower()}]
