#!/usr/bin/python
"""Wanted images → glance: each uploaded once, recognised by its checksum, never changed under a machine."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible.module_utils.host_paths import RefusalError, problem, system_problem

if TYPE_CHECKING:
    from openstack.connection import Connection
    from openstack.image.v2.image import Image

try:
    import openstack
    from keystoneauth1 import exceptions

    OPENSTACK = True
except ImportError:
    OPENSTACK = False

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

FORMATS = ("raw", "qcow2", "iso", "aki", "ari")
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
# Where a format says its name: offset, bytes. Sources: QEMU's docs/interop, ECMA-119, the kernel's boot protocol.
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


def format_problem(file: Path, wanted: str) -> str:
    """Return what is wrong with a file's format, as "what / at / fix"; nothing where it fits."""
    found = found_format(file)
    if found in ACCEPTED[wanted]:
        return ""
    if found in COMPRESSED:
        fix = f"decompress it first, {found} -d or the like, and give the checksum of the result"
    elif found in FORMATS and wanted in FORMATS[:3]:
        fix = f"say `format: {found}`, or convert it: qemu-img convert -O {wanted} {file} NEW"
    else:
        fix = f"give a file that is {wanted}, or say what it is"
    return problem(f"the image is {found}, not {wanted}", file, fix)


def file_problem(entry: dict[str, Any]) -> str:
    """Return what keeps a file from being uploaded; fills in `checksum` where none is given."""
    file = Path(entry["file"])
    if not file.is_file():
        return problem("there is no such image", file, "copy it to this host, or correct `file`")
    if wrong := format_problem(file, entry["format"]):
        return wrong
    with file.open("rb") as stream:
        found = hashlib.file_digest(stream, "sha256").hexdigest()
    if entry["checksum"] and found != entry["checksum"].lower():
        fix = f"get the file again, or correct `checksum`: it is {found}"
        return problem(f"the checksum of {entry['name']} is not the one stated", file, fix)
    entry["checksum"] = found
    return ""


