"""Notices: what the two systems post is understood in each spelling that was seen, and nothing else gets past the border."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.sync.notices import Malformed, read_notices
from tests.receiving import context, data_event

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
)
MEMBERS = (
    "MessageName",
    "PrimaryEntityName",
    "PrimaryEntityId",
    "InputParameters",
    "PreEntityImages",
    "BusinessEventId",
)
PAIRS = st.lists(
    st.fixed_dictionaries({"key": st.sampled_from(["Target", "PreImage", "x"]), "value": JSON}), max_size=3
)


def read(body: Any) -> Any:
    (notice,) = read_notices(json.dumps(body).encode())
    return notice


@settings(max_examples=200)
@given(st.binary(max_size=200) | JSON.map(lambda value: json.dumps(value).encode()))
def test_whatever_comes_is_a_notice_or_malformed(body: bytes) -> None:
    try:
        assert read_notices(body)
    except Malformed as error:
        assert error.message


@settings(max_examples=200)
@given(st.dictionaries(st.sampled_from(MEMBERS), JSON | PAIRS, max_size=6))
def test_members_of_any_kind_do_no_harm(body: dict[str, Any]) -> None:
    try:
        found = read_notices(json.dumps(context("Update", "account", "1") | body).encode())
    except Malformed:
        return
    for notice in found:
        assert all(isinstance(value, str | int | float) for value in notice.attributes.values())


def test_typed_values_are_taken_out_of_their_wrapping_and_numbers_of_options_are_not_taken_for_words() -> (
    None
):
    notice = read(
        data_event(
            "Update",
            "mserp_thing",
            "{AB-CD}",
            mserp_CODE="a",
            amount={"__type": "Money:http://schemas.microsoft.com/xrm/2011/Contracts", "Value": 1500},
            state={"__type": "OptionSetValue:http://schemas.microsoft.com/xrm/2011/Contracts", "Value": 3},
            owner={"__type": "EntityReference:http://x", "Id": "o-1", "LogicalName": "systemuser"},
            at="/Date(1506384247000)/",
            nothing=None,
            list=[1, 2],
        )
    )
    assert notice.attributes == {"code": "a", "amount": 1500, "owner": "o-1", "at": "2017-09-26T00:04:07Z"}
    assert (notice.id, notice.kind, notice.names) == ("ab-cd", "upsert", ("mserp_thing",))


@pytest.mark.parametrize("message", ["Delete", "OnExternalDeleted", "DELETE"])
def test_a_delete_tells_what_the_row_was(message: str) -> None:
    event = data_event(message, "thing", "1")
    event["InputParameters"].append(
        {"key": "PreImage", "value": {"Attributes": [{"key": "Code", "value": "a"}]}}
    )
    notice = read(event)
    assert (notice.kind, notice.attributes) == ("delete", {"code": "a"})


def test_what_a_row_is_wins_over_what_it_was() -> None:
    event = data_event("Update", "thing", "1", Code="new")
    event["PreEntityImages"] = [{"key": "before", "value": {"Attributes": [{"key": "Code", "value": "old"}]}}]
    assert read(event).attributes == {"code": "new"}


def test_a_refusal_never_repeats_what_came() -> None:
    with pytest.raises(Malformed) as refused:
        read_notices(json.dumps({"MessageName": {"SECRET": 1}, "PrimaryEntityName": "SECRET"}).encode())
    assert "SECRET" not in str(refused.value)
