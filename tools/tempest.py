"""A deployed site → docs/conformance.md: Debian's tempest asks the cloud what every OpenStack promises.

`make tempest` installs it on the hub, configures it from the site's own catalogue, and runs the smoke tests.
What people wrote below the notes' heading of the page stays.
"""

import json
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from dicos_site import description, places, secrets
from dicos_site.cloud import GUEST, TINY
from dicos_site.model import Site
from dicos_site.placement import hosts_of
from dicos_site.remote import Remote, require_lab
from tools.tempest_configuration import FOLDER, configuration

PAGE = Path(__file__).resolve().parent.parent / "docs" / "conformance.md"
NOTES = "## Notes\n"
SERVICES = ("identity", "image", "volume", "network", "compute")
# What Debian's packages have changed since this tempest, and why its test has no point.
OUTDATED = {
    "test_credentials_create_get_update_delete": (
        "a security update of keystone (27.0.0-3+deb13u6) lets nobody move a credential to another project"
    ),
}
# Beside its folder it keeps a list of its folders, and refuses one that is on it.
CLEAN = f"rm -rf {FOLDER} /root/.tempest"
OTHER_FLAVOR = "dicos.tempest"
INSTALL_S, RUN_S = 900, 7200
COUNT = re.compile(r"^ - (Passed|Skipped|Failed): (\d+)$", re.MULTILINE)
FAILED = re.compile(r"^\{\d+\} (\S+?)(?:\[\S*)? \[[\d.]+s\] \.\.\. FAILED$", re.MULTILINE)
# Run on a controller: the IDs that the configuration names, and a second flavor, which some tests resize to.
PREPARE = f"""
import json, openstack
cloud = openstack.connect(cloud="site")
names = [flavor.name for flavor in cloud.compute.flavors()]
if "{OTHER_FLAVOR}" not in names:
    cloud.compute.create_flavor(name="{OTHER_FLAVOR}", vcpus=1, ram=192, disk=1)
flavors = {{flavor.name: flavor.id for flavor in cloud.compute.flavors()}}
images = [image.id for image in cloud.image.images(name="{GUEST}", status="active")]
outside = [network.id for network in cloud.network.networks(is_router_external=True, name="provider")]
extensions = sorted(extension.alias for extension in cloud.network.extensions())
store = cloud.session.get_endpoint(service_type="object-store", interface="public")
print(json.dumps({{"image": images[0], "flavor": flavors["{TINY}"], "other_flavor": flavors["{OTHER_FLAVOR}"],
    "outside": outside[0] if outside else "", "object_store": store is not None, "extensions": extensions,
    "hosts": len(list(cloud.compute.services(binary="nova-compute")))}}))
"""
TIDY = f"""
import openstack
cloud = openstack.connect(cloud="site")
cloud.compute.delete_flavor(cloud.compute.find_flavor("{OTHER_FLAVOR}"))
"""


@dataclass(frozen=True)
class Counts:
    """What the tests of one service said."""

    service: str
    passed: int
    skipped: int
    failed: int
    failures: tuple[str, ...] = ()


def main() -> None:
    """Run the tests of every service; exit 1 where one failed, or none passed."""
    folder = places.site_folder(sys.argv[1] if len(sys.argv) > 1 else "lab")
    site = description.read(folder)
    require_lab(site)
    found = []
    with Remote(site) as remote, _prepared(site, folder, remote) as (host, version):
        for service in SERVICES:
            one = _run(remote, host, service)
            print(f"{service}: {one.passed} passed, {one.skipped} skipped, {one.failed} failed", flush=True)
            print("".join(f"  {failure}\n" for failure in one.failures), end="", flush=True)
            found.append(one)
    write(site, version, found)
    sys.exit(any(one.failed or not one.passed for one in found))


def counts(service: str, output: str) -> Counts:
    """Return what `tempest run` printed, in numbers; no totals means that it did not run: one failure."""
    found = {word: int(number) for word, number in COUNT.findall(output)}
    if not found:
        return Counts(service, 0, 0, 1, (f"it did not run: {' '.join(output.split())[-300:]}",))
    failures = tuple(sorted(set(FAILED.findall(output))))
    return Counts(service, found["Passed"], found["Skipped"], found["Failed"], failures)


def page(site: Site, version: str, found: list[Counts], notes: str) -> str:
    """Return docs/conformance.md."""
    day = f"{datetime.now(UTC):%Y-%m-%d}"
    head = (
        "# Conformance\n\n"
        f"Made by `make tempest` on {day}: the smoke tests of Debian's tempest {version} against the cloud "
        f"of {site.site}, release {site.release}.\n\n"
        "| service | passed | skipped | failed |\n|---|---|---|---|\n"
    )
    rows = "".join(f"| {one.service} | {one.passed} | {one.skipped} | {one.failed} |\n" for one in found)
    failures = "".join(f"- {failure}\n" for one in found for failure in one.failures)
    left_out = "".join(f"- {test}: {why}.\n" for test, why in OUTDATED.items())
    parts = [
        head + rows,
        f"Failed:\n\n{failures}" if failures else "",
        f"Left out:\n\n{left_out}",
        NOTES + notes,
    ]
    return "\n".join(filter(None, parts))


def write(site: Site, version: str, found: list[Counts]) -> None:
    """Write the page; the notes of the old one are kept."""
    _, _, notes = PAGE.read_text().partition(NOTES) if PAGE.exists() else ("", "", "")
    PAGE.write_text(page(site, version, found, notes or "\nNone yet.\n"))


@contextmanager
def _prepared(site: Site, folder: Path, remote: Remote) -> Iterator[tuple[str, str]]:
    """Yield the host that has tempest and its configuration, and its version; both are taken away again."""
    controller = hosts_of(site, "keystone")[0].name
    host = next((one.name for one in site.hosts if one.kind == "hub"), controller)
    install = "DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends tempest"
    _said(
        remote, host, f"dpkg -s tempest >/dev/null 2>&1 || {{ apt-get update -q && {install}; }}", INSTALL_S
    )
    version = _said(remote, host, "dpkg-query -W -f '${Version}' tempest")
    result = remote.script(controller, PREPARE, timeout_s=120)
    if result.code != 0:
        raise SystemExit(f"{controller}: {result.stderr.strip()[-500:]}")
    text = configuration(site, secrets.load(folder, site)["openstack_admin"], json.loads(result.stdout))
    try:
        _said(remote, host, f"{CLEAN} && umask 077 && HOME=/root tempest init {FOLDER}")
        _said(remote, host, f"umask 077 && cat > {FOLDER}/etc/tempest.conf", text=text)
        yield host, version
    finally:
        remote.run(host, CLEAN)
        remote.script(controller, TIDY, timeout_s=120)


def _run(remote: Remote, host: str, service: str) -> Counts:
    chosen = rf"^tempest\.api\.{service}\..*[\[,]smoke[\],]"
    choice = f"--regex '{chosen}' --exclude-regex '{'|'.join(OUTDATED)}'"
    command = f"cd {FOLDER} && HOME=/root tempest run --concurrency 1 {choice}"
    result = remote.run(host, command, timeout_s=RUN_S)
    return counts(service, result.stdout + result.stderr)


def _said(remote: Remote, host: str, command: str, timeout_s: float = 120, text: str | None = None) -> str:
    result = remote.run(host, command, timeout_s=timeout_s, input=text)
    if result.code != 0:
        raise SystemExit(f"{host}: {command}: {(result.stderr or result.stdout).strip()[-500:]}")
    return result.stdout.strip()


if __name__ == "__main__":
    main()
