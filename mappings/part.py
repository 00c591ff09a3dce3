"""What the parts of a map have in common: they are frozen, know their fields, and keep every value as text."""

from __future__ import annotations

from functools import cached_property
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field


def _text(value: object) -> object:
    """YAML scalars as the text that canonical values use: booleans lower-case, numbers in digits."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    return value


Text = Annotated[str, BeforeValidator(_text, json_schema_input_type=str | int | float | bool)]
Name = Annotated[str, Field(min_length=1)]


class Part(BaseModel):
    """A part of a map."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", populate_by_name=True, ignored_types=(cached_property,)
    )
