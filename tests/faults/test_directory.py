"""An slapd host is stopped and comes back: what was written meanwhile arrives on it."""

import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from dicos_site.remote import Remote
from dicos_site.verify.context import Context
from dicos_site.verify.ldap import base_of
from tests.rack import Rack

if TYPE_CHECKING:
    from ldap3 import Connection

PORT = 636
CATCHING_UP_S = 60


@pytest.mark.units("slapd")
def test_a_provider_that_was_stopped_catches_up_with_what_was_written_meanwhile(healthy: Rack) -> None:
    first, second, _ = healthy.hosts("controller")
    person = f"uid=fault-directory,ou=people,{base_of(healthy.site)}"

    healthy.run("lab", "fault", "stop", first, "--site", "{site}")
    try:
        with provider(healthy, second) as directory:
            directory.add(person, ["inetOrgPerson"], {"cn": "Fault", "sn": "Directory"})  # type: ignore[no-untyped-call]
    finally:
        healthy.run("lab", "fault", "start", first, "--site", "{site}")

    with provider(healthy, first) as directory:
        arrived = exists_soon(directory, person)
        directory.delete(person)  # type: ignore[no-untyped-call]
    assert arrived


@pytest.mark.units("slapd", "haproxy")
def test_the_directory_answers_behind_the_vip_while_a_provider_is_down(healthy: Rack) -> None:
    first = healthy.hosts("controller")[0]
    healthy.on(first, "systemctl stop slapd")
    try:
        time.sleep(5)  # HAProxy sees it after two checks, a second apart
        with provider(healthy, "") as directory:
            assert exists_soon(directory, base_of(healthy.site))
    finally:
        healthy.on(first, "systemctl start slapd")


@contextmanager
def provider(rack: Rack, host: str) -> Iterator["Connection"]:
    """Yield the administrator's connection to the provider of a host, or to the VIP, over TLS."""
    from ldap3 import NONE, Connection, Server, Tls

    with Remote(rack.site) as remote:
        context = Context(rack.site, rack.folder, remote)
        address, port = context.tunnel(host, PORT) if host else context.tunnel_to_vip(PORT)
        name = rack.site.fqdn(host or "api")
        ca = context.secrets["pki_ca_certificate"]
        tls = Tls(validate=ssl.CERT_REQUIRED, ca_certs_data=ca, valid_names=[name], sni=name)
        with Connection(
            Server(address, port=port, use_ssl=True, tls=tls, get_info=NONE, connect_timeout=20),
            user=f"cn=admin,{base_of(rack.site)}",
            password=context.secrets["ldap_admin"],
            receive_timeout=20,
            raise_exceptions=True,
            auto_bind=True,
        ) as directory:
            yield directory


def exists_soon(directory: "Connection", name: str) -> bool:
    """Return whether an entry is there, or arrives within CATCHING_UP_S."""
    from ldap3.core.exceptions import LDAPNoSuchObjectResult

    end = time.monotonic() + CATCHING_UP_S
    while time.monotonic() < end:
        try:
            if directory.search(name, "(objectClass=*)", search_scope="BASE"):
                return True
        except LDAPNoSuchObjectResult:
            time.sleep(0.5)
    return False
