#!/usr/bin/python
"""Wanted images → glance: each uploaded once, recognised by its checksum, never changed under a machine."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible.module_utils.host_paths import RefusalError, problem, system_problem
from ansible.module_utils.site_cloud import OPENSTACK, checked, connected

if TYPE_CHECKING:
    from openstack.connection import Connection
    from openstack.image.v2._proxy import Proxy

DOCUMENTATION = r"""
module: openstack_image
short_description: Keep images in glance
description:
  - Connects as the administrator of the cloud C(site) in /etc/openstack/clouds.yaml, through the VIP.
  - An image whose property C(dicos_sha256) is the checksum is there already; its file is not read.
  - A new content gets a new image. The old one is hidden, not removed, because machines may rest on its data.
  - A file that is not of its stated format is refused before anything is uploaded.
options:
  images:
    description: The images, in order; an image may name an earlier one as its kernel or ramdisk.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the image.
        type: str
        required: true
      file:
        description: Path on the host where the module runs.
        type: path
        required: true
      format:
        description: Format of the file; aki is a kernel and ari a ramdisk. Ceph clones C(raw) only.
        type: str
        choices: [raw, qcow2, iso, aki, ari]
        default: raw
      checksum:
        description: SHA-256 of the file; left out, it is computed in each run.
        type: str
        default: ""
      visibility:
        description: Who may use it.
        type: str
        choices: [public, private, shared, community]
        default: public
      kernel:
        description: Name of the image with its kernel.
        type: str
        default: ""
      ramdisk:
        description: Name of the image with its ramdisk.
        type: str
        default: ""
      properties:
        description: Further properties, as C(hw_disk_bus).
        type: dict
        default: {}
author: DiCOS (@dicos)
"""

EXAMPLES = r"""
- name: Give the cloud an image
  openstack_image:
    images:
      - name: debian-13
        file: /srv/images/debian-13-genericcloud-amd64.raw
        format: raw
        checksum: 5e1c8fd0c2d0f1f4c6a2a1dd8b6e1d9b3f0d4a7b1c9e8f7a6b5c4d3e2f1a0b9c
        properties: {hw_disk_bus: virtio}
  run_once: true
"""

RETURN = r"""
changes:
  description: What was, or in check mode would be, uploaded, changed or hidden.
  type: list
  elements: str
  returned: success
"""

# An image as glance shows it; its own properties are among the others.
Facts = dict[str, Any]
DISKS = ("raw", "qcow2", "iso")
FORMATS = (*DISKS, "aki", "ari")
IMAGE = {
    "name": {"type": "str", "required": True},
    "file": {"type": "path", "required": True},
    "format": {"type": "str", "choices": list(FORMATS), "default": "raw"},
    "checksum": {"type": "str", "default": ""},
    "visibility": {
        "type": "str",
        "choices": ["public", "private", "shared", "community"],
        "default": "public",
    },
    "kernel": {"type": "str", "default": ""},
    "ramdisk": {"type": "str", "default": ""},
    "properties": {"type": "dict", "default": {}},
}
SPEC = {"images": {"type": "list", "elements": "dict", "required": True, "options": IMAGE}}
# Where a format says its name: offset, bytes. Sources: QEMU's docs/interop, ECMA-119, the kernel's boot
# protocol.
MAGIC = {
    "qcow2": (0, b"QFI\xfb"),
    "iso": (0x8001, b"CD001"),
    "vmdk": (0, b"KDMV"),
    "vhd": (0, b"conectix"),
    "vhdx": (0, b"vhdxfile"),
    "vdi": (0x40, b"\x7f\x10\xda\xbe"),
    "gzip": (0, b"\x1f\x8b"),
    "xz": (0, b"\xfd7zXZ\0"),
    "zstd": (0, b"\x28\xb5\x2f\xfd"),
    "bzip2": (0, b"BZh"),
    "cpio": (0, b"070701"),
    "kernel": (0x202, b"HdrS"),
}
COMPRESSED = ("gzip", "xz", "zstd", "bzip2")
ACCEPTED = {
    "raw": ("raw", "iso"),
    "qcow2": ("qcow2",),
    "iso": ("iso",),
    "aki": ("kernel",),
    "ari": ("cpio", *COMPRESSED),
}
CHECKSUM = "dicos_sha256"
PATCH = "application/openstack-images-v2.1-json-patch"
# Load balancers take a member back two seconds after it answers again; one that starts needs a minute.
PATIENCE_S = 120
# Between two bytes of one answer; after the last byte of an upload glance still waits for Ceph.
ANSWER_S = 600


def found_format(file: Path) -> str:
    """Return the format that a file's first bytes name; `raw` where they name none."""
    with file.open("rb") as stream:
        head = stream.read(0x8001 + 5)
    named = (name for name, (offset, magic) in MAGIC.items() if head[offset:].startswith(magic))
    return next(named, "raw")


