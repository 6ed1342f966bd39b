"""LDAP: three providers, each takes writes, all hold the same."""

import os
import time

import testinfra
from testinfra.host import Host

testinfra_hosts = ["ansible://ldap"]
BASE = "dc=directory,dc=dicos,dc=test"
REPLICATION_S = 20
RACK = os.path.join(os.environ.get("MOLECULE_SCENARIO_DIRECTORY", "molecule/directory"), "rack.yml")  # noqa: PTH118


def test_the_directory_answers_over_tls_under_its_own_name(host: Host) -> None:
    answer = host.run(f"ldapsearch -x -LLL -H ldaps://{_name(host)}.directory.dicos.test -s base -b ''")
    assert answer.rc == 0, host.run("journalctl -q -n 40 -u slapd").stdout


def test_nobody_reads_people_without_logging_in(host: Host) -> None:
    answer = host.run(
        f"ldapsearch -x -LLL -H ldaps://{_name(host)}.directory.dicos.test -b ou=people,{BASE} dn"
    )
    assert "dn:" not in answer.stdout


def test_what_is_written_on_one_provider_is_read_on_all(host: Host) -> None:
    dn = f"ou=from-{_name(host)},{BASE}"
    entry = f"dn: {dn}\\nobjectClass: organizationalUnit\\n"
    host.check_output(f"printf '{entry}' | ldapadd -Q -Y EXTERNAL -H ldapi:///")
    try:
        for other in testinfra.get_hosts(["ansible://ldap"], ansible_inventory=RACK):
            assert _waits_for(other, dn), f"{dn} is not on {_name(other)}"
    finally:
        host.check_output(f"ldapdelete -Q -Y EXTERNAL -H ldapi:/// '{dn}'")


def _waits_for(host: Host, dn: str) -> bool:
    end = time.monotonic() + REPLICATION_S
    while host.run(f"ldapsearch -Q -Y EXTERNAL -LLL -H ldapi:/// -s base -b '{dn}' dn").rc != 0:
        if time.monotonic() > end:
            return False
        time.sleep(0.5)
    return True


def _name(host: Host) -> str:
    return str(host.check_output("hostname")).split(".")[0]
