"""apt's own configuration → where Debian packages come from on this machine."""

import subprocess
from dataclasses import dataclass

from dicos_site.errors import LabError, Problem
from dicos_site.model import Site

SUITE = "trixie"
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
_RELEASES = ("bookworm", "trixie", "forky", "sid", "stable", "testing", "unstable")
_FORMAT = "$(REPO_URI) $(RELEASE) $(COMPONENT)"


@dataclass(frozen=True)
class Mirrors:
    """The addresses of the archive and of its security updates; the latter is empty where there are none."""

    debian: str
    security: str = ""


def of_site(site: Site) -> Mirrors:
    """Return the mirrors of rack.yml, or else this machine's own."""
    if site.mirror.debian:
        return Mirrors(str(site.mirror.debian), str(site.mirror.security or ""))
    return of_machine()


def of_machine() -> Mirrors:
    """Return the mirrors that this machine's apt uses for Debian."""
    command = ["apt-get", "indextargets", "--format", _FORMAT, "Created-By: Packages"]
    found = parse(subprocess.run(command, capture_output=True, text=True, check=False).stdout)
    if found is None:
        raise LabError(
            Problem(
                "no mirror of Debian is known",
                "this machine's apt sources",
                "name one in rack.yml: `mirror: {debian: http://..., security: http://...}`",
            )
        )
    return found


def parse(targets: str) -> Mirrors | None:
    """Return the mirrors in lines of "address suite component"; None where there is no Debian archive."""
    debian = security = ""
    for line in targets.splitlines():
        address, _, rest = line.partition(" ")
        suite, _, component = rest.partition(" ")
        if component != "main" or not address.startswith(("http://", "https://")):
            continue
        if suite.removesuffix("-security") not in _RELEASES:
            continue
        if suite.endswith("-security"):
            security = security or address.rstrip("/")
        else:
            debian = debian or address.rstrip("/")
    return Mirrors(debian, security) if debian else None


def sources(mirrors: Mirrors) -> str:
    """Return the deb822 sources of the hosts, as the role `base` writes them."""
    stanzas = [_stanza(mirrors.debian, f"{SUITE} {SUITE}-updates")]
    if mirrors.security:
        stanzas.append(_stanza(mirrors.security, f"{SUITE}-security"))
    return "\n".join(stanzas)


def _stanza(address: str, suites: str) -> str:
    return f"Types: deb\nURIs: {address}\nSuites: {suites}\nComponents: main\nSigned-By: {KEYRING}\n"
