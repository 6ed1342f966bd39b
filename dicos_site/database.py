"""A tunnel's end → a connection to the site's database, its certificate checked for the server's own name."""

import socket
import ssl
from collections.abc import Mapping
from typing import TYPE_CHECKING

from dicos_site.secrets import CA_CERTIFICATE

if TYPE_CHECKING:
    from pymysql.connections import Connection
    from pymysql.cursors import Cursor

    Database = Connection[Cursor]

PORT = 3306
USER = SCHEMA = "site"


def connect(place: tuple[str, int], name: str, secrets: Mapping[str, str], timeout_s: float) -> "Database":
    """Return a connection as the site's own user; pymysql.MySQLError or OSError where there is none.

    `place` is the tunnel's (address, port) on this machine, `name` what the server's certificate must say.
    """
    # pymysql takes 40 ms to import, which no verb but those that ask the database shall pay.
    import pymysql

    database = pymysql.connect(
        host=name,
        user=USER,
        password=secrets["mariadb_site"],
        database=SCHEMA,
        ssl=ssl.create_default_context(cadata=secrets[CA_CERTIFICATE]),
        connect_timeout=timeout_s,
        read_timeout=timeout_s,
        write_timeout=timeout_s,
        autocommit=True,
        defer_connect=True,
    )
    database.connect(socket.create_connection(place, timeout_s))
    return database
