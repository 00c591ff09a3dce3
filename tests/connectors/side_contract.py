"""What every side must do, whatever stands behind it: the suite that real and in-memory sides pass alike.

Use it by a subclass with a fixture `subject`.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from mappings.errors import FatalError
from tasks.connectors.side import Address, Operation, Outcome, Row, Side

ABSENT_ID = "00000000-0000-4000-8000-00000000dead"
NASTY = ["O'Neil", "a/b", "50% off", "US*", "A%", "x_y", "b[c]d", "q&a #1+2", "Größe ✓", "tab:le\\x?"]
_serial = itertools.count(1)


@dataclass(frozen=True)
class Subject:
    """A side, and one of its tables: `key` tells rows apart, `text` is any other text column."""

    side: Side
    table: str
    key: str
    text: str

    @property
    def columns(self) -> list[str]:
        return [self.key, self.text]

    def create(self, name: str, text: str = "first") -> Operation:
        return Operation("create", {self.key: name, self.text: text})

    def address(self, row: Row) -> Address:
        table = self.side.table(self.table)
        return str(row[table.id_column]) if table.id_column else {name: row[name] for name in table.key}

    @property
    def nowhere(self) -> Address:
        return ABSENT_ID if self.side.table(self.table).id_column else {self.key: "nobody"}

    def write(self, *operations: Operation, bulk: bool = False) -> list[Outcome]:
        return self.side.write(self.table, operations, columns=self.columns, bulk=bulk)

    def find(self, *names: str) -> list[list[Row]]:
        return self.side.find(self.table, [{self.key: name} for name in names], self.columns)

    def row(self, name: str) -> Row:
        (found,) = self.find(name)[0]
        return found

    def made(self, name: str, text: str = "first") -> Row:
        """A new row, as the side reads it."""
        (outcome,) = self.write(self.create(name, text))
        assert outcome.status == "done", outcome
        return self.row(name)

    def update(self, row: Row, body: Mapping[str, Any]) -> Operation:
        return Operation("update", body, self.address(row), row["@odata.etag"])

    def delete(self, row: Row) -> Operation:
        return Operation("delete", {}, self.address(row), row["@odata.etag"])


def new(stem: str = "row") -> str:
    """A name that no other test uses."""
    return f"{stem} {next(_serial)}"


class SideContract:
    """The suite."""

    def test_it_says_who_it_is_and_who_we_are(self, subject: Subject) -> None:
        assert subject.side.name in ("fno", "dataverse")
        assert subject.side.environment and subject.side.environment == subject.side.environment
        assert subject.side.who()

    def test_a_table_describes_itself(self, subject: Subject) -> None:
        table = subject.side.table(subject.table)
        assert (table.side, table.name) == (subject.side.name, subject.table)
        assert table.columns[subject.key].kind == "text"
        assert bool(table.id_column) is (subject.side.name == "dataverse")
        assert bool(table.key) is (subject.side.name == "fno")
        assert all(name in table.columns for name in table.key)
        assert table == subject.side.table(subject.table)

    def test_a_new_row_is_acknowledged_and_there(self, subject: Subject) -> None:
        name = new()
        (outcome,) = subject.write(subject.create(name, "hello"))
        assert outcome.status == "done"
        assert (outcome.id is not None) is (subject.side.name == "dataverse")
        assert outcome.row is not None and outcome.row[subject.text] == "hello"
        assert outcome.version == outcome.row["@odata.etag"]
        row = subject.row(name)
        assert row[subject.text] == "hello"
        assert subject.side.read(subject.table, [subject.address(row)], subject.columns) == [row]

    def test_reads_keep_their_order_and_show_gaps(self, subject: Subject) -> None:
        rows = [subject.made(new()) for _ in range(3)]
        addresses = [subject.address(rows[2]), subject.nowhere, subject.address(rows[0])]
        found = subject.side.read(subject.table, addresses, subject.columns)
        assert found == [rows[2], None, rows[0]]

    def test_pages_hold_each_row_once(self, subject: Subject) -> None:
        names = {new("paged") for _ in range(7)}
        for outcome in subject.write(*[subject.create(name) for name in names]):
            assert outcome.status == "done"
        pages = list(subject.side.pages(subject.table, columns=subject.columns, size=3))
        found = [row[subject.key] for page in pages for row in page]
        assert len(found) == len(set(found))
        assert names <= set(found)
        assert all(row["@odata.etag"] for page in pages for row in page)

    def test_keys_are_found_folded(self, subject: Subject) -> None:
        name = new("Mixed Case")
        subject.made(name)
        found = subject.find(name.upper(), f"{name.lower()}  ", "not there at all")
        assert [len(rows) for rows in found] == [1, 1, 0]

    def test_keys_are_found_as_they_are_and_never_as_patterns(self, subject: Subject) -> None:
        names = [new(nasty) for nasty in NASTY]
        decoys = [new("US-1"), new("AXB"), new("xzy"), new("bcd")]
        for outcome in subject.write(*[subject.create(name) for name in [*names, *decoys]]):
            assert outcome.status == "done", outcome
        found = subject.find(*names)
        assert [[row[subject.key] for row in rows] for rows in found] == [[name] for name in names]
        assert [len(rows) for rows in subject.find("US*", "A%", "x_y", "*", "%")] == [0] * 5

    def test_rows_with_nasty_keys_can_be_read_changed_and_deleted(self, subject: Subject) -> None:
        rows = [subject.made(new(nasty)) for nasty in NASTY]
        addresses = [subject.address(row) for row in rows]
        assert subject.side.read(subject.table, addresses, subject.columns) == rows
        changed = subject.write(*[subject.update(row, {subject.text: "changed"}) for row in rows])
        assert [outcome.status for outcome in changed] == ["done"] * len(rows)
        again = [subject.row(row[subject.key]) for row in rows]
        assert {row[subject.text] for row in again} == {"changed"}
        deleted = subject.write(*[subject.delete(row) for row in again])
        assert [outcome.status for outcome in deleted] == ["done"] * len(rows)
        assert subject.side.read(subject.table, addresses, subject.columns) == [None] * len(rows)

    def test_an_update_gives_the_row_a_new_version(self, subject: Subject) -> None:
        row = subject.made(new())
        (outcome,) = subject.write(subject.update(row, {subject.text: "second"}))
        assert outcome.status == "done"
        after = subject.row(row[subject.key])
        assert after[subject.text] == "second"
        assert after["@odata.etag"] != row["@odata.etag"]
        if outcome.row is not None:
            assert outcome.row[subject.text] == "second"
            assert outcome.version == after["@odata.etag"]

    def test_a_stale_update_changes_nothing(self, subject: Subject) -> None:
        row = subject.made(new())
        subject.write(subject.update(row, {subject.text: "theirs"}))
        (outcome,) = subject.write(subject.update(row, {subject.text: "ours"}))
        assert outcome.status == "stale"
        assert subject.row(row[subject.key])[subject.text] == "theirs"

    def test_a_stale_delete_deletes_nothing(self, subject: Subject) -> None:
        row = subject.made(new())
        subject.write(subject.update(row, {subject.text: "theirs"}))
        (outcome,) = subject.write(subject.delete(row))
        assert outcome.status == "stale"
        assert subject.row(row[subject.key])[subject.text] == "theirs"

    def test_an_absent_row_is_told_apart(self, subject: Subject) -> None:
        row = subject.made(new())
        assert [outcome.status for outcome in subject.write(subject.delete(row))] == ["done"]
        outcomes = subject.write(subject.update(row, {subject.text: "x"}), subject.delete(row))
        assert [outcome.status for outcome in outcomes] == ["absent", "absent"]
        assert subject.find(row[subject.key]) == [[]]

    def test_a_taken_key_is_refused_in_the_services_words(self, subject: Subject) -> None:
        name = new()
        subject.made(name, "mine")
        (outcome,) = subject.write(subject.create(name.upper(), "twin"))
        assert outcome.status == "refused"
        assert outcome.error is not None and outcome.error.message
        assert [row[subject.text] for row in subject.find(name)[0]] == ["mine"]

    @pytest.mark.parametrize("bulk", [False, True])
    def test_one_bad_row_does_not_stop_the_others(self, subject: Subject, bulk: bool) -> None:
        names = [new("many") for _ in range(20)]
        names[13] = names[4]
        outcomes = subject.write(*[subject.create(name) for name in names], bulk=bulk)
        assert [n for n, outcome in enumerate(outcomes) if outcome.status != "done"] == [13]
        assert outcomes[13].status == "refused"
        assert [len(rows) for rows in subject.find(*names)] == [1] * 20

    def test_bulk_ids_are_in_the_order_of_the_rows(self, subject: Subject) -> None:
        names = [new("bulk") for _ in range(30)]
        outcomes = subject.write(*[subject.create(name) for name in names], bulk=True)
        assert {outcome.status for outcome in outcomes} == {"done"}
        if subject.side.name == "dataverse":
            ids = [str(outcome.id) for outcome in outcomes]
            rows = subject.side.read(subject.table, ids, subject.columns)
            assert [row and row[subject.key] for row in rows] == names

    def test_different_writes_go_together_in_order(self, subject: Subject) -> None:
        one, other, name = subject.made(new()), subject.made(new()), new()
        outcomes = subject.write(
            subject.delete(one), subject.create(name), subject.update(other, {subject.text: "later"})
        )
        assert [outcome.status for outcome in outcomes] == ["done"] * 3
        assert [len(rows) for rows in subject.find(one[subject.key], name)] == [0, 1]
        assert subject.row(other[subject.key])[subject.text] == "later"

    def test_a_text_that_is_emptied_reads_as_the_side_says_empty(self, subject: Subject) -> None:
        row = subject.made(new())
        empty = "" if subject.side.name == "fno" else None
        (outcome,) = subject.write(subject.update(row, {subject.text: empty}))
        assert outcome.status == "done"
        assert subject.row(row[subject.key])[subject.text] == empty
        key = {subject.key: row[subject.key], subject.text: None}
        assert len(subject.side.find(subject.table, [key], subject.columns)[0]) == 1

    def test_a_feed_names_what_happened_since_its_token(self, subject: Subject) -> None:
        side = subject.side
        if side.name == "fno":
            with pytest.raises(FatalError):
                side.track(subject.table, subject.columns)
            return
        kept, doomed = subject.made(new()), subject.made(new())
        token = side.track(subject.table, subject.columns)
        name = new()
        subject.made(name)
        subject.write(subject.update(kept, {subject.text: "moved"}))
        subject.write(subject.delete(doomed))
        pages = list(side.changes(subject.table, token, subject.columns))
        changes = {change.id: change.row for page in pages for change in page.changes}
        assert set(changes) == {
            subject.address(kept),
            subject.address(doomed),
            subject.address(subject.row(name)),
        }
        assert changes[str(subject.address(doomed))] is None
        moved = changes[str(subject.address(kept))]
        assert moved is not None and moved[subject.text] == "moved" and moved["@odata.etag"]
        assert [page.token is None for page in pages] == [True] * (len(pages) - 1) + [False]
        last = pages[-1].token
        assert last is not None
        assert [
            change for page in side.changes(subject.table, last, subject.columns) for change in page.changes
        ] == []
