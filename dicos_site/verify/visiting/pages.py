"""The cloud's pages, used as a browser does: the form of the login, then any page behind it."""

import re
import ssl
from urllib.error import URLError
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, HTTPSHandler, Request, build_opener

LOGIN = "/auth/login/"
TIMEOUT_S = 60
_INPUT = re.compile(r"<input\b[^>]*>")
_ATTRIBUTE = re.compile(r"""\b(name|value)=["']([^"']*)["']""")


class Browser:
    """One person's session; `pages` is where they begin, https and without a slash at the end."""

    def __init__(self, pages: str, authority: str) -> None:
        self.pages = pages
        trust = HTTPSHandler(context=ssl.create_default_context(cafile=authority))
        self._opener = build_opener(trust, HTTPCookieProcessor())

    def form(self) -> dict[str, str]:
        """Return the fields of the login form; none while it is not given out."""
        try:
            return fields(self.page(LOGIN))
        except URLError:
            return {}

    def log_in(self, filled: dict[str, str]) -> None:
        """Send the form; PermissionError where she is led to it again."""
        arrived, _ = self._got(LOGIN, urlencode(filled).encode())
        if LOGIN in arrived:
            raise PermissionError("the pages do not let her in")

    def page(self, path: str) -> str:
        """Return a page; URLError where there is none."""
        return self._got(path)[1]

    def _got(self, path: str, sent: bytes | None = None) -> tuple[str, str]:
        url = f"{self.pages}{path}"
        # Over HTTPS Django wants to know which page sent a form.
        request = Request(url, sent, {"Referer": url})  # noqa: S310, the caller gives https
        with self._opener.open(request, timeout=TIMEOUT_S) as answer:
            return str(answer.geturl()), answer.read().decode()


def fields(page: str) -> dict[str, str]:
    """Return the inputs of a page by their names."""
    inputs = (dict(_ATTRIBUTE.findall(tag)) for tag in _INPUT.findall(page))
    return {one["name"]: one.get("value", "") for one in inputs if "name" in one}
