"""pydantic's errors → mistakes in our own words."""

import difflib
from ipaddress import IPv4Network

from pydantic_core import ErrorDetails

from dicos_site.description.document import Document, Path
from dicos_site.description.mistake import Mistake
from dicos_site.description.subject import KEY, Subject, subject


def mistake(error: ErrorDetails, path: Path, document: Document) -> Mistake:
    """Return what an error of pydantic means at a path of rack.yml."""
    kind, value = error["type"], error["input"]
    if kind == "extra_forbidden":
        return unknown_key(path, subject(path[:-1]).keys)
    if kind == "missing":
        return _missing(path)
    words = subject(path)
    if path[-1:] == (KEY,):
        return _not_a(Mistake(path[:-1], "", ""), quoted(str(path[-2])), words)
    if value is None:
        return Mistake(
            path, f"{quoted(str(path[-1]))} has no value", f"{_example(words)}, or remove the line"
        )
    written = _written(value, document.texts.get(path))
    bounds = error.get("ctx", {})
    return _specific(kind, path, written, words, bounds) or _not_a(Mistake(path, "", ""), written, words)


def unknown_key(path: Path, known: tuple[str, ...]) -> Mistake:
    """Return the mistake of a key that nothing reads, with the nearest that something does."""
    key = str(path[-1])
    near, listed = nearest(key, known), f"known keys: {', '.join(known)}"
    fix = f'did you mean "{near}"? {listed}' if near else f"remove it; {listed}"
    return Mistake(path, f"the key {quoted(key)} is unknown here", fix)


def quoted(text: str) -> str:
    """Return a text in quotes on one line, shortened where it is long."""
    line = " ".join(text.split())
    return f'"{line[:60]}…"' if len(line) > 60 else f'"{line}"'


def nearest(word: str, known: tuple[str, ...]) -> str:
    """Return the known word that was probably meant, or nothing."""
    return next(iter(difflib.get_close_matches(word.lower(), known, n=1)), "")


def _missing(path: Path) -> Mistake:
    key = str(path[-1])
    words = subject(path)
    return Mistake(
        path[:-1], f"the key {quoted(key)} is missing", f"add `{key}: {words.example}` ({words.description})"
    )


def _specific(
    kind: str, path: Path, written: str, words: Subject, bounds: dict[str, object]
) -> Mistake | None:
    """Return the mistake where more can be said than that the value is none of its kind."""
    name = quoted(str(path[-1])) if path else "rack.yml"
    if kind in {"greater_than_equal", "less_than_equal"}:
        limit = f"at least {bounds['ge']}" if "ge" in bounds else f"at most {bounds['le']}"
        return Mistake(path, f"{written} is out of range for {name}: it is {limit}", f"{_example(words)}")
    if kind == "literal_error":
        choices = tuple(word.strip(" '") for word in str(bounds["expected"]).replace(" or ", ", ").split(","))
        near = nearest(written.strip('"'), choices)
        fix = (
            f'did you mean "{near}"? choices: {", ".join(choices)}'
            if near
            else f"write one of: {', '.join(choices)}"
        )
        return Mistake(path, f"{written} is not a {words.title}", fix)
    if kind == "ip_v4_network" and (network := _network_around(written.strip('"'))):
        what = f"{written} is not an IPv4 network: it is an address inside one"
        return Mistake(path, what, f"write {network}")
    if kind in {"string_type", "value_error"} and not written.startswith(('"', "a ")):
        what = f"{written} is read as a number or a truth value, and {_article(words.title)} is a text"
        return Mistake(path, what, f'put it in quotes: "{written}"')
    return None


def _network_around(text: str) -> IPv4Network | None:
    try:
        return IPv4Network(text, strict=False)
    except ValueError:
        return None


def _not_a(at: Mistake, written: str, words: Subject) -> Mistake:
    rule = f": {words.description}" if words.description else ""
    return Mistake(at.path, f"{written} is not {_article(words.title)}{rule}", _example(words))


def _example(words: Subject) -> str:
    if words.example:
        return f"write for example {words.example}"
    return f"write a mapping with the keys {', '.join(words.keys)}" if words.keys else "see docs/rack.md"


def _written(value: object, text: str | None) -> str:
    """Return a value as its author wrote it, in quotes where it is a text."""
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, (list, tuple)):
        return "a list"
    return quoted(str(value)) if isinstance(value, str) else quoted(text or str(value)).strip('"')


def _article(title: str) -> str:
    noun = title or "value that fits"
    return f"an {noun}" if noun[0] in "aeioAEI" else f"a {noun}"
