"""What was measured: checks and the report made of them; never what was meant."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from dicos_site import places


@dataclass(frozen=True)
class Code:
    """A health code: the stage that must make it pass, and how bad it is when it does not."""

    name: str
    stage: str
    severity: str


# critical: users notice, or the next fault will stop the site; warning: an administrator acts this week.
CODES: tuple[Code, ...] = (
    Code("HOST_REACHABLE", "base", "critical"),
    Code("HOST_UNITS_FAILED", "base", "warning"),
    Code("HOST_CLOCK", "base", "warning"),
    Code("CERTIFICATE_VALID", "base", "critical"),
    Code("FIREWALL_OPEN", "platform", "critical"),
    Code("FIREWALL_CLOSED", "base", "critical"),
    Code("VIP_HELD", "platform", "critical"),
    Code("HAPROXY_BACKENDS", "platform", "warning"),
    Code("HAPROXY_SESSIONS", "platform", "warning"),
    Code("GALERA_SIZE", "platform", "critical"),
    Code("GALERA_PRIMARY", "platform", "critical"),
    Code("GALERA_SYNCED", "platform", "warning"),
    Code("GALERA_WRITE", "platform", "critical"),
    Code("GALERA_WRITER", "platform", "critical"),
    Code("RABBITMQ_SIZE", "platform", "critical"),
    Code("RABBITMQ_QUEUE", "platform", "critical"),
    Code("LDAP_REPLICATION", "platform", "warning"),
    Code("MEMCACHED_ANSWERS", "platform", "warning"),
    Code("CEPH_HEALTH", "storage", "warning"),
    Code("CEPH_QUORUM", "storage", "critical"),
    Code("CEPH_OSDS", "storage", "warning"),
    Code("CEPH_PGS", "storage", "critical"),
    Code("CEPH_MDS", "storage", "warning"),
    Code("CEPH_RBD", "storage", "critical"),
    Code("CEPH_FS", "storage", "critical"),
    Code("CEPH_S3", "storage", "critical"),
    Code("CLOUD_APIS", "cloud", "critical"),
    Code("CLOUD_SERVICES", "cloud", "critical"),
    Code("CLOUD_AGENTS", "cloud", "critical"),
    Code("CLOUD_TENANT", "cloud", "critical"),
)
_BY_NAME = {code.name: code for code in CODES}


@dataclass(frozen=True)
class Check:
    """One answer of the rack: `host` is empty where the whole site answers."""

    code: str
    stage: str
    host: str
    passed: bool
    detail: str
    seconds: float = 0.0


@dataclass(frozen=True)
class Report:
    """All answers of one round of questions."""

    site: str
    passed: bool
    seconds: float
    checks: tuple[Check, ...]


def check(code: str, host: str, passed: bool, detail: str, *, stage: str = "") -> Check:
    """Return a check; its stage is the code's own where none is given."""
    return Check(code, stage or _BY_NAME[code].stage, host, passed, detail)


def severity(code: str) -> str:
    """Return how bad a failed check of that code is: "critical" or "warning"."""
    return _BY_NAME[code].severity


def runbook(code: str) -> str:
    """Return the page that says what to do, relative to the project's folder."""
    return f"docs/runbooks/{code}.md"


def make_report(site: str, checks: Sequence[Check], seconds: float) -> Report:
    """Return the report of a round; one without any check has not passed."""
    ordered = tuple(sorted(checks, key=lambda one: (_order(one.code), one.host)))
    return Report(site, bool(ordered) and all(one.passed for one in ordered), round(seconds, 2), ordered)


def as_json(report: Report) -> dict[str, object]:
    """Return what `verify --json` prints.

    Shape: {"site", "passed", "seconds", "checks": [CHECK, ...]} with the fields of `Check` in each.
    """
    return asdict(report)


def pages() -> frozenset[str]:
    """Return the codes that have a runbook."""
    folder = places.project_root() / "docs" / "runbooks"
    return frozenset(page.stem for page in folder.glob("*.md") if page.stem != "README")


def _order(code: str) -> int:
    return list(_BY_NAME).index(code)
