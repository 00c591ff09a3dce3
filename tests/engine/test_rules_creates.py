"""New rows: what is eligible, what exists already, what was never answered, who numbers, who owns."""

from __future__ import annotations

import pytest

from tests.engine.trade import TEAMS, Trade, customers_map

NUMBERED = {"number": {"by": "fno", "reference": "Reference"}}


def test_a_row_without_its_key_is_not_eligible_until_it_has_one() -> None:
    w = Trade()
    w.customer("C1", Name="neighbour")
    contact = w.contact(None, name="prospect")
    w.connect("Customers")
    w.sync("Customers")
    assert len(w.fno_memory.of("Customers")) == 1 and w.parked() == []
    w.change(contact, new_account="C7")
    w.sync("Customers")
    assert w.in_fno("C7") is not None


@pytest.mark.parametrize("side", ["fno", "dataverse"])
def test_a_create_that_finds_the_row_there_pairs_and_overwrites_nobody_unseen(side: str) -> None:
    """Somebody makes the row on the other side between our look and our write: the diff decides, and says so."""
    w = Trade()
    w.customer("C0", Name="canary")
    w.connect("Customers")
    made: list[bool] = []

    def interfere(kind: str) -> None:
        if kind == "batch" and not made:
            made.append(True)
            if side == "fno":
                w.customer("C1", Name="made in F&O")
            else:
                w.contact("C1", name="made in Dataverse", status=1)

    if side == "fno":
        w.contact("C1", name="made in Dataverse", status=1)
        w.fno.before = interfere
    else:
        w.customer("C1", Name="made in F&O")
        w.dataverse.before = interfere
    w.sync("Customers")
    w.sync("Customers")
    assert made and w.parked() == []
    assert w.in_fno("C1").values["Name"] == w.in_dataverse("C1").values["new_name"] == "made in F&O"  # type: ignore[union-attr]
    (record,) = w.conflicts(key="C1")
    assert record.kind == "no_base" and record.winner == "fno"


@pytest.mark.parametrize("fate", ["lost", "never arrived", "sent again"])
@pytest.mark.parametrize("side", ["fno", "dataverse"])
def test_a_create_without_an_answer_never_doubles(side: str, fate: str) -> None:
    w = Trade(unique=False)
    w.customer("C0", Name="canary")
    w.connect("Customers")
    w.fno_memory.unique["Customers"] = ()  # not even the services would stop a twin
    fates = [fate]
    service = w.fno if side == "fno" else w.dataverse
    service.fate = lambda: fates.pop() if fates else "answered"  # type: ignore[assignment,return-value]
    if side == "fno":
        w.contact("C1", name="one", status=1)
        # reads must still find rows by their key
        w.fno_memory.unique["Customers"] = ("dataAreaId", "Account")
    else:
        w.customer("C1", Name="one")
        w.fno_memory.unique["Customers"] = ("dataAreaId", "Account")
    for _ in range(3):
        w.sync("Customers")
    assert not fates
    named = [
        row for row in w.dataverse_memory.of("new_customers").values() if row.values["new_account"] == "C1"
    ]
    assert len(named) == 1 and w.in_fno("C1") is not None
    assert w.parked() == []
    w.writes()
    w.sync("Customers")
    assert w.writes() == []


# numbered by F&O


def numbering(w: Trade) -> None:
    """F&O's number sequence."""
    create = w.fno_memory.create

    def numbered(table, values, **options):  # type: ignore[no-untyped-def]
        if table == "Customers" and not values.get("Account"):
            values = {**values, "Account": f"N{len(w.fno_memory.of('Customers')) + 1:03}"}
        return create(table, values, **options)

    w.fno_memory.create = numbered  # type: ignore[method-assign]


def test_fno_numbers_a_row_and_the_key_is_written_back_in_the_same_run() -> None:
    w = Trade(customers_map(**NUMBERED))
    w.customer("C0", Name="canary")
    w.connect("Customers")
    numbering(w)
    contact = w.contact(None, name="prospect", status=1)
    w.sync("Customers")
    row = next(r for r in w.fno_memory.of("Customers").values() if r.values.get("Name") == "prospect")
    assert contact.values["new_account"] == row.values["Account"] == "N002"
    assert row.values["Reference"] == contact.id
    assert w.parked() == []
    w.writes()
    w.sync("Customers")
    assert w.writes() == []


@pytest.mark.parametrize("fate", ["lost", "never arrived"])
def test_a_numbered_create_without_an_answer_is_looked_up_by_its_reference(fate: str) -> None:
    w = Trade(customers_map(**NUMBERED))
    w.customer("C0", Name="canary")
    w.connect("Customers")
    numbering(w)
    fates = [fate]
    w.fno.fate = lambda: fates.pop() if fates else "answered"  # type: ignore[assignment,return-value]
    contact = w.contact(None, name="prospect", status=1)
    w.sync("Customers")
    w.clock.forward(hours=1)
    w.sync("Customers")
    made = [r for r in w.fno_memory.of("Customers").values() if r.values.get("Name") == "prospect"]
    assert len(made) == 1 and not fates
    assert contact.values["new_account"] == made[0].values["Account"]
    assert w.parked() == []


def test_a_crash_after_a_numbered_create_makes_no_second_one() -> None:

    w = Trade(customers_map(**NUMBERED))
    w.customer("C0", Name="canary")
    w.connect("Customers")
    numbering(w)
    contact = w.contact(None, name="prospect", status=1)
    with w.dying_at("written"):
        w.sync("Customers")
    for _ in range(2):
        w.sync("Customers")
    made = [r for r in w.fno_memory.of("Customers").values() if r.values.get("Name") == "prospect"]
    assert len(made) == 1
    assert contact.values["new_account"] == made[0].values["Account"]


# ownership


def test_new_rows_belong_to_the_companys_team_and_updates_never_touch_it() -> None:
    w = Trade()
    row = w.customer("C1", Name="one")
    w.customer("C1", "demf", Name="theirs")
    w.connect("Customers")
    contact, theirs = w.in_dataverse("C1"), w.in_dataverse("C1", "demf")
    assert contact is not None and theirs is not None
    assert (contact.values["ownerid"], theirs.values["ownerid"]) == (TEAMS["usmf"], TEAMS["demf"])
    w.change(contact, ownerid="somebody")
    w.change(row, Name="two")
    w.sync("Customers")
    assert contact.values["new_name"] == "two" and contact.values["ownerid"] == "somebody"


def test_a_paired_row_keeps_its_owner() -> None:
    w = Trade()
    w.customer("C1", Name="one")
    contact = w.contact("C1", None, name="two", status=1, plugin="x")
    w.change(contact, ownerid="somebody")
    w.connect("Customers")
    assert contact.values["new_name"] == "one" and contact.values["ownerid"] == "somebody"
