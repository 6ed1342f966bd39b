"""Every host: does it answer, has a unit failed, is its clock right."""

from collections.abc import Iterator

from dicos_site.model import Host, Site
from dicos_site.report import Check, check
from dicos_site.verify.context import Context, Facts, Question

# Certificates, Galera's timeouts and tokens bear a second; more than half of it is chrony not at work.
MAX_OFFSET_S = 0.5


def checks(site: Site, context: Context) -> Iterator[Question]:
    """Return one question a host."""
    for host in site.hosts:
        yield Question(("HOST_REACHABLE",), host.name, lambda host=host: _answers(context, host))  # type: ignore[misc]


def _answers(context: Context, host: Host) -> Iterator[Check]:
    facts = context.facts(host.name)
    yield check("HOST_REACHABLE", host.name, True, f"answers as {context.site.ssh.user}@{host.address}")
    yield units(host.name, facts)
    yield clock(host.name, facts)


def units(host: str, facts: Facts) -> Check:
    """Return whether no unit of systemd has failed."""
    failed = facts["failed"]
    return check(
        "HOST_UNITS_FAILED", host, not failed, f"failed: {', '.join(failed)}" if failed else "none failed"
    )


def clock(host: str, facts: Facts) -> Check:
    """Return whether the host's clock is ours, as far as the time of the question lets us know."""
    offset, error = facts["offset_s"], facts["offset_error_s"]
    if not facts["chrony"]:
        return check("HOST_CLOCK", host, False, "chronyd does not answer")
    right = abs(offset) <= MAX_OFFSET_S + error
    return check(
        "HOST_CLOCK", host, right, f"{offset:+.2f} s against the controller (known to {error:.2f} s)"
    )
