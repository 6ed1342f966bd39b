"""Site → the options of Ceph's roles. Pure."""

import uuid

from dicos_site.cloud import Erasure
from dicos_site.model import Disk, Host, Site
from dicos_site.placement import hosts_of
from dicos_site.ports import APIS, PORTS
from dicos_site.variables.common import Variables, members, secret, vip_fqdn

# The names of OSDs follow from rack.yml, so that a disk keeps its OSD when the same deployment runs again.
_NAMESPACE = uuid.UUID("6f7a2d3c-2c55-4b63-9f0e-1d3f6b0f5d0a")
# Under this name the gateways ask keystone about the cloud's users.
OBJECTS_USER = "swift"
OBJECTS_PASSWORD_FILE = "/etc/ceph/rgw.keystone"
# The file system of scientific data, and the pool of its files where they are kept in pieces. What leads to a
# file, its name and its place, is always in whole copies.
SCIENCE = "science"
PIECES = "science.erasure"
POOL_GROUPS = {"small": 8, "large": 32}


def site_options(site: Site) -> Variables:
    """Return what every host has of these roles' options."""
    return {
        "ceph_fsid": cluster_uuid(site),
        "ceph_monitors": members(site, "ceph_mon"),
        "ceph_public_network": str(site.networks.management.cidr),
        "ceph_mon_members": members(site, "ceph_mon"),
        "ceph_mon_fsid": cluster_uuid(site),
        "ceph_mon_key": secret("ceph_mon"),
        "ceph_mon_admin_key": secret("ceph_admin"),
        "ceph_mon_settings": _settings(site),
        "ceph_mon_entities": _entities(),
        "ceph_pools_wanted": _pools(site),
        "ceph_pools_file_systems": [
            {
                "name": SCIENCE,
                "metadata": "science.metadata",
                "data": "science.data",
                "more": [PIECES] if site.erasure else [],
            }
        ],
        "ceph_pools_hosts": min(max(site.replicas, _parts(site.erasure)), len(hosts_of(site, "ceph_osd"))),
        "ceph_mds_layouts": [{"file_system": SCIENCE, "pool": PIECES}] if site.erasure else [],
        "ceph_mgr_bootstrap_key": secret("ceph_bootstrap_mgr"),
        "ceph_mds_bootstrap_key": secret("ceph_bootstrap_mds"),
        "ceph_osd_bootstrap_key": secret("ceph_bootstrap_osd"),
        "ceph_rgw_bootstrap_key": secret("ceph_bootstrap_rgw"),
        "ceph_rgw_vip_fqdn": vip_fqdn(site),
        "ceph_rgw_keystone_password": secret("openstack_swift"),
        "ceph_rgw_keystone_password_file": OBJECTS_PASSWORD_FILE,
    }


def host_options(site: Site, host: Host) -> Variables:
    """Return what one host has of its own."""
    return {
        "ceph_mon_name": host.name,
        "ceph_mon_address": str(host.address),
        "ceph_mgr_name": host.name,
        "ceph_mds_name": host.name,
        "ceph_rgw_name": host.name,
        "ceph_rgw_fqdn": site.fqdn(host.name),
        "ceph_rgw_address": str(host.address),
        "ceph_osd_disks": [_disk(site, host, index, disk) for index, disk in enumerate(host.disks)],
    }


def cluster_uuid(site: Site) -> str:
    """Return the UUID of the site's Ceph cluster: no secret, and the same wherever it is asked for."""
    return str(uuid.uuid5(_NAMESPACE, f"{site.site}/{site.domain}"))


def osd_uuid(site: Site, host: Host, index: int, disk: Disk) -> str:
    """Return the UUID of the OSD on a disk: that of its device, or of its place among the lab's disks."""
    place = disk.device or f"disk {index}"
    return str(uuid.uuid5(_NAMESPACE, f"{site.site}/{host.name}/{place}"))


def _disk(site: Site, host: Host, index: int, disk: Disk) -> dict[str, object]:
    return {
        "uuid": osd_uuid(site, host, index, disk),
        "device": disk.device or "",
        "size_gib": disk.size_gib or 0,
        "wipe": disk.wipe,
    }


def _settings(site: Site) -> list[dict[str, str]]:
    """Return Ceph's central configuration: who, option, value."""
    lab = site.substrate == "incus"
    ranges = {port.service: (port.number, port.last) for port in PORTS if port.last}
    daemons = [
        {"who": who, "name": f"ms_bind_port_{end}", "value": str(number)}
        for service, who in (("ceph_mgr", "mgr"), ("ceph_mds", "mds"), ("ceph_osd", "osd"))
        for end, number in zip(("min", "max"), ranges[service], strict=True)
    ]
    gateways = [
        {"who": f"client.rgw.{host.name}", "name": name, "value": value}
        for host in hosts_of(site, "ceph_rgw")
        for name, value in ({"rgw_frontends": _frontend(host)} | _keystone(site)).items()
    ]
    general = {
        "osd_pool_default_size": str(site.replicas),
        "osd_pool_default_min_size": str(min_size(site.replicas)),
        "osd_pool_default_pg_num": str(POOL_GROUPS["small"]),
        "auth_allow_insecure_global_id_reclaim": "false",
        # A pool is deleted by a human who first sets this to true.
        "mon_allow_pool_delete": "false",
    }
    small = {
        "osd_memory_target": str(896 << 20),
        "mds_cache_memory_limit": str(256 << 20),
        # Every pool would be split into 32 groups at least: work without use on a few small disks.
        "osd_pool_default_pg_autoscale_mode": "off",
    }
    everywhere = [
        {"who": "global", "name": name, "value": value}
        for name, value in (general | (small if lab else {})).items()
    ]
    return [*everywhere, *daemons, *gateways]


