"""LDAP: three providers, each takes writes, all hold the same."""

import time

from testinfra.host import Host

testinfra_hosts = ["ansible://ldap"]
BASE = "dc=directory,dc=dicos,dc=test"


def test_the_directory_answers_over_tls_under_its_own_name(host: Host) -> None:
    name = host.check_output("hostname").split(".")[0]
    answer = host.run(f"ldapsearch -x -LLL -H ldaps://{name}.directory.dicos.test -s base -b '' vendorName")
    assert answer.rc == 0, host.run("journalctl -q -n 40 -u slapd").stdout


def test_nobody_reads_the_directory_without_a_password(host: Host) -> None:
    name = host.check_output("hostname").split(".")[0]
    answer = host.run(f"ldapsearch -x -LLL -H ldaps://{name}.directory.dicos.test -b {BASE} dn")
    assert "dn: ou=" not in answer.stdout


def test_all_providers_hold_the_same_state(host: Host) -> None:
    command = f"slapcat -b {BASE} -a '(objectClass=*)' | grep -c ^dn:"
    end = time.monotonic() + 20
    while (count := int(host.check_output(command))) < 2 and time.monotonic() < end:
        time.sleep(1)
    assert count >= 2
