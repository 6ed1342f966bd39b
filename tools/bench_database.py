"""A deployed rack → transactions a second that sysbench gets from its database, through the VIP."""

import re

from dicos_site import secrets
from dicos_site.database import SCHEMA, USER
from dicos_site.remote import Remote
from dicos_site.variables import vip_fqdn
from tests.rack import Rack

SECONDS, THREADS, ROWS = 10, 4, 10_000
# sysbench reads certificates by fixed names from where it is started, and its password from a file.
FOLDER = "/run/dicos-sysbench"
PREPARE = f"""
set -e
rm -rf {FOLDER}; mkdir -m 700 {FOLDER}; cd {FOLDER}; cat > sysbench.conf
ln -s /etc/dicos/pki/ca.crt cacert.pem
ln -s /etc/dicos/pki/host.crt client-cert.pem
ln -s /etc/dicos/pki/host.key client-key.pem
apt-get update -q >&2
DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends sysbench >&2
"""


def transactions_per_s(rack: Rack) -> float:
    """Return what `sysbench oltp_read_write` counts on a table of its own, asked from the hub."""
    host = rack.hosts("hub")[0]
    options = {
        "db-driver": "mysql",
        "mysql-host": vip_fqdn(rack.site),
        "mysql-user": USER,
        "mysql-password": secrets.load(rack.folder, rack.site)["mariadb_site"],
        "mysql-db": SCHEMA,
        "mysql-ssl": "on",
        "table-size": str(ROWS),
        "threads": str(THREADS),
        "time": str(SECONDS),
    }
    text = "".join(f"{name}={value}\n" for name, value in options.items())
    command = f"cd {FOLDER} && sysbench --config-file=sysbench.conf oltp_read_write"
    with Remote(rack.site) as remote:
        try:
            _said(remote, host, PREPARE, text)
            _said(remote, host, f"{command} prepare")
            found = re.search(
                r"transactions:\s+\d+\s+\(([0-9.]+) per sec", _said(remote, host, f"{command} run")
            )
            _said(remote, host, f"{command} cleanup")
        finally:
            remote.run(host, f"rm -rf {FOLDER}; apt-get purge -qy sysbench", timeout_s=120)
    if found is None:
        raise RuntimeError("sysbench printed no transactions")
    return float(found[1])


def _said(remote: Remote, host: str, command: str, text: str | None = None) -> str:
    result = remote.run(host, command, timeout_s=300, input=text)
    if result.code != 0:
        raise RuntimeError(f"{host}: {result.stdout[-500:]}{result.stderr[-500:]}")
    return result.stdout
