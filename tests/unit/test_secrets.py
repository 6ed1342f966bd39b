"""A site's secrets: made once, encrypted, and readable with the password outside the tree only."""

import base64
import os
import re
import stat
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from pathlib import Path

import pytest
import yaml
from ansible.parsing.vault import VaultLib, VaultSecret
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from dicos_site import places, secrets
from dicos_site.errors import SecretsError
from tests.unit.racks import lab


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a site's folder with no secrets yet, with a home of its own."""
    monkeypatch.setenv("DICOS_SITE_HOME", str(tmp_path / "home"))
    folder = tmp_path / "site"
    folder.mkdir()
    return folder


def password_file() -> Path:
    """Return where the vault's password is."""
    return places.home_path(lab()) / "vault-password"


def refusal(folder: Path) -> str:
    """Return the error of reading the secrets."""
    with pytest.raises(SecretsError) as error:
        secrets.load(folder, lab())
    return str(error.value)


def rewritten(folder: Path, values: dict[str, str]) -> None:
    """Put other values into secrets.yml, under the same password."""
    vault = VaultLib([("default", VaultSecret(password_file().read_bytes().strip()))])
    (folder / "secrets.yml").write_bytes(vault.encrypt(yaml.safe_dump(values).encode()))


def certificate(folder: Path) -> x509.Certificate:
    """Return the certificate of the site's own authority."""
    return x509.load_pem_x509_certificate(secrets.load(folder, lab())["pki_ca_certificate"].encode())


def test_secrets_are_made_once(folder: Path) -> None:
    assert set(secrets.ensure(folder, lab())) == set(secrets.NAMES)
    first = dict(secrets.load(folder, lab()))
    assert secrets.ensure(folder, lab()) == ()
    assert secrets.load(folder, lab()) == first


def test_another_checkout_of_the_site_has_the_same_secrets(folder: Path, tmp_path: Path) -> None:
    secrets.ensure(folder, lab())
    other = tmp_path / "other"
    other.mkdir()
    assert secrets.ensure(other, lab()) == ()
    assert secrets.load(other, lab()) == secrets.load(folder, lab())


def test_another_checkout_without_the_password_gets_no_new_secrets(folder: Path, tmp_path: Path) -> None:
    secrets.ensure(folder, lab())
    password_file().unlink()
    secrets.forget()
    other = tmp_path / "other"
    other.mkdir()
    with pytest.raises(SecretsError, match="the password of the site's secrets cannot be read"):
        secrets.ensure(other, lab())
    assert list(other.iterdir()) == []


def test_no_secret_is_readable_without_the_password(folder: Path) -> None:
    secrets.ensure(folder, lab())
    text = (folder / "secrets.yml").read_text()
    assert text.startswith("$ANSIBLE_VAULT;1.1;AES256\n")
    assert [value for value in secrets.load(folder, lab()).values() if value in text] == []


def test_password_and_secrets_are_for_their_owner_only(folder: Path) -> None:
    secrets.ensure(folder, lab())
    modes = {
        file.name: stat.S_IMODE(file.stat().st_mode) for file in (folder / "secrets.yml", password_file())
    }
    assert modes == {"secrets.yml": 0o600, "vault-password": 0o600}
    assert stat.S_IMODE(password_file().parent.stat().st_mode) == 0o700


def test_the_password_is_outside_the_tree(folder: Path) -> None:
    secrets.ensure(folder, lab())
    assert [file.name for file in folder.iterdir()] == ["secrets.yml"]


def test_every_service_has_a_long_secret_of_its_own_of_plain_letters(folder: Path) -> None:
    secrets.ensure(folder, lab())
    known = secrets.load(folder, lab())
    values = [known[secret.name] for secret in secrets.SECRETS]
    assert len(set(values)) == len(values)
    assert all(
        re.fullmatch(r"[A-Za-z0-9]{24,}", known[entry.name])
        for entry in secrets.SECRETS
        if entry.name != "loadbalancer" and entry.make is None
    )


def test_a_key_of_ceph_has_its_length_and_type_before_it() -> None:
    key = base64.b64decode(secrets.cephx_key())
    assert (len(key), key[:2], key[10:12]) == (28, b"\x01\x00", b"\x10\x00")
    assert secrets.cephx_key() != secrets.cephx_key()


def test_the_password_of_vrrp_has_the_eight_characters_that_the_protocol_carries(folder: Path) -> None:
    secrets.ensure(folder, lab())
    assert re.fullmatch(r"[A-Za-z0-9]{8}", secrets.load(folder, lab())["loadbalancer"])


def test_ansible_vault_opens_the_file(folder: Path) -> None:
    secrets.ensure(folder, lab())
    done = subprocess.run(
        [
            Path(sys.executable).parent / "ansible-vault",
            "view",
            "--vault-password-file",
            password_file(),
            folder / "secrets.yml",
        ],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PAGER": "cat"},
    )
    assert yaml.safe_load(done.stdout) == secrets.load(folder, lab())


def test_a_secret_that_is_missing_later_is_added_and_no_other_changed(folder: Path) -> None:
    secrets.ensure(folder, lab())
    before = dict(secrets.load(folder, lab()))
    rewritten(folder, {name: value for name, value in before.items() if name != "ldap_reader"})
    assert secrets.ensure(folder, lab()) == ("ldap_reader",)
    after = dict(secrets.load(folder, lab()))
    assert after.pop("ldap_reader") != before.pop("ldap_reader")
    assert after == before


