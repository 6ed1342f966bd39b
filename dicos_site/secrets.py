"""A site's secrets: made once, kept in secrets.yml under ansible-vault, its password outside the tree."""

import base64
import fcntl
import os
import secrets as randomness
import string
import struct
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from dicos_site import places
from dicos_site.authority import make_authority
from dicos_site.errors import Problem, SecretsError
from dicos_site.model import Site

if TYPE_CHECKING:
    from ansible.parsing.vault import VaultLib

SECRETS_FILE = "secrets.yml"
PASSWORD_FILE = "vault-password"
CA_CERTIFICATE, CA_KEY = "pki_ca_certificate", "pki_ca_key"
# Letters and digits only: safe in URLs, shells, DSNs and as an argument (no leading hyphen).
_ALPHABET = string.ascii_letters + string.digits


@dataclass(frozen=True)
class Secret:
    """One secret by name: a password of `length` characters, or what `make` returns."""

    name: str
    length: int = 32
    make: Callable[[], str] | None = None

    def value(self) -> str:
        """Return a new value."""
        return self.make() if self.make else _random(self.length)


def cephx_key() -> str:
    """Return a key as Ceph's `auth` takes it: type 1 (AES), the time it was made, 16 random bytes.

    Source: CryptoKey::encode in Ceph's src/auth/Crypto.cc.
    """
    key = randomness.token_bytes(16)
    return base64.b64encode(struct.pack("<HIIH", 1, int(time.time()), 0, len(key)) + key).decode()


def _fernet_key() -> str:
    return base64.urlsafe_b64encode(randomness.token_bytes(32)).decode()


DATABASES = ("keystone", "placement", "glance", "cinder", "neutron", "nova")
OPENSTACK_USERS = ("placement", "glance", "cinder", "neutron", "nova", "swift")
SECRETS: tuple[Secret, ...] = (
    # VRRP carries 8 characters of a password, RFC 2338 5.3.6; keepalived cuts what is longer.
    Secret("loadbalancer", length=8),
    Secret("mariadb_site"),
    Secret("rabbitmq_cookie"),
    Secret("rabbitmq_site"),
    Secret("ldap_admin"),
    Secret("ldap_replication"),
    Secret("ldap_reader"),
    Secret("ceph_mon", make=cephx_key),
    Secret("ceph_admin", make=cephx_key),
    Secret("ceph_bootstrap_mgr", make=cephx_key),
    Secret("ceph_bootstrap_mds", make=cephx_key),
    Secret("ceph_bootstrap_osd", make=cephx_key),
    Secret("ceph_bootstrap_rgw", make=cephx_key),
    Secret("ceph_science", make=cephx_key),
    *(Secret(f"ceph_{client}", make=cephx_key) for client in ("glance", "cinder", "cinder_backup", "nova")),
    *(Secret(f"mariadb_{name}") for name in DATABASES),
    *(Secret(f"rabbitmq_{name}") for name in ("cinder", "neutron", "nova")),
    # Service users of keystone; `admin` is the administrator of the cloud.
    *(Secret(f"openstack_{name}") for name in ("admin", *OPENSTACK_USERS)),
    Secret("keystone_fernet", make=_fernet_key),
    Secret("keystone_credential", make=_fernet_key),
    Secret("nova_metadata"),
    Secret("horizon"),
)
NAMES = (CA_CERTIFICATE, CA_KEY, *(secret.name for secret in SECRETS))


def ensure(folder: Path, site: Site) -> tuple[str, ...]:
    """Make what is missing of password and secrets; return the names made, none on a second call.

    The home keeps a copy of the encrypted file: another checkout of the site takes its secrets from there,
    because hosts that were deployed with them trust no others.
    """
    home = places.site_home(site)
    file, copy = folder / SECRETS_FILE, home / SECRETS_FILE
    with _one_at_a_time(home):
        source = folder if file.exists() or not copy.exists() else home
        known = dict(load_from(source, home)) if (source / SECRETS_FILE).exists() else {}
        if source == home:
            _write(file, copy.read_bytes())
        made = _missing(known, site, folder)
        if made:
            _write(file, _encrypted(known | made, _password(home, make=not known)))
        if not copy.exists() or copy.read_bytes() != file.read_bytes():
            _write(copy, file.read_bytes())
    return tuple(made)


def load(folder: Path, site: Site) -> Mapping[str, str]:
    """Return every secret of the site by name."""
    return load_from(folder, places.home_path(site))