def check_format(file: Path, wanted: str) -> None:
    """RefusalError where a file is not of the format that is stated."""
    found = found_format(file)
    if found in ACCEPTED[wanted]:
        return
    if found in COMPRESSED:
        fix = f"decompress it first, and give the checksum of the result: {found} is no format of a disk"
    elif found in FORMATS and wanted in DISKS:
        fix = f"say `format: {found}`, or convert it: qemu-img convert -O {wanted} {file} NEW"
    else:
        fix = f"give a file that is {wanted}, or say what it is"
    raise RefusalError(problem(f"the image is {found}, not {wanted}", file, fix))


def check_file(entry: dict[str, Any]) -> None:
    """RefusalError where a file cannot be uploaded; fills in `checksum` where none is given."""
    file = Path(entry["file"])
    if not file.is_file():
        raise RefusalError(problem("there is no such image", file, "copy it to this host, or correct `file`"))
    check_format(file, entry["format"])
    with file.open("rb") as stream:
        found = hashlib.file_digest(stream, "sha256").hexdigest()
    if entry["checksum"] and found != entry["checksum"].lower():
        fix = f"get the file again, or correct `checksum`: it is {found}"
        raise RefusalError(problem(f"the checksum of {entry['name']} is not the one stated", file, fix))
    entry["checksum"] = found


def check_files(entries: list[dict[str, Any]]) -> None:
    """RefusalError with every problem of every file."""
    problems: list[str] = []
    for entry in entries:
        try:
            check_file(entry)
        except RefusalError as refusal:
            problems.extend(refusal.problems)
    if problems:
        raise RefusalError(*problems)


