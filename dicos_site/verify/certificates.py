"""Certificates: the files of every host, and what each TLS port shows, checked against the site's CA."""

import base64
import json
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from dicos_site.errors import UnreachableError
from dicos_site.model import Host, Site
from dicos_site.placement import hosts_of
from dicos_site.ports import PORTS, Port
from dicos_site.report import Check, check
from dicos_site.secrets import CA_CERTIFICATE
from dicos_site.stages import until
from dicos_site.variables import vip_fqdn
from dicos_site.verify.context import Context, Question, probe
from dicos_site.verify.firewall import ON_DEMAND, Probe, probes

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

# The role renews below 30 days: half of that left means that nobody has deployed for long.
MIN_DAYS = 15
CODE = "CERTIFICATE_VALID"


@dataclass(frozen=True)
class Endpoint:
    """A TLS port of a host as another host, `source`, sees it under `name`."""

    source: str
    host: str
    port: Port
    address: str
    name: str


def files(site: Site, context: Context) -> Iterator[Question]:
    """Return one question a host: the certificates on its disk."""
    for host in site.hosts:
        yield Question((CODE,), host.name, lambda host=host: [_files(context, host)])  # type: ignore[misc]


def checks(site: Site, context: Context) -> Iterator[Question]:
    """Return the question of all TLS ports that listen always; one program a source asks for all."""
    yield Question((CODE,), "", lambda: _ports(site, context))


def endpoints(site: Site, stage: str) -> list[Endpoint]:
    """Return every TLS port that a stage has opened, seen by the first other host that may connect."""
    asked = probes(site, stage)
    found: list[Endpoint] = []
    for port in PORTS:
        if not port.tls or port.name in ON_DEMAND or port.stage not in until(stage):
            continue
        for host in hosts_of(site, port.service):
            source = _source(asked, host, port)
            if source:
                name = vip_fqdn(site) if port.on_vip else site.fqdn(host.name)
                found.append(Endpoint(source.source, host.name, port, source.address, name))
    return found


def fault(certificate: "Certificate", authority: "Certificate", moment: datetime) -> str:
    """Return what is wrong with a certificate; the empty string where nothing is."""
    from cryptography.exceptions import InvalidSignature

    days = (certificate.not_valid_after_utc - moment).days
    try:
        certificate.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature):
        return "is not from the site's CA"
    if certificate.not_valid_before_utc > moment:
        return f"is not valid before {certificate.not_valid_before_utc:%Y-%m-%d %H:%M}"
    if days < 0:
        return f"expired on {certificate.not_valid_after_utc:%Y-%m-%d}"
    return f"expires in {days} days" if days < MIN_DAYS else ""


def _files(context: Context, host: Host) -> Check:
    from cryptography.x509 import load_pem_x509_certificate

    texts = {
        name: text for name, text in context.facts(host.name)["certificates"].items() if name != "ca.crt"
    }
    loaded = {name: load_pem_x509_certificate(text.encode()) for name, text in texts.items()}
    wrong = _faults(context, loaded.items())
    if not loaded:
        return check(CODE, host.name, False, "has no certificate yet", stage="base")
    detail = "; ".join(wrong) or f"{', '.join(loaded)}: {_days(loaded.values())} days left"
    return check(CODE, host.name, not wrong, detail, stage="base")


def _ports(site: Site, context: Context) -> Iterator[Check]:
    asked = endpoints(site, context.stage)
    with ThreadPoolExecutor(len(site.hosts)) as pool:
        some = pool.map(lambda host: _seen_from(context, host.name, asked), site.hosts)
        seen = {endpoint: answer for answers in some for endpoint, answer in answers.items()}
    for host in dict.fromkeys(endpoint.host for endpoint in asked):
        yield _judged(context, host, [one for one in asked if one.host == host], seen)


def _judged(
    context: Context, host: str, asked: list[Endpoint], seen: dict[Endpoint, dict[str, str]]
) -> Check:
    from cryptography.x509 import load_der_x509_certificate

    missing: dict[str, str] = {"error": "the host that asks does not answer"}
    answers = {f"{one.port.name} ({one.port.number})": seen.get(one, missing) for one in asked}
    loaded = {
        name: load_der_x509_certificate(base64.b64decode(answer["certificate"]))
        for name, answer in answers.items()
        if "certificate" in answer
    }
    refused = [f"{name}: {answer['error']}" for name, answer in answers.items() if "error" in answer]
    wrong = refused + _faults(context, loaded.items())
    detail = "; ".join(wrong) or f"{', '.join(loaded)}: {_days(loaded.values())} days left"
    return check(CODE, host, not wrong, detail, stage="platform")


def _seen_from(context: Context, source: str, asked: list[Endpoint]) -> dict[Endpoint, dict[str, str]]:
    own = [one for one in asked if one.source == source]
    question = {
        "authority": context.secrets[CA_CERTIFICATE],
        "targets": [[one.address, one.port.number, one.name] for one in own],
    }
    try:
        result = context.remote.script(source, probe("tls"), json.dumps(question), timeout_s=15)
        return dict(zip(own, json.loads(result.stdout), strict=True))
    except (UnreachableError, ValueError):
        return {}


def _source(every: list[Probe], host: Host, port: Port) -> Probe | None:
    return next(
        (
            one
            for one in every
            if one.target == host.name
            and one.may
            and (one.rule.name, one.rule.number) == (port.name, port.number)
        ),
        None,
    )


def _faults(context: Context, loaded: Iterable[tuple[str, "Certificate"]]) -> list[str]:
    from cryptography.x509 import load_pem_x509_certificate

    authority = load_pem_x509_certificate(context.secrets[CA_CERTIFICATE].encode())
    now = datetime.now(UTC)
    judged = {name: fault(certificate, authority, now) for name, certificate in loaded}
    return [f"{name} {what}" for name, what in judged.items() if what]


def _days(loaded: Iterable["Certificate"]) -> int:
    return min((certificate.not_valid_after_utc - datetime.now(UTC)).days for certificate in loaded)
