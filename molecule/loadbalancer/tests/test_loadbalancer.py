"""The VIP: one controller holds it; when that one stops, the other has it within seconds."""

import time

from testinfra.host import Host

testinfra_hosts = ["ansible://loadbalancer"]
VIP = "10.95.0.10"
MOVE_S = 3


def _holds(host: Host) -> bool:
    return f"inet {VIP}/" in host.check_output("ip -4 address show")


def test_the_balancer_runs_with_a_valid_configuration(host: Host) -> None:
    for unit in ("haproxy", "keepalived"):
        assert host.service(unit).is_running, host.run(f"journalctl -q -n 40 -u {unit}").stdout
    host.check_output("haproxy -c -q -f /etc/haproxy/haproxy.cfg")


def test_the_vip_leaves_a_controller_whose_keepalived_stops_and_is_held_again(host: Host) -> None:
    if not _holds(host):
        return
    host.check_output("systemctl stop keepalived")
    try:
        end = time.monotonic() + MOVE_S
        while _holds(host):
            assert time.monotonic() < end, "the VIP is still here"
            time.sleep(0.2)
        time.sleep(MOVE_S)
        assert host.run(f"ping -c 1 -W 1 {VIP}").rc == 0
    finally:
        host.check_output("systemctl start keepalived")
