"""Notices: what the two systems post about changes, taken apart at the border.

Dataverse's webhooks and F&O's data events both carry Dataverse's execution context (`RemoteExecutionContext` as DataContract JSON):
which message, which table, which row, and the row's attributes. F&O's business events carry an envelope of their own with the
members of their contract beside it. Names that are not documented beyond doubt are taken in each spelling that was seen.

    error tree: a body that is none of these raises `Malformed`, which says where it differs and never what it holds.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from mappings.errors import DualflowError

MOST = 1000
"""Notices that one request may hold, where a sender bundles them."""

VIRTUAL = "mserp_"
"""Begin of the names that F&O's entities and properties have in Dataverse."""

LONGEST_ID = 100
"""Characters; what is longer is no id of a row."""

_MOMENT = re.compile(r"/Date\((-?\d{1,16})(?:[+-]\d{4})?\)/")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Malformed(DualflowError):
    """The body is no notice."""


class _Pair(BaseModel):
    key: str
    value: Any = None


class _Posted(BaseModel):
    """An execution context, a business event, or both in one."""

    model_config = ConfigDict(extra="allow")

    message: str | None = Field(default=None, alias="MessageName", max_length=200)
    table: str | None = Field(default=None, alias="PrimaryEntityName", max_length=200)
    id: str | None = Field(default=None, alias="PrimaryEntityId")
    input: list[_Pair] = Field(default=[], alias="InputParameters")
    before: list[_Pair] = Field(default=[], alias="PreEntityImages")
    after: list[_Pair] = Field(default=[], alias="PostEntityImages")
    event: str | None = Field(default=None, alias="BusinessEventId", max_length=200)
    company: str | None = Field(default=None, alias="BusinessEventLegalEntity", max_length=20)

    @model_validator(mode="after")
    def _says_what_changed(self) -> _Posted:
        if not (self.message and self.table) and not self.event:
            raise ValueError("names neither a message and a table nor a business event")
        return self


_ANY: TypeAdapter[_Posted | list[_Posted]] = TypeAdapter(_Posted | list[_Posted])


@dataclass(frozen=True, slots=True)
class Notice:
    """One change that somebody told us of.

    Attributes:
        names: what the sender calls the table or the business event; the first one that is known counts.
        id: the row's id as the sender has it, lower case; "" if it gives none.
        attributes: the row's attributes by folded name, without the begin of virtual names; scalars only.
        company: company of the event, where its envelope says it.
    """

    names: tuple[str, ...]
    kind: Literal["upsert", "delete"]
    id: str
    attributes: Mapping[str, Any]
    company: str = ""


def read_notices(body: bytes) -> list[Notice]:
    """The notices in the body of a request.

    Raises:
        Malformed: it is no JSON, or none that either system would send.
    """
    try:
        posted = _ANY.validate_json(body)
    except ValidationError as error:
        first = error.errors(include_input=False, include_context=False, include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"] if "[" not in str(part))
        raise Malformed(f"{where or 'body'}: {first['type']}", code="malformed") from None
    several = posted if isinstance(posted, list) else [posted]
    if not 0 < len(several) <= MOST:
        raise Malformed(f"holds {len(several)} notices, 1 to {MOST} are taken", code="malformed")
    return [_notice(each) for each in several]


def folded(name: str) -> str:
    """A name as names of tables and properties are compared."""
    return name.casefold().removeprefix(VIRTUAL)


def _notice(posted: _Posted) -> Notice:
    given: dict[str, Any] = {}
    # of several the last counts: what the row has now wins over what it had
    for name, value in _images(posted):
        given[folded(name)] = value
    target = next((pair.value for pair in posted.input if pair.key == "Target"), None)
    id_ = posted.id or (target.get("Id") if isinstance(target, dict) else None) or ""
    if posted.event and not posted.table:
        extra = posted.model_extra or {}
        given |= {folded(name): plain(value) for name, value in extra.items() if _scalar(plain(value))}
    deleted = "delete" in (posted.message or "").casefold()
    return Notice(
        names=tuple(name for name in (posted.table, posted.event) if name),
        kind="delete" if deleted else "upsert",
        id=str(id_).strip("{}").lower() if len(str(id_)) <= LONGEST_ID else "",
        attributes=given,
        company=posted.company or "",
    )


def _images(posted: _Posted) -> Iterator[tuple[str, Any]]:
    targets = [pair.value for pair in posted.input if pair.key == "Target"]
    before = [pair.value for pair in (*posted.input, *posted.before) if "image" in pair.key.casefold()]
    for image in [*before, *[pair.value for pair in posted.before], *targets]:
        attributes = image.get("Attributes") if isinstance(image, dict) else None
        for pair in attributes if isinstance(attributes, list) else ():
            if isinstance(pair, dict) and isinstance(pair.get("key"), str):
                value = plain(pair.get("value"))
                if _scalar(value):
                    yield pair["key"], value


def plain(value: Any) -> Any:
    """A value without the wrapping of DataContract JSON; moments as text in UTC."""
    if isinstance(value, dict):
        kind = str(value.get("__type", ""))
        if kind.startswith("OptionSetValue:"):
            return None  # its number isn't the word that F&O has for it
        if "Value" in value:
            return plain(value["Value"])
        return value.get("Id") if kind.startswith("EntityReference:") else None
    if isinstance(value, str) and (found := _MOMENT.fullmatch(value)):
        try:
            return (_EPOCH + timedelta(milliseconds=int(found[1]))).strftime("%Y-%m-%dT%H:%M:%SZ")
        except OverflowError:
            return None
    return value


def _scalar(value: Any) -> bool:
    return isinstance(value, str | int | float) and not isinstance(value, bool)
