"""Columns that every Dataverse table has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from deployments.sandbox.schema.model import Column

States = Mapping[int, Mapping[str, Any]]
"""State → {label, reasons: status reason → label}; a state's first reason is its default."""

STATES: States = {
    0: {"label": "Active", "reasons": {1: "Active"}},
    1: {"label": "Inactive", "reasons": {2: "Inactive"}},
}
"""What tables have unless the facts say otherwise."""


def system_columns(id_column: str, user_owned: bool, states: States) -> dict[str, Column]:
    """What every table has.

    Args:
        states: the table's states and their status reasons.
    """

    def stamp(name: str) -> Column:
        return Column(name, "datetime", name, system=True, creatable=False, updatable=False, label=name)

    def who(name: str, *targets: str) -> Column:
        return Column(
            name,
            "lookup",
            f"_{name}_value",
            targets=targets,
            navigation=dict.fromkeys(targets, name),
            deletion="remove_link",
            system=name != "ownerid",
            creatable=name == "ownerid",
            updatable=name == "ownerid",
            label=name,
        )

    columns = [
        Column(id_column, "guid", id_column, updatable=False, label=id_column),
        stamp("createdon"),
        stamp("modifiedon"),
        who("createdby", "systemusers"),
        who("modifiedby", "systemusers"),
        Column("overriddencreatedon", "datetime", "overriddencreatedon", updatable=False),
        Column("versionnumber", "bigint", "versionnumber", system=True, creatable=False, updatable=False),
        *_state_columns(states),
    ]
    if user_owned:
        columns += [
            who("ownerid", "systemusers", "teams"),
            who("owningbusinessunit", "businessunits"),
            who("owninguser", "systemusers"),
            who("owningteam", "teams"),
        ]
    else:
        columns.append(who("organizationid", "organizations"))
    return {column.name: column for column in columns}


def _state_columns(states: States) -> tuple[Column, Column]:
    reasons = {reason: state for state, about in states.items() for reason in about["reasons"]}
    labels = {reason: label for about in states.values() for reason, label in about["reasons"].items()}
    first_state = next(iter(states))
    first_reason = next(iter(reasons))
    return (
        Column(
            "statecode",
            "option",
            "statecode",
            options={state: about["label"] for state, about in states.items()},
            default=first_state,
        ),
        Column(
            "statuscode",
            "option",
            "statuscode",
            options=labels,
            states=reasons,
            default=first_reason,
        ),
    )
