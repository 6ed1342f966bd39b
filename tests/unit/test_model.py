"""The values of a site: frozen, with defaults."""

import pytest
from pydantic import ValidationError

from dicos_site import description
from tests.unit.racks import EXAMPLE, changed, lab


def test_a_site_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        lab().__setattr__("site", "OTHER")


def test_what_rack_yml_leaves_out_has_a_default() -> None:
    site = lab()
    assert (site.replicas, site.placement, site.time_servers) == (3, {}, ())
    assert (site.ssh.user, site.ssh.port, site.ssh.key) == ("root", 22, None)
    assert site.mirror.debian is None


def test_a_rack_is_real_servers_unless_it_says_otherwise() -> None:
    assert description.parse(EXAMPLE).substrate == "metal"


def test_a_host_is_found_by_its_name() -> None:
    assert str(lab().host("hub1").address) == "10.77.0.31"


def test_a_host_that_is_not_there_is_a_key_error() -> None:
    with pytest.raises(KeyError, match="hub9"):
        lab().host("hub9")


def test_full_names_end_in_the_sites_domain() -> None:
    assert lab().fqdn("ctl1") == "ctl1.lab.dicos.test"
    assert lab().fqdn("") == "lab.dicos.test"


def test_an_optional_key_is_taken() -> None:
    text = changed(("communities:", "ssh: {user: admin, port: 2222, key: ~/.ssh/id_ed25519}\ncommunities:"))
    ssh = description.parse(text).ssh
    assert (ssh.user, ssh.port, ssh.key) == ("admin", 2222, "~/.ssh/id_ed25519")
