"""What the cloud promises beside machines: backups of volumes, and pages that are whole."""

import json

import pytest

from dicos_site.variables import vip_fqdn
from tests.rack import Rack

BACKUP_S = 300
# Writes a volume through Ceph, as a machine's disk would be, backs it up, spoils it, and restores it.
PROGRAM = """
import json, os, secrets, openstack, rados, rbd
name, content, spoilt = "dicos-test-" + secrets.token_hex(4), os.urandom(1 << 20), bytes(1 << 20)
store = openstack.connect(cloud="site").block_storage

def ready(ask, found):
    # What was answered earlier says what was so earlier.
    wrong = ["error", "error_restoring"]
    return store.wait_for_status(ask(found.id), "available", wrong, interval=1, wait=120)

def image(use):
    with rados.Rados(conffile="/etc/ceph/ceph.conf") as ceph, ceph.open_ioctx("volumes") as pool:
        with rbd.Image(pool, "volume-" + volume.id) as disk:
            return use(disk)

volume, backup = ready(store.get_volume, store.create_volume(name=name, size=1)), None
try:
    image(lambda disk: disk.write(content, 0))
    backup = ready(store.get_backup, store.create_backup(name=name, volume_id=volume.id))
    image(lambda disk: disk.write(spoilt, 0))
    store.restore_backup(backup, volume_id=volume.id)
    ready(store.get_backup, backup)
    ready(store.get_volume, volume)
    kept = image(lambda disk: disk.read(0, len(content)))
finally:
    if backup:
        store.delete_backup(backup)
        store.wait_for_delete(backup, interval=1, wait=120)
    store.delete_volume(volume)
    store.wait_for_delete(volume, interval=1, wait=120)
print(json.dumps({"whole": kept == content}))
"""


@pytest.mark.units("cinder-backup", "cinder-volume", "cinder-api")
def test_a_backup_brings_a_volume_back_as_it_was(rack: Rack) -> None:
    result = rack.script(rack.hosts("controller")[0], PROGRAM, timeout_s=BACKUP_S)
    assert result.code == 0, result.stderr
    assert json.loads(result.stdout) == {"whole": True}


# Asks for whatever the style sheets of the first page name by a path, at the address of the site.
PAGES = """
import json, re, ssl, sys
from urllib.error import HTTPError
from urllib.request import urlopen
site, trust = sys.argv[1], ssl.create_default_context(cafile="/etc/dicos/pki/ca.crt")

def got(path):
    with urlopen(site + path, context=trust) as answer:
        return answer.read().decode(errors="replace")

def is_there(path):
    try:
        return bool(got(path))
    except HTTPError:
        return False

sheets = re.findall(r'href="(/[^"]*[.]css)"', got("/horizon/auth/login/"))
named = {path for sheet in sheets for path in re.findall(r'url[(]"(/[^"?#]*)', got(sheet))}
print(json.dumps({"named": len(named), "missing": [path for path in sorted(named) if not is_there(path)]}))
"""


@pytest.mark.units("apache2", "haproxy")
def test_what_the_pages_are_made_of_is_there(rack: Rack) -> None:
    result = rack.script(rack.hosts("controller")[0], PAGES, f"https://{vip_fqdn(rack.site)}")
    assert result.code == 0, result.stderr
    found = json.loads(result.stdout)
    assert found["named"] > 0
    assert found["missing"] == []