class Images:
    """One connection, and what was changed through it; in check mode nothing is."""

    def __init__(self, cloud: Connection, *, check_mode: bool) -> None:
        self.cloud = cloud
        self.check_mode = check_mode
        self.changes: list[str] = []
        self.project: str = cloud.current_project_id
        self.made: dict[str, str] = {}

    def ensure(self, entry: dict[str, Any]) -> None:
        """Upload an image that is not there, hide those it replaces, and give it its properties."""
        mine = [image for image in self._named(entry["name"]) if CHECKSUM in image.properties]
        same = [image for image in mine if image.properties[CHECKSUM] == entry["checksum"].lower()]
        found = next((image for image in same if image.status == "active"), None)
        wanted = self._wanted(entry)
        if found is None:
            found = self._uploaded(entry, wanted, [image for image in same if image.status != "active"])
        else:
            self._correct(found, wanted, entry["visibility"])
        for old in mine:
            if old not in same and not old.is_hidden and self._changing(f"{entry['name']} hidden: replaced"):
                self.cloud.image.update_image(old.id, is_hidden=True)
        self.made[entry["name"]] = found.id if found else ""

    def is_there(self, entry: dict[str, Any]) -> bool:
        """Tell whether an image with the stated checksum needs no upload."""
        return bool(entry["checksum"]) and any(
            image.status == "active" and image.properties.get(CHECKSUM) == entry["checksum"].lower()
            for image in self._named(entry["name"])
        )

    def _named(self, name: str) -> list[Image]:
        images = self.cloud.image
        visible = list(images.images(name=name, owner=self.project))
        return visible + list(images.images(name=name, owner=self.project, is_hidden=True))

    def _wanted(self, entry: dict[str, Any]) -> dict[str, str]:
        """Return the properties of an image; the IDs of its kernel and ramdisk are among them."""
        parts = {f"{part}_id": self._identity(entry[part]) for part in ("kernel", "ramdisk") if entry[part]}
        own = {key: str(value) for key, value in entry["properties"].items()}
        return {**own, **parts, CHECKSUM: entry["checksum"].lower()}

    def _identity(self, name: str) -> str:
        if name in self.made:
            return self.made[name]
        found = next((image for image in self._named(name) if image.status == "active"), None)
        if found is None:
            fix = "list it before the image that needs it"
            raise RefusalError(problem(f"there is no image {name}", "images", fix))
        return str(found.id)

    def _uploaded(
        self, entry: dict[str, Any], properties: dict[str, str], broken: list[Image]
    ) -> Image | None:
        """Upload a file; an upload that was cut off is removed, and so is one whose bytes arrive changed."""
        if not self._changing(f"{entry['name']} uploaded"):
            return None
        for image in broken:
            self.cloud.image.delete_image(image.id)
        container = entry["format"] if entry["format"] in ("aki", "ari") else "bare"
        made = self.cloud.image.create_image(
            entry["name"],
            disk_format=entry["format"],
            container_format=container,
            visibility=entry["visibility"],
            allow_duplicates=True,
            disable_vendor_agent=False,
            meta=properties,
        )
        with Path(entry["file"]).open("rb") as stream:
            answer = made.upload(self.cloud.image, data=stream)
        stored = self.cloud.image.get_image(made.id)
        if answer.status_code >= 400 or stored.status != "active" or not self._whole(stored, entry["file"]):
            self.cloud.image.delete_image(made.id)
            fix = "read glance's journal: journalctl -u glance-api"
            said = answer.text.strip()[:300] or f"its status is {stored.status}"
            raise RefusalError(problem(f"glance did not store {entry['name']}: {said}", entry["file"], fix))
        return stored

    def _whole(self, stored: Image, file: str) -> bool:
        with Path(file).open("rb") as stream:
            return bool(stored.hash_value == hashlib.file_digest(stream, stored.hash_algo).hexdigest())

    def _correct(self, found: Image, wanted: dict[str, str], visibility: str) -> None:
        differing: dict[str, object] = {
            key: value for key, value in wanted.items() if _property(found, key) != value
        }
        if found.visibility != visibility:
            differing["visibility"] = visibility
        if found.is_hidden:
            differing["is_hidden"] = False
        if differing and self._changing(f"{found.name}: {', '.join(sorted(differing))}"):
            self.cloud.image.update_image(found.id, **differing)

    def _changing(self, what: str) -> bool:
        self.changes.append(what)
        return not self.check_mode


def _property(image: Image, name: str) -> str | None:
    """Return a property; the SDK knows some by name and keeps the rest together."""
    value = image.properties.get(name, getattr(image, name, None))
    return None if value is None else str(value)


def apply(images: Images, entries: list[dict[str, Any]]) -> None:
    """Check every file that would be uploaded, then make everything that is wanted."""
    missing = [entry for entry in entries if not images.is_there(entry)]
    problems = [said for entry in missing if (said := file_problem(entry))]
    if problems:
        raise RefusalError(*problems)
    for entry in entries:
        images.ensure(entry)


def connected(patience_s: float) -> Connection:
    """Return a connection to a glance that answers, waiting for one that only starts."""
    end = time.monotonic() + patience_s
    while True:
        cloud = openstack.connect(cloud="site", api_timeout=ANSWER_S)
        try:
            list(cloud.image.images(limit=1, paginated=False))
        except (openstack.exceptions.SDKException, exceptions.ClientException):
            if time.monotonic() > end:
                raise
            time.sleep(1)
        else:
            return cloud


def main() -> None:
    """Connect, apply, report."""
    module = AnsibleModule(argument_spec=SPEC, supports_check_mode=True)
    if not OPENSTACK and not module.check_mode:
        module.fail_json(msg=missing_required_lib("openstacksdk"))
    try:
        cloud = connected(0 if module.check_mode else PATIENCE_S)
        images = Images(cloud, check_mode=module.check_mode)
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
