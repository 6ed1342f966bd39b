"""Site and what its catalogue says → tempest.conf. Pure."""

import configparser
import io
from collections.abc import Mapping
from typing import cast

from dicos_site.model import Site
from dicos_site.variables import vip_fqdn

# Its configuration holds the administrator's password: root alone reads it, and it goes with the folder.
FOLDER = "/root/dicos-tempest"

Sections = dict[str, dict[str, str]]
# What follows from our guest and our storage, whatever the site.
FIXED: Sections = {
    "compute-feature-enabled": {
        "console_output": "true",
        "vnc_console": "true",
        "resize": "true",
        "live_migration": "true",
        "cold_migration": "true",
    },
    # The guest has no SSH: what it says is on its console.
    "validation": {"run_validation": "false"},
    "image": {"disk_formats": "raw,qcow2,aki,ari,iso"},
    "volume": {"catalog_type": "volumev3", "storage_protocol": "ceph", "vendor_name": "Open Source"},
    "volume-feature-enabled": {"backup": "true"},
    "oslo_concurrency": {"lock_path": f"{FOLDER}/locks"},
}


def configuration(site: Site, password: str, facts: Mapping[str, object]) -> str:
    """Return tempest.conf; `facts` is what PREPARE prints."""
    sections: Sections = {
        **_identity(site, password),
        **FIXED,
        "compute": {
            "image_ref": str(facts["image"]),
            "image_ref_alt": str(facts["image"]),
            "flavor_ref": str(facts["flavor"]),
            "flavor_ref_alt": str(facts["other_flavor"]),
            "min_compute_nodes": str(facts["hosts"]),
            "fixed_network_name": "",
        },
        "network": {
            "public_network_id": str(facts["outside"]),
            "floating_network_name": "provider" if facts["outside"] else "",
            "project_network_cidr": "192.168.88.0/24",
        },
        # OVN has no agents to schedule and no metering; the rest is asked for.
        "network-feature-enabled": {"api_extensions": ",".join(cast("list[str]", facts["extensions"]))},
        "service_available": {
            "cinder": "true",
            "glance": "true",
            "horizon": "true",
            "neutron": "true",
            "nova": "true",
            "swift": "true" if facts["object_store"] else "false",
        },
    }
    text = io.StringIO()
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_dict(sections)
    parser.write(text)
    return text.getvalue()


def _identity(site: Site, password: str) -> Sections:
    """Return who tempest is: keystone enforces scopes, so it makes people with a token of the whole system.

    Their networks it makes with one of a project, which neutron wants.
    """
    uri = f"https://{vip_fqdn(site)}:5000/v3"
    return {
        "DEFAULT": {"log_file": "tempest.log"},
        "auth": {
            "use_dynamic_credentials": "true",
            "create_isolated_networks": "true",
            "admin_username": "admin",
            "admin_password": password,
            "admin_project_name": "admin",
            "admin_domain_name": "Default",
            "admin_system": "all",
        },
        "enforce_scope": dict.fromkeys(("keystone", "nova", "neutron", "glance", "placement"), "true"),
        "identity": {
            "uri_v3": uri,
            "auth_version": "v3",
            "region": "regionOne",
            "ca_certificates_file": "/etc/dicos/pki/ca.crt",
        },
    }
