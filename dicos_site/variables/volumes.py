"""Site → the options of cinder. Pure."""

from dicos_site.model import Host, Site
from dicos_site.variables.common import Variables, secret
from dicos_site.variables.compute import volume_secret_uuid


def site_options(site: Site) -> Variables:
    """Return what every host has of these roles' options."""
    return {
        "cinder_password": secret("openstack_cinder"),
        "cinder_database_password": secret("mariadb_cinder"),
        "cinder_messaging_password": secret("rabbitmq_cinder"),
        "cinder_ceph_key": secret("ceph_cinder"),
        "cinder_backup_ceph_key": secret("ceph_cinder_backup"),
        "cinder_secret_uuid": volume_secret_uuid(site),
    }


def host_options(site: Site, host: Host) -> Variables:
    """Return what one host has of its own."""
    return {}