def test_the_authority_signs_leaves_only_for_ten_years(folder: Path) -> None:
    secrets.ensure(folder, lab())
    authority = certificate(folder)
    constraints = authority.extensions.get_extension_for_class(x509.BasicConstraints)
    usage = authority.extensions.get_extension_for_class(x509.KeyUsage)
    assert (constraints.critical, constraints.value.ca, constraints.value.path_length) == (True, True, 0)
    assert (usage.critical, usage.value.key_cert_sign, usage.value.digital_signature) == (True, True, False)
    assert authority.not_valid_after_utc - datetime.now(UTC) > timedelta(days=3650)
    assert authority.not_valid_before_utc < datetime.now(UTC) - timedelta(hours=1)
    authority.verify_directly_issued_by(authority)


def test_the_authoritys_key_fits_its_certificate(folder: Path) -> None:
    secrets.ensure(folder, lab())
    key = load_pem_private_key(secrets.load(folder, lab())["pki_ca_key"].encode(), None)
    assert key.public_key() == certificate(folder).public_key()


def test_half_an_authority_is_not_replaced(folder: Path) -> None:
    secrets.ensure(folder, lab())
    known = dict(secrets.load(folder, lab()))
    del known["pki_ca_key"]
    rewritten(folder, known)
    with pytest.raises(SecretsError) as error:
        secrets.ensure(folder, lab())
    assert error.value.problems[0].what == "the site's authority has lost its key or its certificate"


def test_a_lost_password_is_not_replaced(folder: Path) -> None:
    secrets.ensure(folder, lab())
    password_file().unlink()
    with pytest.raises(SecretsError) as error:
        secrets.ensure(folder, lab())
    assert not password_file().exists()
    assert str(error.value) == (
        f"the password of the site's secrets cannot be read: No such file or directory\n"
        f"  at:  {password_file()}\n"
        "  fix: bring it back from your backup, or set DICOS_SITE_HOME to where it is"
    )


def test_a_wrong_password_is_told_from_where_it_was_read(folder: Path) -> None:
    secrets.ensure(folder, lab())
    password_file().write_text("another\n")
    secrets.forget()
    assert refusal(folder) == (
        "the secrets cannot be decrypted: the password is not theirs, or the file is damaged\n"
        f"  at:  {folder}/secrets.yml\n"
        f"  fix: bring back {password_file()} or the file of secrets from your backup"
    )


def test_an_empty_password_is_refused(folder: Path) -> None:
    secrets.ensure(folder, lab())
    password_file().write_text("\n")
    secrets.forget()
    assert refusal(folder).startswith("the password of the site's secrets is empty\n")


@pytest.mark.parametrize(
    "damage",
    [
        b"1.1;AES256\nzz\n",
        b"\n",
        b"1.1;AES256\n",
        b"1.1;AES256\n\xff\xfe\n",
        b"9.9;ROT13\n6162\n",
        b"1.1;AES256\n616\n",
    ],
)
def test_a_damaged_file_is_refused(folder: Path, damage: bytes) -> None:
    secrets.ensure(folder, lab())
    (folder / "secrets.yml").write_bytes(b"$ANSIBLE_VAULT;" + damage)
    assert "damaged" in refusal(folder)


def test_a_flipped_byte_is_refused(folder: Path) -> None:
    secrets.ensure(folder, lab())
    file = folder / "secrets.yml"
    content = bytearray(file.read_bytes())
    content[300] = ord("0") if content[300] != ord("0") else ord("1")
    file.write_bytes(content)
    assert "damaged" in refusal(folder)


def test_secrets_in_clear_text_are_refused(folder: Path) -> None:
    secrets.ensure(folder, lab())
    (folder / "secrets.yml").write_text("ldap_admin: secret\n")
    assert refusal(folder).startswith("the file of secrets is not encrypted\n")


def test_an_encrypted_file_that_is_no_mapping_is_refused(folder: Path) -> None:
    secrets.ensure(folder, lab())
    vault = VaultLib([("default", VaultSecret(password_file().read_bytes().strip()))])
    (folder / "secrets.yml").write_bytes(vault.encrypt(b"[not, {a mapping"))
    assert refusal(folder).startswith("the file of secrets is damaged\n")


def test_a_site_without_secrets_says_who_makes_them(folder: Path) -> None:
    assert refusal(folder) == (
        f"the site has no secrets yet\n  at:  {folder}/secrets.yml\n"
        "  fix: make them with `dicos-site deploy`, or bring the file back from your backup"
    )


def test_no_error_tells_a_secret(folder: Path) -> None:
    secrets.ensure(folder, lab())
    known = set(secrets.load(folder, lab()).values())
    password = password_file().read_text().strip()
    (folder / "secrets.yml").write_text("$ANSIBLE_VAULT;1.1;AES256\n6162\n")
    text = refusal(folder)
    assert password not in text
    assert not [value for value in known if value in text]


def _ensure(folder: Path) -> None:
    secrets.ensure(folder, lab())


def test_two_commands_at_once_make_one_set_of_secrets(folder: Path) -> None:
    context = get_context("fork")
    processes = [context.Process(target=_ensure, args=(folder,)) for _ in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0, 0, 0]
    assert set(secrets.load(folder, lab())) == set(secrets.NAMES)
    assert [file.name for file in folder.iterdir()] == ["secrets.yml"]
