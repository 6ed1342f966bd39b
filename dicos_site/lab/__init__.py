"""The rack in a box: a site's hosts as Incus system containers on this machine."""

from dicos_site.lab.fault import FAULTS, Fault, fault
from dicos_site.lab.image import remove_all as remove_images
from dicos_site.lab.network import guard
from dicos_site.lab.rack import down, stop, up
from dicos_site.lab.snapshot import delete_snapshot, restore, snapshot, snapshots
from dicos_site.lab.ssh import command as ssh_command
from dicos_site.lab.status import HostStatus, LabStatus, status

__all__ = [
    "FAULTS",
    "Fault",
    "HostStatus",
    "LabStatus",
    "delete_snapshot",
    "down",
    "fault",
    "guard",
    "remove_images",
    "restore",
    "snapshot",
    "snapshots",
    "ssh_command",
    "status",
    "stop",
    "up",
]
