"""Site → Report: every service is asked over its real protocol; what was written is taken away again."""

import importlib
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from dicos_site.errors import SiteError
from dicos_site.model import Site
from dicos_site.remote import Remote, require_lab
from dicos_site.report import Check, Report, check, make_report
from dicos_site.stages import STAGES
from dicos_site.verify import (
    ceph,
    certificates,
    firewall,
    galera,
    hosts,
    ldap,
    loadbalancer,
    memcached,
    openstack,
    rabbitmq,
    tenant,
)
from dicos_site.verify.context import Context, Question

# More than the longest list of one service: a question mostly waits.
_THREADS = 32
# Loaded by one thread before the others begin: two that import a library at once see it half done.
LIBRARIES = ("cryptography.x509", "ldap3", "pika", "pymysql")
Source = Callable[[Site, Context], Iterator[Question]]
STAGE_CHECKS: dict[str, tuple[Source, ...]] = {
    "preflight": (),
    "base": (hosts.checks, certificates.files, firewall.base_checks),
    "platform": (
        certificates.checks,
        firewall.checks,
        loadbalancer.checks,
        galera.checks,
        rabbitmq.checks,
        ldap.checks,
        memcached.checks,
    ),
    "storage": (certificates.checks, firewall.checks, loadbalancer.checks, ceph.checks),
    "cloud": (certificates.checks, firewall.checks, loadbalancer.checks, openstack.checks, tenant.checks),
}
# What takes about a minute where the rest takes seconds.
LONG = frozenset({tenant.checks})
READING: tuple[Source, ...] = (
    hosts.checks,
    certificates.files,
    loadbalancer.checks,
    galera.status_checks,
    rabbitmq.status_checks,
    ldap.status_checks,
    memcached.status_checks,
    ceph.status_checks,
    openstack.status_checks,
)


def verify(site: Site, folder: Path, stages: Sequence[str] = STAGES, *, quick: bool = False) -> Report:
    """Ask everything that stages, or the whole site, promise; with `quick`, only what takes seconds."""
    sources = tuple(dict.fromkeys(source for stage in stages for source in STAGE_CHECKS[stage]))
    left_out = LONG if quick else frozenset()
    if firewall.checks in sources:
        # They ask all that the base's ask, and more strictly.
        left_out |= {firewall.base_checks}
    asked = tuple(source for source in sources if source not in left_out)
    return _round(site, folder, asked, max(stages, key=STAGES.index))


def look(site: Site, folder: Path) -> Report:
    """Ask only what can be answered by reading: `status`."""
    return _round(site, folder, READING, STAGES[-1])


def _round(site: Site, folder: Path, sources: tuple[Source, ...], stage: str) -> Report:
    for library in LIBRARIES:
        importlib.import_module(library)
    require_lab(site)
    start = time.monotonic()
    with Remote(site) as remote, ThreadPoolExecutor(_THREADS) as pool:
        context = Context(site, folder, remote, stage)
        questions = [question for source in sources for question in source(site, context)]
        answers = pool.map(_answers, questions)
        checks = [one for answer in answers for one in answer]
    return make_report(site.site, checks, time.monotonic() - start)


def _answers(question: Question) -> list[Check]:
    start = time.monotonic()
    try:
        checks = list(question.ask())
    except SiteError as error:
        checks = _failed(question, "; ".join(problem.what for problem in error.problems))
    except (
        Exception
    ) as error:  # each client library has its own errors; all mean that the service did not answer
        checks = _failed(question, _reason(error))
    seconds = round(time.monotonic() - start, 2)
    return [replace(one, seconds=seconds) for one in checks]


def _failed(question: Question, detail: str) -> list[Check]:
    return [check(code, question.host, False, detail) for code in question.codes]


def _reason(error: Exception) -> str:
    text = " ".join(str(error).split()) or repr(error)
    return f"{type(error).__name__}: {text}"[:300]
