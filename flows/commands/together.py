"""Options that several commands share: a dataclass says what they are, a command takes it as one argument."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from functools import wraps
from typing import Any, TypeVar, get_type_hints

R = TypeVar("R")


def with_options(command: Callable[..., R]) -> Callable[..., R]:
    """Let the command line give the fields of each argument that is a dataclass, in its place, as options of their own.

    Fields are annotated as parameters of a command are, and have defaults as those have.
    """
    hints = get_type_hints(command, include_extras=True)
    groups = {name: kind for name, kind in hints.items() if isinstance(kind, type) and is_dataclass(kind)}
    shown: list[inspect.Parameter] = []
    for name, parameter in inspect.signature(command).parameters.items():
        if name not in groups:
            shown.append(parameter.replace(annotation=hints[name]))
            continue
        kinds = get_type_hints(groups[name], include_extras=True)
        shown += [
            inspect.Parameter(
                field.name,
                inspect.Parameter.POSITIONAL_OR_KEYWORD,
                default=field.default,
                annotation=kinds[field.name],
            )
            for field in fields(groups[name])
        ]

    @wraps(command)
    def run(**given: Any) -> R:
        own = {
            name: kind(**{field.name: given.pop(field.name) for field in fields(kind)})
            for name, kind in groups.items()
        }
        return command(**own, **given)

    run.__signature__ = inspect.Signature(shown)  # type: ignore[attr-defined]  # what inspect looks for first
    run.__annotations__ = {each.name: each.annotation for each in shown}
    return run
