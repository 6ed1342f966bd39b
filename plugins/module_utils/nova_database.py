"""nova.conf → nova's databases: its own file is the one place that says how they are reached."""

from __future__ import annotations

from configparser import RawConfigParser
from pathlib import Path
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from ansible.module_utils.host_paths import RefusalError, problem

try:
    import pymysql

    PYMYSQL = True
except ImportError:
    PYMYSQL = False

CONNECT_S = 10
READ_S = 60


class NovaDatabase:
    """What a host's nova.conf says of databases and brokers; raises RefusalError where it says nothing."""

    def __init__(self, config: Path) -> None:
        self._config = config
        self._options = RawConfigParser(strict=False)
        if not self._options.read(config):
            raise RefusalError(problem("there is no configuration of nova", config, "run role nova first"))

    def url(self, section: str, name: str = "") -> str:
        """Return the URL of a section's database, or of another database of the same server and user."""
        url = urlsplit(self._option(section, "connection"))
        return (url._replace(path=f"/{name}") if name else url).geturl()

    def brokers(self) -> int:
        """Return how many brokers nova knows."""
        return urlsplit(self._option("DEFAULT", "transport_url")).netloc.count(",") + 1

    def open(self, name: str) -> pymysql.connections.Connection[pymysql.cursors.Cursor]:
        """Return a connection over TLS to a database of nova's server."""
        url: SplitResult = urlsplit(self.url("api_database", name))
        return pymysql.connect(
            host=url.hostname or "",
            port=url.port or 3306,
            user=unquote(url.username or ""),
            password=unquote(url.password or ""),
            database=name,
            ssl={"ca": parse_qs(url.query).get("ssl_ca", [""])[0], "check_hostname": True},
            connect_timeout=CONNECT_S,
            read_timeout=READ_S,
        )

    def _option(self, section: str, name: str) -> str:
        if self._options.has_option(section, name):
            return self._options.get(section, name)
        what = f"the configuration of nova does not say {name}"
        raise RefusalError(problem(what, f"{self._config}, [{section}]", "run role nova again"))