def _keystone(site: Site) -> dict[str, str]:
    """Return how a gateway knows the cloud's users: each project is an account of its own.

    It asks keystone when a user comes, so that it starts before there is one; S3 users of its own need none.
    Source: docs.ceph.com, radosgw/keystone.
    """
    return {
        "rgw_keystone_url": f"https://{vip_fqdn(site)}:{APIS['keystone']}",
        "rgw_keystone_api_version": "3",
        "rgw_keystone_admin_user": OBJECTS_USER,
        "rgw_keystone_admin_password_path": OBJECTS_PASSWORD_FILE,
        "rgw_keystone_admin_domain": "Default",
        "rgw_keystone_admin_project": "service",
        "rgw_keystone_accepted_roles": "member,admin",
        "rgw_keystone_accepted_admin_roles": "admin",
        "rgw_keystone_implicit_tenants": "true",
        "rgw_swift_account_in_url": "true",
        "rgw_s3_auth_use_keystone": "true",
        "rgw_s3_auth_order": "sts, local, external",
    }


def min_size(replicas: int) -> int:
    """Return how many copies must be there for writes: a majority, so that no write rests on one disk."""
    return replicas // 2 + 1


def _frontend(host: Host) -> str:
    port = next(port.number for port in PORTS if port.name == "ceph-rgw")
    certificate = "ssl_certificate=/etc/dicos/pki/ceph_rgw.crt ssl_private_key=/etc/dicos/pki/ceph_rgw.key"
    return f"beast ssl_endpoint={host.address}:{port} {certificate}"


def _entities() -> list[dict[str, object]]:
    """Return who may use Ceph, each with its own key and no more than it needs."""
    bootstrap: list[dict[str, object]] = [
        {
            "name": f"client.bootstrap-{daemon}",
            "key": secret(f"ceph_bootstrap_{daemon}"),
            "caps": {"mon": f"allow profile bootstrap-{daemon}"},
        }
        for daemon in ("mgr", "mds", "osd", "rgw")
    ]
    science = {
        "mon": "allow r fsname=science",
        "mds": "allow rw fsname=science",
        "osd": "allow rw tag cephfs data=science",
    }
    return [
        *bootstrap,
        {"name": "client.science", "key": secret("ceph_science"), "caps": science},
        _images_user("glance", "images"),
        _images_user("cinder", "volumes", reads="images"),
        _images_user("cinder_backup", "backups"),
        _images_user("nova", "vms", reads="images"),
    ]


def _images_user(name: str, pool: str, reads: str = "") -> dict[str, object]:
    """Return a user of block images: of its own pool, and of one more to read."""
    own = f"profile rbd pool={pool}"
    osd = f"{own}, profile rbd-read-only pool={reads}" if reads else own
    caps = {"mon": "profile rbd", "mgr": own, "osd": osd}
    return {"name": f"client.{name}", "key": secret(f"ceph_{name}"), "caps": caps}


def _pools(site: Site) -> list[dict[str, object]]:
    """Return the pools of all services; RGW makes its own from the defaults."""
    return [
        _pool(site, "science.metadata", "cephfs"),
        _pool(site, "science.data", "cephfs", groups="large"),
        _pool(site, "images", "rbd"),
        _pool(site, "volumes", "rbd", groups="large"),
        _pool(site, "backups", "rbd"),
        _pool(site, "vms", "rbd", groups="large"),
        *([_pieces(site.erasure)] if site.erasure else []),
    ]


def science_pool(site: Site) -> str:
    """Return the pool in which the files of the file system lie."""
    return PIECES if site.erasure else "science.data"


def _parts(erasure: Erasure | None) -> int:
    return erasure.data + erasure.parity if erasure else 0


def _pieces(erasure: Erasure) -> dict[str, object]:
    return {
        "name": PIECES,
        "application": "cephfs",
        "placement_groups": POOL_GROUPS["large"],
        "erasure": {"data": erasure.data, "parity": erasure.parity},
    }


def _pool(site: Site, name: str, application: str, groups: str = "small") -> dict[str, object]:
    return {
        "name": name,
        "application": application,
        "placement_groups": POOL_GROUPS[groups],
        "size": site.replicas,
        "min_size": min_size(site.replicas),
    }
