"""What rack.yml says of the cloud: flavors, images, quotas; frozen values."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from dicos_site.frozen import Frozen

# Verification and the lab boot machines of this flavor from images of this name; both are always there.
TINY = "dicos.tiny"
GUEST = "dicos-guest"
Count = Annotated[int, Field(strict=True, ge=0, le=1_000_000_000)]
FlavorName = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$"),
    Field(
        title="name of a flavor",
        description="1 to 63 of a-z, 0-9, dot, hyphen and underscore, the first a letter or digit",
        examples=["large"],
    ),
]
ImageName = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$"),
    Field(
        title="name of an image",
        description="1 to 63 of a-z, 0-9, dot, hyphen and underscore, the first a letter or digit",
        examples=["debian-13"],
    ),
]


class Flavor(Frozen):
    """A size of virtual machine."""

    cores: Annotated[int, Field(strict=True, ge=1, le=1024)] = Field(
        title="number of cores", description="virtual cores of a machine", examples=[4]
    )
    memory_mib: Annotated[int, Field(strict=True, ge=64, le=16_777_216)] = Field(
        title="amount of memory", description="memory of a machine in MiB", examples=[8192]
    )
    disk_gib: Annotated[int, Field(strict=True, ge=1, le=65536)] = Field(
        title="size of a disk", description="root disk of a machine in GiB", examples=[40]
    )


class Image(Frozen):
    """A disk image that machines boot from, beside those that the site brings."""

    file: Annotated[
        str,
        StringConstraints(
            pattern=r"^/?[A-Za-z0-9_+@][A-Za-z0-9._+@-]*(/[A-Za-z0-9_+@][A-Za-z0-9._+@-]*)*$", max_length=1024
        ),
    ] = Field(
        title="path of an image",
        description="an absolute path, or one below the folder of rack.yml; no part of it begins with a dot",
        examples=["images/debian-13.raw"],
    )
    format: Literal["raw", "qcow2"] = Field(
        title="format of an image",
        description="raw or qcow2; a machine's disk is a clone of a raw one, and a copy of any other",
        examples=["raw"],
    )
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")] = Field(
        title="SHA-256 checksum",
        description="64 digits of 0-9 and a-f, in quotes, as `sha256sum FILE` prints them",
        examples=['"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"'],
    )


class Quota(Frozen):
    """What a community may use of the cloud at once; what is left out follows from its share."""

    cores: Count | None = Field(
        None, title="number of cores", description="virtual cores of all its machines", examples=[64]
    )
    memory_gib: Count | None = Field(
        None, title="amount of memory", description="memory of all its machines in GiB", examples=[256]
    )
    machines: Count | None = Field(
        None,
        title="number of machines",
        description="all its machines; left out: as many as it has cores",
        examples=[64],
    )
    volumes_gib: Count | None = Field(
        None,
        title="size of volumes",
        description="all its volumes and snapshots in GiB; left out on real disks: no limit",
        examples=[2000],
    )
    floating_addresses: Count | None = Field(
        None,
        title="number of floating addresses",
        description="addresses of the provider network for its machines",
        examples=[20],
    )


class Erasure(Frozen):
    """How scientific data is spread: `data` pieces and `parity` more, each on another host."""

    data: Annotated[int, Field(strict=True, ge=2, le=16)] = Field(
        title="number of pieces", description="pieces into which each object is cut", examples=[4]
    )
    parity: Annotated[int, Field(strict=True, ge=1, le=8)] = Field(
        title="number of pieces",
        description="hosts that may be lost without loss of data; with 1 no write succeeds while one is away",
        examples=[2],
    )
