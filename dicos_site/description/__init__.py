"""rack.yml → Site; every mistake at once, each with its line, its place and its fix."""

import re
from pathlib import Path as FilePath

from pydantic import ValidationError

from dicos_site.description.document import Document, Path, read_document
from dicos_site.description.draft import draft
from dicos_site.description.mistake import Mistake
from dicos_site.description.rules import broken_rules
from dicos_site.description.subject import KEY
from dicos_site.description.wording import mistake
from dicos_site.errors import DescriptionError, Problem
from dicos_site.model import Site
from dicos_site.places import RACK_FILE


def read(folder: FilePath) -> Site:
    """Return the site that a folder's rack.yml describes."""
    file = folder / RACK_FILE
    try:
        text = file.read_bytes().decode("utf-8")
    except OSError as error:
        fix = "make it with `dicos-site init`, or mend its permissions"
        raise DescriptionError(
            Problem(f"the file cannot be read: {error.strerror}", str(file), fix)
        ) from error
    except UnicodeDecodeError as error:
        what = f"the file is not UTF-8 text: byte {error.start + 1} is {error.object[error.start]:#04x}"
        raise DescriptionError(Problem(what, str(file), "save it as UTF-8")) from error
    return parse(text, RACK_FILE)


def parse(text: str, file: str = RACK_FILE) -> Site:
    """Return the site that a text describes; DescriptionError carries every problem in the order of lines."""
    document, problems = read_document(text, file)
    if not isinstance(document.value, dict):
        raise DescriptionError(_no_mapping(document), *problems)
    site, mistakes = _validated(document, document.value)
    mistakes += [*_names_in_hosts(document.value), *broken_rules(draft(document))]
    everything = [*problems, *(entry.problem(document) for entry in mistakes)]
    if everything or site is None:
        raise DescriptionError(*sorted(dict.fromkeys(map(_printable, everything)), key=_line))
    return site


def _validated(document: Document, value: dict[str, object]) -> tuple[Site | None, list[Mistake]]:
    try:
        return Site.model_validate(value), []
    except ValidationError as error:
        paths = ((entry, _path(entry["loc"], value)) for entry in error.errors(include_url=False))
        return None, [mistake(entry, path, document) for entry, path in paths]


def _path(location: Path, value: dict[str, object]) -> Path:
    """Return pydantic's ("hosts", 0, "address") as ("hosts", "ctl1", "address")."""
    hosts = value.get("hosts")
    if location[:1] != ("hosts",) or len(location) < 2 or not isinstance(hosts, dict):
        return location
    name = list(hosts)[int(location[1])]
    rest = tuple(location[2:])
    return ("hosts", name, KEY) if rest == ("name",) else ("hosts", name, *rest)


def _names_in_hosts(value: dict[str, object]) -> list[Mistake]:
    hosts = value.get("hosts")
    entries = hosts.items() if isinstance(hosts, dict) else ()
    return [
        Mistake(
            ("hosts", name, "name"),
            'the key "name" is unknown here',
            "remove it: the key of the host is its name",
        )
        for name, host in entries
        if isinstance(host, dict) and "name" in host
    ]


def _no_mapping(document: Document) -> Problem:
    fix = "begin with `site: NAME`, or make a new file with `dicos-site init NAME`"
    if document.value is None:
        return Problem("the file is empty", document.file, fix)
    return Problem("the file is not a mapping of keys to values", document.place(()), fix)


def _printable(problem: Problem) -> Problem:
    """Return a problem of one line each; what a file quotes at us must not steer the terminal."""
    return Problem(*(_one_line(text) for text in (problem.what, problem.where, problem.fix)))


def _one_line(text: str) -> str:
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())


def _line(problem: Problem) -> int:
    found = re.search(r", line (\d+)$", problem.where)
    return int(found.group(1)) if found else 0
