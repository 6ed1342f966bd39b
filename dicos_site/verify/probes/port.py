"""A machine's port on its host: what the switch got from it, and what OVN's DHCP said; one JSON object.

Called with the port's MAC address: {"interface", "received", "offers", "acks", "claimed"}.
"""

import json
import re
import subprocess
import sys

SINCE = "-15min"
_RECEIVED = re.compile(r"\brx_packets=(\d+)")


def main() -> None:
    """Print what is known of the port; what cannot be asked counts as nothing."""
    mac = sys.argv[1]
    columns = "--columns=name,ofport,link_state,error,statistics"
    switch = said("ovs-vsctl", "--bare", columns, "find", "Interface", f"external_ids:attached-mac={mac}")
    journal = said(
        "journalctl", "-q", "-u", "ovn-controller", f"--since={SINCE}", "-o", "cat", f"--grep={mac}"
    )
    print(json.dumps(judged(switch, journal)))


def judged(switch: str, journal: str) -> dict[str, object]:
    """Return what the switch and the journal of ovn-controller say of the port."""
    received = _RECEIVED.search(switch)
    return {
        "interface": " ".join(switch.split("\n")[:4]).strip(),
        "received": int(received[1]) if received else 0,
        "offers": journal.count("DHCPOFFER"),
        "acks": journal.count("DHCPACK"),
        "claimed": journal.count("Claiming"),
    }


def said(*command: str) -> str:
    """Return what a command prints."""
    return subprocess.run(command, capture_output=True, text=True, timeout=20, check=False).stdout


if __name__ == "__main__":
    main()