def load_from(folder: Path, home: Path) -> Mapping[str, str]:
    """Return every secret by name, decrypted once per process and version of the file."""
    file = folder / SECRETS_FILE
    try:
        version = file.stat().st_mtime_ns
    except FileNotFoundError as error:
        fix = "make them with `dicos-site deploy`, or bring the file back from your backup"
        raise SecretsError(Problem("the site has no secrets yet", str(file), fix)) from error
    return _decrypted(file, home, version)


def forget() -> None:
    """Forget what was decrypted; the next call reads the files again."""
    _decrypted.cache_clear()


@cache
def _decrypted(file: Path, home: Path, version: int) -> dict[str, str]:
    password = _password(home, make=False)
    try:
        content = file.read_bytes()
    except OSError as error:
        raise SecretsError(
            Problem(f"the file cannot be read: {error.strerror}", str(file), "mend its permissions")
        ) from error
    if not content.startswith(b"$ANSIBLE_VAULT;"):
        fix = f"encrypt it: ansible-vault encrypt --vault-password-file {home / PASSWORD_FILE} {file}"
        raise SecretsError(Problem("the file of secrets is not encrypted", str(file), fix))
    try:
        values = yaml.safe_load(_plain(content, password, file, home))
    except yaml.YAMLError:
        # Its message quotes what was decrypted: the chain ends here.
        raise SecretsError(_damaged(file)) from None
    if not isinstance(values, dict) or not all(isinstance(value, str) for value in values.values()):
        raise SecretsError(_damaged(file))
    return {str(name): value for name, value in values.items()}


def _plain(content: bytes, password: bytes, file: Path, home: Path) -> bytes:
    # ansible takes 0.3 s to import, and `validate` needs no secret.
    from ansible.errors import AnsibleError
    from ansible.parsing.vault import AnsibleVaultFormatError

    try:
        return bytes(_vault(password).decrypt(content))
    except AnsibleVaultFormatError as error:
        raise SecretsError(_damaged(file)) from error
    except AnsibleError as error:
        what = "the secrets cannot be decrypted: the password is not theirs, or the file is damaged"
        fix = f"bring back {home / PASSWORD_FILE} or the file of secrets from your backup"
        raise SecretsError(Problem(what, str(file), fix)) from error


def _encrypted(values: Mapping[str, str], password: bytes) -> bytes:
    text = yaml.safe_dump(dict(sorted(values.items())), width=10_000)
    return bytes(_vault(password).encrypt(text.encode()))


def _vault(password: bytes) -> "VaultLib":
    from ansible.parsing.vault import VaultLib, VaultSecret

    return VaultLib([("default", VaultSecret(password))])


def _missing(known: Mapping[str, str], site: Site, folder: Path) -> dict[str, str]:
    made = {secret.name: secret.value() for secret in SECRETS if secret.name not in known}
    if CA_CERTIFICATE not in known and CA_KEY not in known:
        made[CA_CERTIFICATE], made[CA_KEY] = make_authority(site)
    elif CA_CERTIFICATE not in known or CA_KEY not in known:
        # A new authority would cut every host off from those that still trust the old one.
        what = "the site's authority has lost its key or its certificate"
        raise SecretsError(Problem(what, str(folder / SECRETS_FILE), "bring the file back from your backup"))
    return made


def _random(length: int) -> str:
    return "".join(randomness.choice(_ALPHABET) for _ in range(length))


def _password(home: Path, *, make: bool) -> bytes:
    """Return the vault's password; one is made only where there is nothing yet that another has encrypted."""
    file = home / PASSWORD_FILE
    if make and not file.exists():
        _write(file, f"{_random(48)}\n".encode())
    try:
        password = file.read_bytes().strip()
    except OSError as error:
        what = f"the password of the site's secrets cannot be read: {error.strerror}"
        raise SecretsError(Problem(what, str(file), _restore_fix())) from error
    if not password:
        raise SecretsError(Problem("the password of the site's secrets is empty", str(file), _restore_fix()))
    return password


def _restore_fix() -> str:
    return "bring it back from your backup, or set DICOS_SITE_HOME to where it is"


def _damaged(file: Path) -> Problem:
    return Problem("the file of secrets is damaged", str(file), "bring it back from your backup")


def _write(file: Path, content: bytes) -> None:
    """Put a file in place whole or not at all, for its owner only."""
    descriptor, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        Path(name).replace(file)
    except BaseException:
        with suppress(FileNotFoundError):
            Path(name).unlink()
        raise


@contextmanager
def _one_at_a_time(home: Path) -> Iterator[None]:
    """Let two commands that start together make one set of secrets, not two."""
    with (home / "secrets.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
