"""Feeds: who reads a table reads it for every lane on it; what a lane was not told, nobody names again."""

from __future__ import annotations

from tasks.sync.work import delta_sync, initial_sync, maps_with_work, poll
from tests.engine.memory import Stored
from tests.engine.test_rules_lanes import EXTRA, changed, persons_and_organizations
from tests.engine.trade import Trade, customers_map, groups_map


def contact(w: Trade, account: str, company: str = "usmf") -> Stored:
    found = w.in_dataverse(account, company)
    assert found is not None
    return found


def test_a_run_of_one_map_keeps_its_neighbours_changes_for_them() -> None:
    w = Trade(maps=[groups_map(), *persons_and_organizations()])
    w.customer("O1", Name="org", Kind="Organization")
    w.customer("P1", Name="person", Kind="Person")
    w.connect()
    w.change(contact(w, "O1"), new_name="org!")
    w.sync("Persons")
    w.sync("Organizations")
    assert w.in_fno("O1").values["Name"] == "org!"  # type: ignore[union-attr]


def test_a_run_of_one_company_keeps_the_others_changes_for_them() -> None:
    w = Trade()
    for company in ("usmf", "demf"):
        w.customer("C1", company, Name="one")
    w.connect("Customers")
    for company in ("usmf", "demf"):
        w.change(contact(w, "C1", company), new_name="two")
    poll(w.session, [w.catalogue.maps["Customers"]], ["usmf"])
    (only,) = delta_sync(w.session, "Customers", ["usmf"])
    assert only.company == "usmf"
    assert w.in_fno("C1", "demf").values["Name"] == "one"  # type: ignore[union-attr]
    w.sync("Customers")
    assert w.in_fno("C1", "demf").values["Name"] == "two"  # type: ignore[union-attr]


def test_a_lane_is_told_what_changes_while_its_first_sync_reads() -> None:
    """The other company goes on meanwhile, and moves the token that both share."""
    w = Trade(page_size=50)
    for company in ("usmf", "demf"):
        for number in range(120):
            w.customer(f"C{number:03}", company, Name="one")
            w.contact(f"C{number:03}", company, name="one", status=1)
    initial_sync(w.session, "Customers", ["usmf"])
    w.writes()
    other = w.open(companies="usmf,demf")
    reads: list[str] = []

    def meanwhile(kind: str) -> None:
        if kind != "read":
            return
        reads.append(kind)
        if len(reads) == 2:  # the first fifty rows are paired
            w.change(contact(w, "C000", "demf"), new_name="edited meanwhile")
            poll(other, [w.catalogue.maps["Customers"]])
            assert delta_sync(other, "Customers", ["usmf"])[0].verdict == "ok"
            assert maps_with_work(other) == frozenset(), "who is at it works off what it is told"

    w.dataverse.before = meanwhile
    (summary,) = initial_sync(w.session, "Customers", ["demf"])
    assert summary.verdict == "ok" and len(reads) > 2
    w.sync("Customers")
    assert w.in_fno("C000", "demf").values["Name"] == "edited meanwhile"  # type: ignore[union-attr]
    assert w.parked() == [] and len(w.writes()) == 1


def test_a_map_that_joins_a_table_with_other_columns_loses_nobody_a_change() -> None:
    organizations, persons = persons_and_organizations()
    w = Trade(maps=[groups_map(), organizations])
    w.customer("O1", Name="org", Kind="Organization")
    w.customer("O2", Name="org too", Kind="Organization")
    w.connect()
    w.change(contact(w, "O1"), new_name="org!")
    w.remove(contact(w, "O2"))
    changed(w, groups_map(), organizations, {**persons, "fields": [*persons["fields"], EXTRA]})
    w.connect("Persons")
    w.sync("Organizations")
    assert w.in_fno("O1").values["Name"] == "org!"  # type: ignore[union-attr]
    assert w.in_fno("O2") is None