class Images:
    """One connection, and what was changed through it; in check mode nothing is."""

    def __init__(self, glance: Proxy, project: str, *, check_mode: bool) -> None:
        self.glance = glance
        self.project = project
        self.check_mode = check_mode
        self.changes: list[str] = []
        self.made: dict[str, str] = {}

    def ensure(self, entry: dict[str, Any]) -> None:
        """Upload an image that is not there, hide those it replaces, and give it its properties."""
        mine = [image for image in self._named(entry["name"]) if CHECKSUM in image]
        same = [image for image in mine if image[CHECKSUM] == entry["checksum"].lower()]
        found = next((image for image in same if image["status"] == "active"), None)
        wanted = self._wanted(entry)
        if found is None:
            self.made[entry["name"]] = self._uploaded(entry, wanted, same)
        else:
            self.made[entry["name"]] = found["id"]
            self._correct(found, {"os_hidden": False, "visibility": entry["visibility"], **wanted})
        for old in mine:
            if old not in same:
                self._correct(old, {"os_hidden": True})

    def is_there(self, entry: dict[str, Any]) -> bool:
        """Tell whether an image with the stated checksum needs no upload."""
        return bool(entry["checksum"]) and any(
            image["status"] == "active" and image.get(CHECKSUM) == entry["checksum"].lower()
            for image in self._named(entry["name"])
        )

    def _named(self, name: str) -> list[Facts]:
        found: list[Facts] = []
        for hidden in ("false", "true"):
            query = {"name": name, "owner": self.project, "os_hidden": hidden, "limit": "100"}
            found += checked(self.glance.get("/images", params=query)).json()["images"]
        return found

    def _wanted(self, entry: dict[str, Any]) -> Facts:
        """Return the properties of an image; the IDs of its kernel and ramdisk are among them."""
        parts = {f"{part}_id": self._identity(entry[part]) for part in ("kernel", "ramdisk") if entry[part]}
        own = {key: str(value) for key, value in entry["properties"].items()}
        return {**own, **parts, CHECKSUM: entry["checksum"].lower()}

    def _identity(self, name: str) -> str:
        if name in self.made:
            return self.made[name]
        found = next((image for image in self._named(name) if image["status"] == "active"), None)
        if found is None:
            fix = "list it before the image that needs it"
            raise RefusalError(problem(f"there is no image {name}", "images", fix))
        return str(found["id"])

    def _uploaded(self, entry: dict[str, Any], properties: Facts, broken: list[Facts]) -> str:
        """Upload a file and return its image's ID; what an upload left that was cut off is removed."""
        if not self._changing(f"{entry['name']} uploaded"):
            return ""
        for image in broken:
            checked(self.glance.delete(f"/images/{image['id']}"))
        wanted = {
            "name": entry["name"],
            "disk_format": entry["format"],
            "container_format": entry["format"] if entry["format"] in ("aki", "ari") else "bare",
            "visibility": entry["visibility"],
        }
        made = checked(self.glance.post("/images", json={**wanted, **properties})).json()
        with Path(entry["file"]).open("rb") as stream:
            headers = {"Content-Type": "application/octet-stream"}
            answer = self.glance.put(f"/images/{made['id']}/file", data=stream, headers=headers)
        stored = checked(self.glance.get(f"/images/{made['id']}")).json()
        if answer.status_code >= 400 or not _whole(stored, entry["file"]):
            checked(self.glance.delete(f"/images/{made['id']}"))
            said = answer.text.strip()[:300] or f"its status is {stored['status']}"
            fix = "read glance's journal: journalctl -u glance-api"
            raise RefusalError(problem(f"glance did not store {entry['name']}: {said}", entry["file"], fix))
        return str(made["id"])

    def _correct(self, found: Facts, wanted: Facts) -> None:
        differing = {key: value for key, value in wanted.items() if found.get(key) != value}
        if not differing or not self._changing(f"{found['name']}: {', '.join(sorted(differing))}"):
            return
        patch = [
            {"op": "replace" if key in found else "add", "path": f"/{key}", "value": value}
            for key, value in differing.items()
        ]
        checked(self.glance.patch(f"/images/{found['id']}", json=patch, headers={"Content-Type": PATCH}))

    def _changing(self, what: str) -> bool:
        self.changes.append(what)
        return not self.check_mode


def _whole(stored: Facts, file: str) -> bool:
    """Tell whether what glance holds is the file, by glance's own checksum."""
    if stored["status"] != "active":
        return False
    with Path(file).open("rb") as stream:
        digest = hashlib.file_digest(stream, stored["os_hash_algo"])
    return bool(stored["os_hash_value"] == digest.hexdigest())


def apply(images: Images, entries: list[dict[str, Any]]) -> None:
    """Check every file that would be uploaded, then make everything that is wanted."""
    check_files([entry for entry in entries if not images.is_there(entry)])
    for entry in entries:
        images.ensure(entry)


def ask(cloud: Connection) -> None:
    """Ask glance, which may only start."""
    checked(cloud.image.get("/images", params={"limit": "1"}))


def main() -> None:
    """Connect, apply, report."""
    module = AnsibleModule(argument_spec=SPEC, supports_check_mode=True)
    if not OPENSTACK and not module.check_mode:
        module.fail_json(msg=missing_required_lib("openstacksdk"))
    try:
        cloud = connected(0 if module.check_mode else PATIENCE_S, ask, answer_s=ANSWER_S)
        images = Images(cloud.image, cloud.current_project_id, check_mode=module.check_mode)
        apply(images, module.params["images"])
    except RefusalError as refusal:
        module.fail_json(msg=str(refusal))
    except OSError as error:
        module.fail_json(msg=system_problem(error))
    except Exception as error:  # the SDK, keystoneauth and their files each have errors of their own
        if module.check_mode:  # on a host where glance would be started first
            module.exit_json(changed=True, changes=["everything: glance does not answer yet"])
        fix = "see that glance answers: openstack --os-cloud site image list"
        module.fail_json(msg=problem(f"glance refuses: {error}", "openstack_image", fix))
    module.exit_json(changed=bool(images.changes), changes=images.changes)


if __name__ == "__main__":
    main()
