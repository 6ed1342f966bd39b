"""A failed task → a problem: what failed where, the unit's last words, the probable cause, the next step."""

import re
import shlex
from collections.abc import Sequence

from dicos_site.errors import Problem, SiteError
from dicos_site.events import Failure
from dicos_site.model import Site
from dicos_site.remote import Remote

JOURNAL_LINES = 15
# What a reason or a journal says, and what that means most of the time.
CAUSES: tuple[tuple[str, str], ...] = (
    (r"No space left on device|Disk full", "the host's disk is full: df -h there"),
    (r"[Aa]ddress already in use", "another process holds the port: ss -ltnp there"),
    (r"Could not get lock /var/lib/(dpkg|apt)", "another package manager is at work there: wait for it"),
    (
        r"Failed to fetch|Unable to fetch|Temporary failure resolving",
        "the mirror of packages cannot be reached",
    ),
    (
        r"failed to reach primary view|It may not be safe to bootstrap",
        "the database waits for `dicos-site recover database`",
    ),
    (r"certificate (is not yet valid|has expired)", "clocks differ, or a certificate was not renewed"),
    (r"oom-kill|Out of memory|Cannot allocate memory", "the host has too little memory"),
    (r"Permission denied \(publickey", "the host does not know the key: see `ssh.key` in rack.yml"),
    (
        r"Host key verification failed|REMOTE HOST IDENTIFICATION",
        "the host is not the one that was there before",
    ),
    (r"Connection (refused|timed out|closed)|No route to host", "the host is down, or its network is"),
)


def journal(site: Site, failure: Failure) -> tuple[str, ...]:
    """Return the last lines of the failed unit's journal; none where no unit failed or nobody answers."""
    if not failure.unit:
        return ()
    command = f"journalctl -q --no-pager -o cat -n {JOURNAL_LINES} -u {shlex.quote(failure.unit)}"
    try:
        with Remote(site) as remote:
            return tuple(remote.run(failure.host, command, timeout_s=15).stdout.splitlines())
    except (SiteError, KeyError):
        return ()


def problem_of(failures: Sequence[Failure], lines: tuple[str, ...], resume: str) -> Problem:
    """Return the problem of a task that failed on hosts for one reason; `resume` goes on."""
    failure, hosts = failures[0], ", ".join(one.host for one in failures)
    reason = "\n  ".join(failure.reason.splitlines()[:12])
    subject = f"{failure.unit} on {hosts}" if failure.unit else hosts
    what = f"{failure.stage} stopped at {subject}: {reason}"
    if lines:
        what += f"\n  journal of {failure.host}:\n" + "\n".join(f"    {line}" for line in lines)
    cause = probable_cause("\n".join((failure.reason, *lines)))
    where = f'{hosts}, task "{failure.task}" ({_short(failure.place)})'
    return Problem(what, where, f"{cause}; then: {resume}" if cause else f"mend it, then: {resume}")


def probable_cause(text: str) -> str:
    """Return what a text of errors most probably means; the empty string where that is not known."""
    return next((cause for pattern, cause in CAUSES if re.search(pattern, text)), "")


def _short(place: str) -> str:
    return place[place.find("/roles/") + 1 :] if "/roles/" in place else place.rsplit("/", 2)[-1]
