"""The order derived from lookups, against the orders that the documentation of dual-write gives."""

from __future__ import annotations

from itertools import combinations, pairwise
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml

from mappings.catalogue import Catalogue, Form
from mappings.graph import Edge

DOCUMENTED: dict[str, Any] = yaml.safe_load(
    (Path(__file__).parents[1] / "data" / "documented_order.yaml").read_text(encoding="utf-8")
)
LISTS: dict[str, list[str]] = DOCUMENTED["lists"]
EXCEPTIONS = {
    (later, entry["first"])
    for entry in DOCUMENTED["exceptions"]
    for later in entry["then"]
    if entry["reason"]
}
"""Pairs that a list has in the order (earlier, later), and lookups the other way round."""


@pytest.fixture(scope="module", params=get_args(Form))
def catalogue(request: pytest.FixtureRequest) -> Catalogue:
    return Catalogue.load(form=request.param, sensitive=["all"])


def ancestors(edges: tuple[Edge, ...]) -> dict[str, set[str]]:
    """Everything that each map needs, directly or not."""
    direct: dict[str, set[str]] = {}
    for edge in edges:
        if not edge.deferred:
            direct.setdefault(edge.child, set()).add(edge.parent)
    found: dict[str, set[str]] = {}

    def collect(name: str) -> set[str]:
        if name not in found:
            found[name] = set()
            for parent in direct.get(name, ()):
                found[name] |= {parent} | collect(parent)
        return found[name]

    for name in direct:
        collect(name)
    return found


def test_every_documented_predecessor_comes_first_except_those_listed(catalogue: Catalogue) -> None:
    needed = ancestors(catalogue.graph_edges())
    against = {
        (earlier, later)
        for names in LISTS.values()
        for earlier, later in combinations(names, 2)
        if later in needed.get(earlier, ())
    }
    assert against == EXCEPTIONS


def test_the_order_keeps_the_documented_chains(catalogue: Catalogue) -> None:
    place = {name: i for i, name in enumerate(name for wave in catalogue.order() for name in wave)}
    wrong = [
        (first, then)
        for chain in DOCUMENTED["chains"]
        for first, then in pairwise(chain)
        if place[first] > place[then]
    ]
    assert wrong == []


def test_documented_names_are_maps(catalogue: Catalogue) -> None:
    named = {name for names in (*LISTS.values(), *DOCUMENTED["chains"]) for name in names}
    assert named <= set(catalogue.maps)


def test_every_map_comes_after_what_it_needs(catalogue: Catalogue) -> None:
    wave = {name: i for i, names in enumerate(catalogue.order()) for name in names}
    assert set(wave) == set(catalogue.maps)
    for edge in catalogue.graph_edges():
        assert edge.deferred or wave[edge.parent] < wave[edge.child], edge


def test_lookups_alone_make_nine_waves(catalogue: Catalogue) -> None:
    """What `after` and shared rows add comes on top: the rows of one account number, soft-deleted lines."""
    by_lookup = ancestors(
        tuple(edge for edge in catalogue.graph_edges() if edge.kind in ("lookup", "company"))
    )
    depth: dict[str, int] = {}
    for name in sorted(catalogue.maps, key=lambda name: len(by_lookup.get(name, ()))):
        depth[name] = 1 + max((depth[parent] for parent in by_lookup.get(name, ())), default=0)
    assert max(depth.values()) == 9


def test_only_self_references_and_known_cycles_are_patched_afterwards(catalogue: Catalogue) -> None:
    """A deferred reference costs a second write: it stays the exception."""
    deferred = {
        (edge.child, edge.field)
        for edge in catalogue.graph_edges()
        if edge.deferred
        and catalogue.maps[edge.child].dataverse.table != catalogue.maps[edge.parent].dataverse.table
    }
    cycles = {
        ("Customers V3 to accounts", "primarycontactid"),
        ("Vendors V2", "msdyn_vendorprimarycontactperson"),
    }
    # users expect quotations before the orders made of them
    assert deferred - cycles == {("CDS sales quotation header", "msdyn_generatedsalesordernumber")}


def test_self_references_are_those_of_eight_maps(catalogue: Catalogue) -> None:
    own = {
        (each.name, column)
        for each in catalogue.maps.values()
        for column, lookup in each.lookups.items()
        if lookup.table == each.dataverse.table
    }
    assert own == {
        ("Asset management assets", "msdyn_parentasset"),
        ("Asset management functional locations", "msdyn_parentfunctionallocation"),
        ("Contacts V2", "msdyn_parentcontactforpartyid"),
        ("Customers V3 to accounts", "msdyn_billingaccount"),
        ("Product categories", "msdyn_parentproductcategory"),
        ("Released products V2", "msdyn_alternativeitemnumber"),
        ("Vendors V2", "msdyn_invoicevendoraccountnumber"),
        ("Warehouses", "msdyn_mainrefillingwarehouse"),
        ("Warehouses", "msdyn_quarantinewarehouse"),
        ("Warehouses", "msdyn_transitwarehouse"),
    }
    assert all(catalogue.maps[name].lookups[column].cycle for name, column in own)
