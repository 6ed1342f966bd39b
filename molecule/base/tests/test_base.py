"""Every host: its time, its firewall, its shell, its certificate."""

import socket

import pytest
from testinfra.host import Host

testinfra_hosts = ["ansible://base"]
OTHERS_PORT = 9999


@pytest.mark.parametrize("unit", ["chrony", "nftables", "ssh"])
def test_the_services_of_every_host_run(host: Host, unit: str) -> None:
    assert host.service(unit).is_running, host.run(f"journalctl -q --no-pager -n 20 -u {unit}").stdout
    assert host.service(unit).is_enabled


def test_no_unit_failed(host: Host) -> None:
    assert host.check_output("systemctl --failed --no-legend --plain") == ""


def test_the_shell_takes_keys_only(host: Host) -> None:
    settings = host.check_output("sshd -T").splitlines()
    assert "passwordauthentication no" in settings


def test_the_certificate_of_a_host_is_signed_by_the_site_and_names_the_host(host: Host) -> None:
    host.check_output("openssl verify -CAfile /etc/dicos/pki/ca.crt /etc/dicos/pki/host.crt")
    name = host.check_output("hostname").split(".")[0]
    names = host.check_output("openssl x509 -in /etc/dicos/pki/host.crt -noout -ext subjectAltName")
    assert f"DNS:{name}.base.dicos.test" in names
    assert host.file("/etc/dicos/pki/host.key").mode & 0o007 == 0


def test_the_site_s_authority_is_trusted_by_the_host(host: Host) -> None:
    host.check_output("openssl verify /etc/dicos/pki/host.crt")


def test_a_port_that_the_model_does_not_know_is_closed(host: Host) -> None:
    address = host.check_output("hostname -I").split()[0]
    host.check_output(f"systemd-run --quiet --unit=listener python3 -m http.server {OTHERS_PORT}")
    try:
        assert host.socket(f"tcp://0.0.0.0:{OTHERS_PORT}").is_listening
        with socket.create_connection((address, 22), timeout=2):
            pass
        with pytest.raises(OSError, match=r"timed out|No route|refused"):
            socket.create_connection((address, OTHERS_PORT), timeout=2)
    finally:
        host.check_output("systemctl stop listener")
