"""Filters as text: the tree of a filter written in OData, as maps have it, and in X++, as dual-write has it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from odata_query import ast

from mappings.errors import MapError
from mappings.filters import Node

_ODATA: Mapping[type[Node], str] = {
    ast.Eq: "eq",
    ast.NotEq: "ne",
    ast.Gt: "gt",
    ast.GtE: "ge",
    ast.Lt: "lt",
    ast.LtE: "le",
}
_XPP: Mapping[type[Node], str] = {
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.Lt: "<",
    ast.LtE: "<=",
}


def odata(node: Node) -> str:
    """A filter in OData, with parentheses where `and` and `or` meet."""
    return _odata(node, "")


def _odata(node: Node, outer: str) -> str:
    """`outer`: the word that stands around it."""
    match node:
        case ast.BoolOp():
            word = "or" if isinstance(node.op, ast.Or) else "and"
            text = f"{_odata(node.left, word)} {word} {_odata(node.right, word)}"
            return f"({text})" if outer not in ("", word) else text
        case ast.UnaryOp():
            return f"not {_odata(node.operand, 'not')}"
        case ast.Compare(left=ast.Identifier() as column):
            text = f"{column.name} {_ODATA[type(node.comparator)]} {_odata_literal(node.right)}"
            return f"({text})" if outer == "not" else text
        case ast.Call(args=[ast.Identifier() as column, given]):
            return f"{node.func.name}({column.name},{_odata_literal(given)})"
    raise _strange(node)


def _odata_literal(node: Node) -> str:
    if isinstance(node, ast.Null):
        return "null"
    value = str(getattr(node, "val", ""))
    return "'" + value.replace("'", "''") + "'" if isinstance(node, ast.String) else value


def xpp(node: Node, name: Callable[[str], str] = str) -> str:
    """A filter in X++.

    Args:
        node: the tree.
        name: how the service spells a field.

    Raises:
        MapError: X++ can't say it: a text to search for that has wildcards in it.
    """
    match node:
        case ast.BoolOp():
            sign = "||" if isinstance(node.op, ast.Or) else "&&"
            return f"({xpp(node.left, name)} {sign} {xpp(node.right, name)})"
        case ast.UnaryOp():
            return f"(!{xpp(node.operand, name)})"
        case ast.Compare(left=ast.Identifier() as column):
            return f"({name(column.name)} {_XPP[type(node.comparator)]} {_xpp_literal(node.right)})"
        case ast.Call(args=[ast.Identifier() as column, ast.String(val=text)]):
            if "*" in text or "?" in text:
                raise MapError(
                    f"the filter looks for “{text}”; in X++ the signs * and ? in it would be wildcards",
                    code="untranslated_filter",
                )
            before = "*" if node.func.name in ("contains", "endswith") else ""
            after = "*" if node.func.name in ("contains", "startswith") else ""
            return f"({name(column.name)} like {_quoted(before + text + after)})"
    raise _strange(node)


def _xpp_literal(node: Node) -> str:
    match node:
        case ast.Null():
            return '""'
        case ast.String() | ast.GUID():
            return _quoted(node.val)
        case ast.Date():
            year, month, day = node.val.split("-")
            return f"{day}\\{month}\\{year}"
        case ast.DateTime():
            return str(node.val).removesuffix("Z")
    return str(getattr(node, "val", ""))


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _strange(node: Node) -> MapError:
    return MapError(f"a filter can't hold {type(node).__name__}", code="bad_filter")
