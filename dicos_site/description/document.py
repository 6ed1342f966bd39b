"""YAML text → plain values, each with the line it stands on."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import yaml

from dicos_site.errors import DescriptionError, Problem

Path = tuple[str | int, ...]

MAX_VALUES = 20_000
_PLAIN_TAGS = frozenset(f"tag:yaml.org,2002:{name}" for name in ("int", "float", "bool", "null"))


@dataclass(frozen=True)
class Document:
    """What a file says: plain values with text keys, lines, scalars as written, keys that stand twice."""

    file: str
    value: object = None
    lines: dict[Path, int] = field(default_factory=dict)
    texts: dict[Path, str] = field(default_factory=dict)
    doubles: set[Path] = field(default_factory=set)

    def place(self, path: Path) -> str:
        """Return "hosts.ctl1.address, line 13"; what is not in the file has the line of what is around it."""
        line = self.line(path)
        name = dotted(path) or self.file
        return f"{name}, line {line}" if line else name

    def line(self, path: Path) -> int:
        """Return the line of a value, or of the nearest value around it; 0 for the whole file."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 0)


def dotted(path: Path) -> str:
    """Return ("hosts", "node1", "disks", 0) as "hosts.node1.disks[0]"."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).lstrip(".")


def read_document(text: str, file: str) -> tuple[Document, tuple[Problem, ...]]:
    """Return what the text says, and each key that stands twice; DescriptionError where it is no YAML."""
    reader = _Reader(Document(file))
    try:
        node = yaml.SafeLoader(text).get_single_node()
        value = reader.value(node, ()) if node else None
    except yaml.YAMLError as error:
        raise DescriptionError(_syntax_problem(error, file)) from error
    except RecursionError as error:
        raise DescriptionError(_too_deep(file)) from error
    return replace(reader.document, value=value), tuple(reader.problems)


class _Reader:
    """Walks the nodes of one document."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.problems: list[Problem] = []
        self.around: list[yaml.Node] = []
        self.count = 0

    def value(self, node: yaml.Node, path: Path) -> object:
        if node in self.around:
            raise DescriptionError(_contains_itself(self.document.file, node))
        self.count += 1
        if self.count > MAX_VALUES:
            raise DescriptionError(_too_many(self.document.file))
        self.around.append(node)
        try:
            return self._value(node, path)
        finally:
            self.around.pop()

    def _value(self, node: yaml.Node, path: Path) -> object:
        self.document.lines.setdefault(path, node.start_mark.line + 1)
        if isinstance(node, yaml.MappingNode):
            return {key: self.value(value, (*path, key)) for key, value in self._entries(node, path)}
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item, (*path, index)) for index, item in enumerate(node.value)]
        self.document.texts[path] = node.value
        return _scalar(node)

    def _entries(self, node: yaml.MappingNode, path: Path) -> Iterator[tuple[str, yaml.Node]]:
        first: dict[str, int] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                self.problems.append(_no_word(path, line))
            elif key_node.value in first:
                self.document.doubles.add((*path, key_node.value))
                self.problems.append(_twice(key_node.value, path, first[key_node.value], line))
            else:
                first[key_node.value] = line
                self.document.lines[(*path, key_node.value)] = line
                yield key_node.value, value_node


def _scalar(node: yaml.Node) -> object:
    if node.tag not in _PLAIN_TAGS:
        return node.value
    try:
        return yaml.SafeLoader("").construct_object(node)
    except Exception:
        return node.value


def _syntax_problem(error: yaml.YAMLError, file: str) -> Problem:
    fix = "mend the YAML there: check indentation, brackets, quotes and colons"
    if isinstance(error, yaml.reader.ReaderError):
        return Problem(
            "the file holds a character that YAML does not allow",
            f"{file}, character {error.position + 1}",
            fix,
        )
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark:
        mark = error.problem_mark
        reason = " ".join(filter(None, (error.context, error.problem)))
        return Problem(
            f"this is not YAML: {reason}", f"{file}, line {mark.line + 1}, column {mark.column + 1}", fix
        )
    return Problem(f"this is not YAML: {error}", file, fix)


def _too_deep(file: str) -> Problem:
    return Problem(
        "the values are nested too deeply", file, "rack.yml needs no more than five levels; see docs/rack.md"
    )


def _too_many(file: str) -> Problem:
    fix = "write the values out; an alias (*name) that stands for lists of aliases grows without bound"
    return Problem(f"there are more than {MAX_VALUES} values", file, fix)


def _contains_itself(file: str, node: yaml.Node) -> Problem:
    where = f"{file}, line {node.start_mark.line + 1}"
    return Problem(
        "a value contains itself", where, "remove the alias (*name) that points back to what it stands in"
    )


def _no_word(path: Path, line: int) -> Problem:
    where = f"{dotted(path)}, line {line}".lstrip(", ")
    return Problem("a key is a list or a mapping; every key is one word", where, "write `key: value`")


def _twice(key: str, path: Path, first: int, line: int) -> Problem:
    where = f"{dotted((*path, key))}, line {line}"
    if path == ("hosts",):
        return Problem(
            f'the name "{key}" is already taken in line {first}', where, "give each host its own name"
        )
    return Problem(
        f'the key "{key}" stands here twice, first in line {first}', where, "keep one of the two lines"
    )
