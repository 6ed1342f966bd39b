"""{"what": "status", "rbd" or "cephfs"} → what Ceph says of itself, or whether it keeps what it is given."""

import json
import os
import sys

CONFIGURATION = "/etc/ceph/ceph.conf"
PATTERN = b"what was written is what is read" * 32768
POOL = "volumes"
FILE_SYSTEM = "science"


def main(asked: dict[str, str]) -> None:
    """Print the answer as JSON."""
    ask = {"status": status, "rbd": block, "cephfs": file}[asked["what"]]
    json.dump(ask(asked), sys.stdout)


def status(asked: dict[str, str]) -> dict[str, object]:
    """Return {"status", "health"} as `ceph status` and `ceph health detail` give them."""
    import rados

    with rados.Rados(conffile=CONFIGURATION) as cluster:

        def said(prefix: str, **words: str) -> object:
            command = json.dumps({"prefix": prefix, "format": "json", **words})
            code, answer, error = cluster.mon_command(command, b"", timeout=20)
            if code != 0:
                sys.exit(error)
            return json.loads(answer)

        return {"status": said("status"), "health": said("health", detail="detail")}


def block(asked: dict[str, str]) -> dict[str, object]:
    """Make an image, write it, read it from a second connection, remove it."""
    import rados
    import rbd

    with rados.Rados(conffile=CONFIGURATION) as cluster, cluster.open_ioctx(POOL) as pool:
        rbd.RBD().create(pool, asked["name"], len(PATTERN))
        try:
            with rbd.Image(pool, asked["name"]) as image:
                image.write(PATTERN, 0)
                image.flush()
            with (
                rados.Rados(conffile=CONFIGURATION) as other,
                other.open_ioctx(POOL) as again,
                rbd.Image(again, asked["name"], read_only=True) as image,
            ):
                same = image.read(0, len(PATTERN)) == PATTERN
        finally:
            rbd.RBD().remove(pool, asked["name"])
    return answer(same, f"an image in the pool {POOL}")


def file(asked: dict[str, str]) -> dict[str, object]:
    """Write a file as the user of the file system, read it from a second mount, remove it."""
    with Mount(asked["key"]) as first:
        path = f"/{asked['name']}"
        try:
            first.write(path)
            with Mount(asked["key"]) as second:
                same = second.read(path) == PATTERN
                pool = second.pool(path)
        finally:
            first.system.unlink(path)
    return answer(same, f"a file of {FILE_SYSTEM} in {pool}") | {"pool": pool}


class Mount:
    """The file system, mounted in this process by client.science."""

    def __init__(self, key: str) -> None:
        import cephfs

        self.system = cephfs.LibCephFS(conffile=CONFIGURATION, auth_id="science", conf={"key": key})

    def __enter__(self) -> "Mount":
        """Mount."""
        self.system.mount(filesystem_name=FILE_SYSTEM.encode())
        return self

    def __exit__(self, *_: object) -> None:
        self.system.unmount()
        self.system.shutdown()

    def write(self, path: str) -> None:
        """Write the pattern and wait until it is on the disks."""
        handle = self.system.open(path, os.O_CREAT | os.O_WRONLY, 0o600)
        self.system.write(handle, PATTERN, 0)
        self.system.fsync(handle, 0)
        self.system.close(handle)

    def pool(self, path: str) -> str:
        """Return in which pool a file lies."""
        found: bytes = self.system.getxattr(path, "ceph.file.layout.pool")
        return found.decode()

    def read(self, path: str) -> bytes:
        """Return what is in the file."""
        handle = self.system.open(path, os.O_RDONLY)
        content: bytes = self.system.read(handle, 0, len(PATTERN) + 1)
        self.system.close(handle)
        return content


def answer(same: bool, what: str) -> dict[str, object]:
    """Return whether it was the same, and a sentence about it."""
    size = f"{len(PATTERN) >> 10} KiB"
    return {
        "same": same,
        "detail": f"{what}: {size} written, {'read back' if same else 'something else read'}",
    }