def test_a_company_that_is_gone_from_dataverse_stops_its_own_lane_and_misses_nothing() -> None:
    w = Trade()
    for company in ("usmf", "demf"):
        w.customer("C1", company, Name="one")
        w.customer("C2", company, Name="canary")
    w.connect("Customers")
    row = w.dataverse_memory.of("cdm_companies").pop(w.company["demf"])
    w.session = w.open(companies="demf,usmf")
    for company in ("usmf", "demf"):
        w.change(contact(w, "C1", company), new_name="two")
        w.change(w.in_fno("C2", company), Name="two")  # type: ignore[arg-type]
    (found,) = [each for each in poll(w.session, [w.catalogue.maps["Customers"]]) if each.errors]
    assert "'demf'" in found.errors[0] and "cdm_companies" in found.errors[0]
    demf, usmf = delta_sync(w.session, "Customers")
    assert (usmf.verdict, demf.verdict, demf.code) == ("ok", "failed", "company_missing")
    assert w.in_fno("C1", "usmf").values["Name"] == "two"  # type: ignore[union-attr]
    assert contact(w, "C2", "usmf").values["new_name"] == "two"
    assert w.in_fno("C1", "demf").values["Name"] == "one"  # type: ignore[union-attr]

    w.dataverse_memory.of("cdm_companies")[row.id] = row
    w.session = w.open(companies="demf,usmf")
    for _ in range(2):
        assert w.sync("Customers") == ["ok", "ok"]
    assert w.in_fno("C1", "demf").values["Name"] == "two"  # type: ignore[union-attr]
    assert contact(w, "C2", "demf").values["new_name"] == "two"


def test_a_company_that_dataverse_lacks_keeps_no_other_from_its_first_sync() -> None:
    w = Trade(companies=("frrt", "usmf"))
    w.customer("C1", "usmf", Name="one")
    missing, fine = w.initial("Customers")
    assert (missing.verdict, fine.verdict) == ("failed", "ok")
    assert w.in_dataverse("C1") is not None


# duplicates


def test_a_second_row_of_fno_with_a_linked_key_is_listed_by_the_delta_too() -> None:
    """F&O's own key tells the two apart, the integration key doesn't."""
    w = Trade(customers_map(fno={"key": ["dataAreaId", "Account", "Reference"]}))
    w.fno_memory.unique["Customers"] = ("dataAreaId", "Account", "Reference")
    first = w.customer("X1", Name="one", Reference="1")
    w.customer("X2", Name="canary", Reference="1")
    w.connect("Customers")
    w.writes()
    second = w.customer("x1 ", Name="late twin", Reference="2")
    for _ in range(2):
        w.sync("Customers")
    assert [code for _, code in w.parked()] == ["duplicate"]
    assert w.writes() == []
    w.change(first, Name="goes on")
    w.sync("Customers")
    assert contact(w, "X1").values["new_name"] == "goes on"
    # the first one goes: the second is the only one with this key now
    w.remove(first)
    for _ in range(2):
        w.sync("Customers")
    assert w.parked() == []
    assert contact(w, "X1").values["new_name"] == second.values["Name"] == "late twin"


def test_a_row_whose_own_key_changes_beside_the_integration_key_is_the_same_row() -> None:
    w = Trade(customers_map(fno={"key": ["dataAreaId", "Account", "Reference"]}))
    w.fno_memory.unique["Customers"] = ("dataAreaId", "Account", "Reference")
    row = w.customer("X1", Name="one", Reference="1")
    w.customer("X2", Name="canary", Reference="1")
    w.connect("Customers")
    w.writes()
    w.change(row, Reference="2", Name="two")
    w.sync("Customers")
    assert [(table, kind) for table, kind, _ in w.writes()] == [("new_customers", "update")]
    w.change(contact(w, "X1"), new_name="three")
    w.sync("Customers")
    assert row.values["Name"] == "three" and w.parked() == []
