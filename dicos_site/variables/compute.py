"""Site → the options of nova, on the controllers and where machines run. Pure."""

import uuid

from dicos_site.model import Host, Site
from dicos_site.placement import hosts_of
from dicos_site.variables.common import Variables, members, secret

# UUIDs of hosts and keys follow from rack.yml: a host that was installed anew is the same host.
_NAMESPACE = uuid.UUID("0d1c6a52-6f0b-4c39-8a0e-3f6f4b8a7d21")
# What machines do not get, in MiB: the system's own, an OSD's, and all that a controller runs.
SYSTEM_MIB, OSD_MIB, CONTROLLER_MIB = 4096, 5120, 16384


def site_options(site: Site) -> Variables:
    """Return what every host has of these roles' options."""
    lab = site.substrate == "incus"
    return {
        "nova_password": secret("openstack_nova"),
        "nova_database_password": secret("mariadb_nova"),
        "nova_messaging_password": secret("rabbitmq_nova"),
        "nova_metadata_secret": secret("nova_metadata"),
        "nova_workers": 1 if lab else 4,
        "nova_metadata_workers": 1 if lab else 2,
        "nova_compute_hosts": members(site, "nova_compute"),
        "nova_compute_controllers": members(site, "nova"),
        "nova_compute_password": secret("openstack_nova"),
        "nova_compute_messaging_password": secret("rabbitmq_nova"),
        "nova_compute_ceph_key": secret("ceph_nova"),
        "nova_compute_ceph_secret_uuid": _uuid(site, "ceph/client.nova"),
        "nova_compute_volume_key": secret("ceph_cinder"),
        "nova_compute_volume_secret_uuid": volume_secret_uuid(site),
        **(_in_the_lab() if lab else {}),
    }


def host_options(site: Site, host: Host) -> Variables:
    """Return what one host has of its own: its names, its identities and what it keeps for itself."""
    return {
        "nova_name": host.name,
        "nova_compute_name": host.name,
        "nova_compute_uuid": _uuid(site, f"host/{host.name}/nova"),
        "nova_compute_libvirt_uuid": _uuid(site, f"host/{host.name}/libvirt"),
        **({} if site.substrate == "incus" else _reserved(site, host)),
    }


def volume_secret_uuid(site: Site) -> str:
    """Return the UUID under which libvirt keeps the key of client.cinder; cinder tells it to nova."""
    return _uuid(site, "ceph/client.cinder")


def _uuid(site: Site, what: str) -> str:
    return str(uuid.uuid5(_NAMESPACE, f"{site.site}/{what}"))


def _in_the_lab() -> Variables:
    """Return what containers of one small machine need: each of them sees all of its memory and cores."""
    return {
        "nova_compute_container": True,
        "nova_compute_reserved_memory_mib": 512,
        "nova_compute_reserved_cores": 0,
        "nova_compute_memory_ratio": 0.2,
        "nova_compute_cpu_ratio": 4.0,
        "nova_compute_shutdown_s": 10,
    }


def _reserved(site: Site, host: Host) -> Variables:
    """Return what machines may not use; an OSD takes a core and, with its cache of 4 GiB, 5 GiB."""
    disks = len(host.disks) if host in hosts_of(site, "ceph_osd") else 0
    controller = CONTROLLER_MIB if host.kind == "controller" else 0
    return {
        "nova_compute_reserved_memory_mib": SYSTEM_MIB + OSD_MIB * disks + controller,
        "nova_compute_reserved_cores": 1 + disks,
    }
