"""Reading map files: YAML with line numbers, and errors that name file, line, field and what is allowed.

YAML is read by the rules of YAML 1.2, as editors do: only ``true`` and ``false`` are booleans, so that the
F&O enum members ``No`` and ``Yes`` stay text, and fractions stay the text they were written as.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from mappings.errors import MapError
from mappings.model import Map

_BaseLoader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # an eighth of the time where libyaml is there

Lines = dict[str, int]


class _Loader(_BaseLoader):  # type: ignore[misc, valid-type]
    """Safe loader with YAML 1.2's few implicit types."""

    yaml_implicit_resolvers: dict[str, list[Any]] = {}  # noqa: RUF012


for _tag, _pattern, _first in (
    ("bool", r"true|false|True|False|TRUE|FALSE", "tTfF"),
    ("int", r"[-+]?[0-9]+", "-+0123456789"),
    ("null", r"~|null|Null|NULL|", "~nN\0"),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(rf"^(?:{_pattern})$"), list(_first))
_Loader.yaml_implicit_resolvers.setdefault("", []).extend(_Loader.yaml_implicit_resolvers.pop("\0"))


def read_map(path: Path) -> Map:
    """Read one map file.

    Args:
        path: the file; errors name it as given.

    Raises:
        MapError: with file, line, field and what is allowed there; further errors in its `also`.
    """
    given, lines = read_yaml(path)
    try:
        loaded = Map.model_validate(given)
    except ValidationError as error:
        details = error.errors(include_url=False)
        problems = [_translated(detail, path, lines) for detail in details if not _follows(detail, details)]
        raise MapError.gathered(sorted(problems, key=lambda problem: problem.line or 0)) from error
    loaded._file, loaded._lines = path, lines
    return loaded


def read_yaml(path: Path) -> tuple[Any, Lines]:
    """A YAML file's content, and the line (from 1) of each path in it, such as ``fields.3.dataverse``.

    Raises:
        MapError: the file can't be read, is no YAML, has a key twice or an explicit tag.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise MapError(f"can't be read: {error}", file=path) from error
    try:
        node = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        # a thing that never ends is found one line after the last
        line = min(mark.line + 1, len(text.splitlines())) if mark else None
        raise MapError(f"is no YAML: {error.problem or error.context}", file=path, line=line) from error
    except yaml.YAMLError as error:
        raise MapError(f"is no YAML: {error}", file=path) from error
    if node is None:
        raise MapError("is empty", file=path, line=1)
    lines: Lines = {}
    return _plain(node, "", lines, path), lines


def _plain(node: yaml.Node, place: str, lines: Lines, path: Path) -> Any:
    """A YAML node as plain data, noting the line of everything in it."""
    line = node.start_mark.line + 1
    lines.setdefault(place, line)
    if isinstance(node, yaml.MappingNode):
        content: dict[Any, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                raise MapError(
                    "a key must be text", file=path, line=key_node.start_mark.line + 1, field=place
                )
            key = key_node.value
            inner = f"{place}.{key}" if place else key
            if key in content:
                raise MapError(
                    f"stands here a second time; first in line {lines[inner]}",
                    file=path,
                    line=key_node.start_mark.line + 1,
                    field=inner,
                    code="ambiguous_value" if place.endswith(".values") else "invalid_map",
                )
            lines[inner] = key_node.start_mark.line + 1
            content[key] = _plain(value_node, inner, lines, path)
        return content
    if isinstance(node, yaml.SequenceNode):
        return [_plain(item, f"{place}.{index}", lines, path) for index, item in enumerate(node.value)]
    kind = node.tag.rpartition(":")[2]
    if kind == "bool":
        return node.value.lower() == "true"
    if kind == "int":
        # digits with a leading zero are an identifier, not a number
        return int(node.value) if re.fullmatch(r"-?(0|[1-9][0-9]*)", node.value) else node.value
    if kind == "null":
        return None
    if kind != "str":
        raise MapError(f"the tag {node.tag} is not allowed", file=path, line=line, field=place)
    return node.value


def _follows(detail: ErrorDetails, details: list[ErrorDetails]) -> bool:
    """True for “too short” of a list whose items are wrong: pydantic counts only the good ones."""
    place = detail["loc"]
    return detail["type"] == "too_short" and any(
        other["loc"][: len(place)] == place and len(other["loc"]) > len(place) for other in details
    )


def _translated(detail: ErrorDetails, path: Path, lines: Lines) -> MapError:
    """One pydantic error as a MapError."""
    location = [part for part in detail["loc"] if part != "[key]"]
    field = ".".join(str(part) for part in location)
    problem, remedy = _explained(detail, location)
    code = _code(detail, field)
    return MapError(problem, file=path, line=_nearest(lines, field), field=field, remedy=remedy, code=code)


def _code(detail: ErrorDetails, field: str) -> str:
    """A word for what other tools have a code for."""
    given = detail["input"]
    if field in ("fno.key", "dataverse.key") and detail["type"] in ("missing", "too_short"):
        return "no_key"
    if detail["type"] == "value_error" and "needs both" in detail["msg"] and isinstance(given, dict):
        return "no_target" if given.get("fno") else "no_source"
    return "invalid_map"


def _explained(detail: ErrorDetails, location: list[int | str]) -> tuple[str, str]:
    """What is wrong, and what is allowed there."""
    given, context = detail["input"], detail.get("ctx", {})
    match detail["type"]:
        case "extra_forbidden":
            allowed = _fields_at(location[:-1])
            near = difflib.get_close_matches(str(location[-1]), allowed, n=1, cutoff=0.6)
            return (
                f"is no field here{f'; did you mean `{near[0]}`?' if near else ''}",
                f"allowed: {', '.join(allowed)}",
            )
        case "missing":
            return "is missing", f"allowed here: {', '.join(_fields_at(location[:-1]))}"
        case "enum" | "literal_error":
            return f"can't be {_shown(given)}", f"allowed: {context.get('expected', '')}"
        case "value_error":
            return str(context.get("error", detail["msg"])), ""
        case "string_type":
            return f"must be text, not {_shown(given)}", "put it in quotes if the text is meant"
        case "too_short" | "string_too_short":
            return "can't be empty", ""
        case _:
            message = detail["msg"]
            return f"{message[0].lower()}{message[1:]}, not {_shown(given)}", ""


def _shown(given: object) -> str:
    text = "nothing" if given is None else f"“{given}”"
    return text if len(text) <= 60 else text[:57] + "…”"


def _fields_at(location: list[int | str]) -> list[str]:
    """Names of the fields allowed at a place in a map, as written in YAML."""
    model: type[BaseModel] = Map
    steps: Iterator[int | str] = iter(location)
    for step in steps:
        fields = {field.alias or name: field for name, field in model.model_fields.items()}
        if str(step) not in fields:
            continue  # an index or the key of a mapping: stays in the same model
        inner = [kind for kind in _classes_in(fields[str(step)].annotation) if issubclass(kind, BaseModel)]
        if not inner:
            return []
        model = inner[0]
        if model.__name__ in ("FieldPair", "Lookup"):
            next(steps, None)
    return [field.alias or name for name, field in model.model_fields.items()]


def _classes_in(annotation: Any) -> Iterator[type]:
    if isinstance(annotation, type) and not get_args(annotation):
        yield annotation
    for part in get_args(annotation):
        yield from _classes_in(part)


def _nearest(lines: Lines, field: str) -> int | None:
    """Line of a field, or of the closest thing around it that the file does say."""
    while field and field not in lines:
        field = field.rpartition(".")[0]
    return lines.get(field)
