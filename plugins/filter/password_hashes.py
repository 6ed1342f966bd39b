"""Passwords → what a service stores of them: always the same, so that a file with them stays as it is."""

import base64
import hashlib
import hmac
from collections.abc import Callable, Iterable, Mapping

Permissions = dict[str, object]


def ldap_password_hash(password: str, account: str) -> str:
    """Return a salted hash as slapd takes it: {SSHA}, base64 of SHA-1 and salt. Source: slapd.conf(5)."""
    salt = _salt(password, account, 16)
    digest = hashlib.sha1(password.encode() + salt).digest()  # noqa: S324 (of a random secret)
    return "{SSHA}" + base64.b64encode(digest + salt).decode()


def rabbitmq_definitions(users: Iterable[Mapping[str, str]]) -> dict[str, list[Permissions]]:
    """Return users, virtual hosts and permissions in the form of RabbitMQ's definitions file."""
    users = list(users)
    return {
        "users": [_rabbitmq_user(user) for user in users],
        "vhosts": [_rabbitmq_vhost(name) for name in sorted({user["vhost"] for user in users})],
        "permissions": [_rabbitmq_permissions(user) for user in users],
    }


def _rabbitmq_user(user: Mapping[str, str]) -> Permissions:
    """Return a user with base64 of salt and SHA-256. Source: RabbitMQ, "Credentials and Passwords"."""
    salt = _salt(user["password"], user["name"], 4)
    digest = hashlib.sha256(salt + user["password"].encode()).digest()
    return {
        "name": user["name"],
        "password_hash": base64.b64encode(salt + digest).decode(),
        "hashing_algorithm": "rabbit_password_hashing_sha256",
        "tags": [],
    }


def _rabbitmq_vhost(name: str) -> Permissions:
    return {"name": name, "metadata": {"default_queue_type": "quorum", "description": "", "tags": []}}


def _rabbitmq_permissions(user: Mapping[str, str]) -> Permissions:
    return {"user": user["name"], "vhost": user["vhost"], "configure": ".*", "read": ".*", "write": ".*"}


def _salt(password: str, account: str, size: int) -> bytes:
    """Return a salt that follows from the password, which is random, so that it tells nothing."""
    return hmac.digest(password.encode(), account.encode(), "sha256")[:size]


class FilterModule:
    """The filters, as Ansible finds them."""

    def filters(self) -> dict[str, Callable[..., object]]:
        """Return the filters by name."""
        return {"ldap_password_hash": ldap_password_hash, "rabbitmq_definitions": rabbitmq_definitions}
