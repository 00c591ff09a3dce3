"""Maps as YAML files in the style of the shipped ones: one line a field pair where it fits, in the model's order.

The writer takes plain data as a map file has it, so that it can also write what is not a valid map yet: an
imported map with a part that a person must finish. `plain` gives the data of a valid one.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from mappings.model import Map

WIDTH = 110
ORDER = tuple(field.alias or name for name, field in Map.model_fields.items())
_SHOWN = ("version", "verified", "feeds", "conflict", "delete", "to-dataverse", "to-fno")
"""Fields that say something even where they have their default value."""
_VALUES = ("constant", "default", "else", "values")
"""Fields of a pair whose values are text, whatever they look like: 3 and "3" are the same there."""
_PLAIN = re.compile(r"[^\W\d_](?:[\w .,;/()'+%&=\[\]–-]|:(?=\S)|#(?<! #))*|[\w(][\w .'()+-]*")
_WORDS = re.compile(r"(?i)true|false|null|~|")
_INTEGER = re.compile(r"[-+]?[0-9]+")
_CANONICAL_INTEGER = re.compile(r"0|-?[1-9][0-9]*")
_FLOW_SIGNS = re.compile(r"[,\[\]{}]|:$")


def plain(each: Map) -> dict[str, Any]:
    """A map as its file has it, without what has its default value."""
    given: dict[str, Any] = _without_defaults(each)
    in_key = {part.split(".")[0] for part in each.dataverse.key if "." in part}
    for column, lookup in given.get("lookups", {}).items():
        if "tables" in lookup:
            lookup.pop("table", None)
        usual = "wait" if column in in_key else "defer"
        if each.lookups[column].missing == usual:
            lookup.pop("missing", None)
        else:
            lookup["missing"] = each.lookups[column].missing
    for pair, written in zip(each.fields, given["fields"], strict=True):
        if pair.constant is not None:
            written.pop("direction", None)
    return given


def text(given: Mapping[str, Any], comments: Mapping[str, Sequence[str]] | None = None) -> str:
    """A map file.

    Args:
        given: the content, as a map file has it.
        comments: place such as ``fields.3``, or "" for the top → lines above it.
    """
    comments = comments or {}
    lines = _comment(comments.get("", ()), 0)
    for name in sorted(given, key=lambda name: ORDER.index(name) if name in ORDER else len(ORDER)):
        value = given[name]
        if value is None:
            continue
        lines += _comment(comments.get(name, ()), 0)
        if name in ("fno", "dataverse"):
            lines.append(f"{name}:")
            for inner, part in value.items():
                if part is not None:
                    lines += _comment(comments.get(f"{name}.{inner}", ()), 2)
                    lines += _entry(inner, part, 2)
        elif name in ("lookups", "groups") and value:
            lines.append(f"{name}:")
            for inner, part in value.items():
                lines += _comment(comments.get(f"{name}.{inner}", ()), 2)
                lines += _entry(inner, part, 2)
        elif name == "fields":
            lines.append("fields:")
            for index, pair in enumerate(value):
                lines += _comment(comments.get(f"fields.{index}", ()), 2)
                lines += _pair(pair)
            lines += _comment(comments.get(f"fields.{len(value)}", ()), 2)
        else:
            lines += _entry(name, value, 0)
    return "\n".join(lines) + "\n"


def comment_lines(text: str, width: int = WIDTH - 4) -> list[str]:
    """A text as the lines of a comment; nothing in it can end the comment."""
    lines: list[str] = []
    for line in text.splitlines():
        printable = "".join(sign if sign.isprintable() else "·" for sign in line)
        lines += textwrap.wrap(printable, width, break_long_words=False, break_on_hyphens=False)
    return lines


def _without_defaults(part: BaseModel) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, field in type(part).model_fields.items():
        value, key = getattr(part, name), field.alias or name
        default = field.get_default(call_default_factory=True, validated_data={})
        if default is not PydanticUndefined and value == default and key not in _SHOWN:
            continue
        found[key] = _data(value)
    return found


def _data(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return _without_defaults(value)
    if isinstance(value, Mapping):
        return {name: _data(inner) for name, inner in value.items()}
    if isinstance(value, tuple | list):
        return [_data(inner) for inner in value]
    return str(value) if isinstance(value, str) else value


def _comment(lines: Iterable[str], indent: int) -> list[str]:
    return [f"{' ' * indent}# {line}".rstrip() for given in lines for line in comment_lines(given)]


def _pair(pair: Mapping[str, Any]) -> list[str]:
    line = f"  - {_flow(pair)}"
    if len(line) <= WIDTH:
        return [line]
    lines: list[str] = []
    for name, value in pair.items():
        lines += _entry(name, value, 4, loose=name in _VALUES)
    lines[0] = "  - " + lines[0].lstrip()
    return lines


def _entry(name: str, value: Any, indent: int, *, loose: bool = False) -> list[str]:
    """``name: value`` on one line, or in the form that a longer value takes."""
    head = f"{' ' * indent}{_scalar(name, flow=False)}:"
    if isinstance(value, str) and not loose:
        folded = _folded(value, indent + 2) if name == "about" or len(head) + len(value) >= WIDTH else None
        return [f"{head} >-", *folded] if folded else [f"{head} {_scalar(value, flow=False)}"]
    line = f"{head} {_flow(value, loose=loose)}"
    if len(line) <= WIDTH and not _nested(value):
        return [line]
    if isinstance(value, Mapping):
        return _wrapped(head, [f"{_key(key, loose)}: {_flow(of, loose=loose)}" for key, of in value.items()])
    if isinstance(value, list):
        return [head, *(f"{' ' * (indent + 2)}- {_flow(item)}" for item in value)]
    return [line]


def _nested(value: Any) -> bool:
    """Lists in a list read better on lines of their own."""
    return isinstance(value, list) and any(isinstance(item, list) for item in value)


def _wrapped(head: str, items: list[str]) -> list[str]:
    """A mapping over several lines, each beginning below the first item."""
    lines, line = [], f"{head} {{"
    gap = " " * len(line)
    for at, item in enumerate(items):
        end = "}" if at + 1 == len(items) else ","
        if len(line) + len(item) + len(end) > WIDTH and line.strip() and line != gap:
            lines.append(line.rstrip())
            line = gap
        line += item + end + " "
    return [*lines, line.rstrip()]


def _folded(value: str, indent: int) -> list[str] | None:
    """The lines of a folded text, or None where folding would change it."""
    paragraphs = value.split("\n")
    if any(part != " ".join(part.split()) or not part or not part.isprintable() for part in paragraphs):
        return None
    lines: list[str] = []
    for at, paragraph in enumerate(paragraphs):
        lines += [""] if at else []
        wrapped = textwrap.wrap(paragraph, WIDTH - indent - 2, break_long_words=False, break_on_hyphens=False)
        lines += [" " * indent + line for line in wrapped]
    return lines


def _flow(value: Any, *, loose: bool = False) -> str:
    if isinstance(value, Mapping):
        inside = ", ".join(
            f"{_key(key, loose)}: {_flow(of, loose=loose or key in _VALUES)}" for key, of in value.items()
        )
        return "{" + inside + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_flow(item) for item in value) + "]"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    return _loose(value) if loose else _scalar(value)


def _key(key: str, loose: bool) -> str:
    return _loose(key) if loose else _scalar(key)


def _loose(value: str) -> str:
    """A text that is read back as text even if it looks like a number or a truth value."""
    return value if _CANONICAL_INTEGER.fullmatch(value) or value in ("true", "false") else _scalar(value)


def _scalar(value: str, *, flow: bool = True) -> str:
    """A text, in quotes where YAML would take it for something else."""
    safe = (
        _PLAIN.fullmatch(value)
        and not _WORDS.fullmatch(value)
        and not _INTEGER.fullmatch(value)
        and value == value.strip()
        and ": " not in value
        and not value.endswith(":")
        and not (flow and _FLOW_SIGNS.search(value))
        and value.isprintable()
    )
    return value if safe else '"' + "".join(_escaped(sign) for sign in value) + '"'


def _escaped(sign: str) -> str:
    """A character inside double quotes."""
    if sign in ('"', "\\"):
        return f"\\{sign}"
    if sign.isprintable():
        return sign
    code = ord(sign)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
