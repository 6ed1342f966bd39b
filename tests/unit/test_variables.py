"""The options of each role, as they follow from a site."""

import json
import re

from dicos_site import description
from dicos_site.ports import APIS
from dicos_site.secrets import NAMES
from dicos_site.variables import host_variables, secret, site_variables, vip_fqdn
from tests.unit.racks import EXAMPLE, lab


def test_members_have_a_name_a_full_name_and_an_address() -> None:
    members = site_variables(lab())["mariadb_members"]
    assert isinstance(members, list)
    assert members[0] == {"name": "ctl1", "fqdn": "ctl1.lab.dicos.test", "address": "10.77.0.11"}


def test_the_vip_has_a_name_of_its_own() -> None:
    assert vip_fqdn(lab()) == "api.lab.dicos.test"


def test_a_host_is_reached_at_its_address_as_root() -> None:
    site = lab()
    variables = host_variables(site, site.host("hub1"))
    assert variables["ansible_host"] == "10.77.0.31"
    assert variables["ansible_user"] == "root"
    assert variables["ansible_become"] is False


def test_a_secret_is_a_template_and_never_a_value() -> None:
    assert secret("mariadb_root") == "{{ lookup('site_secret', 'mariadb_root') }}"


def test_every_secret_that_a_role_asks_for_is_made() -> None:
    asked = set(re.findall(r"site_secret', '(\w+)'", json.dumps(site_variables(lab()))))
    assert asked == set(NAMES)


def test_variables_are_plain_data() -> None:
    for site in (lab(), description.parse(EXAMPLE)):
        variables = site_variables(site) | host_variables(site, site.hosts[0])
        assert json.loads(json.dumps(variables)) == variables


def test_the_virtual_router_has_a_number_that_vrrp_takes() -> None:
    number = site_variables(lab())["loadbalancer_router_id"]
    assert isinstance(number, int)
    assert 1 <= number <= 255


def test_every_api_is_in_the_catalogue_with_a_password_of_its_own() -> None:
    services = site_variables(lab())["keystone_services"]
    assert isinstance(services, list)
    assert {service["name"] for service in services} == {*APIS} - {"keystone"} | {"swift"}
    assert len({service["password"] for service in services}) == len(services)
    assert all(service["url"].startswith("https://api.lab.dicos.test:") for service in services)
