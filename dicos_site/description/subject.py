"""A path of rack.yml → the words of the model about it: title, description, example, keys."""

from dataclasses import dataclass
from types import UnionType
from typing import Annotated, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from dicos_site.description.document import Path
from dicos_site.model import Host, Site

KEY = "[key]"


@dataclass(frozen=True)
class Subject:
    """What the model says about one place: the words of a value, or the keys of a mapping."""

    title: str = ""
    description: str = ""
    example: str = ""
    keys: tuple[str, ...] = ()
    default: str = "required"


def subject(path: Path) -> Subject:
    """Return what the model says about a path; a last step "[key]" asks for the key, not the value."""
    return _subject(Site, None, path)


def _subject(annotation: object, info: FieldInfo | None, path: Path) -> Subject:
    annotation, info = _plain(annotation, info)
    if not path:
        return _words(annotation, info)
    step, rest = path[0], path[1:]
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        field = annotation.model_fields.get("name" if step == KEY else str(step))
        return _subject(field.annotation, field, rest) if field else Subject()
    arguments = get_args(annotation)
    if get_origin(annotation) is dict:
        return _subject(arguments[0], None, ()) if rest[:1] == (KEY,) else _subject(arguments[1], None, rest)
    return _subject(arguments[0], None, rest) if arguments else Subject()


def _plain(annotation: object, info: FieldInfo | None) -> tuple[object, FieldInfo | None]:
    """Return an annotation without Optional and Annotated, and the field that describes it best."""
    while True:
        arguments = get_args(annotation)
        if get_origin(annotation) in (Union, UnionType):
            annotation = arguments[0]
        elif get_origin(annotation) is Annotated:
            own = next(
                (entry for entry in arguments[1:] if isinstance(entry, FieldInfo) and entry.title), None
            )
            annotation, info = arguments[0], info if info and info.title else own
        else:
            return annotation, info


def _words(annotation: object, info: FieldInfo | None) -> Subject:
    keys: tuple[str, ...] = ()
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        keys = tuple(name for name in annotation.model_fields if (annotation, name) != (Host, "name"))
        if not (info and info.title):
            return Subject(
                annotation.__name__.lower(), f"a mapping with the keys {', '.join(keys)}", "", keys
            )
    if not info:
        return Subject()
    example = str(info.examples[0]) if info.examples else ""
    return Subject(info.title or "", info.description or "", example, keys, _default(info))


def _default(info: FieldInfo) -> str:
    """Return what a field is when it is left out, in words of rack.yml."""
    if info.is_required():
        return "required"
    plain = isinstance(info.default, (str, int)) and info.default != ""
    return f"`{info.default}`" if plain else "nothing"
