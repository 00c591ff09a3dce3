"""Our maps against the published ones: nothing lost, nothing turned round, every difference on record."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, get_args

import pytest

from mappings import deviations, fno_entities
from mappings.catalogue import SHIPPED, Catalogue, Form, read_maps
from mappings.model import AREAS, Direction, FieldPair, Map

DATA = Path(__file__).parents[1] / "data"
PUBLISHED = json.loads((DATA / "templates.json").read_text(encoding="utf-8"))
TEMPLATES: list[dict[str, Any]] = PUBLISHED["templates"]
DIRECTIONS = {"=": Direction.BOTH, "><": Direction.BOTH, ">": Direction.TO_DATAVERSE, "<": Direction.TO_FNO}
UNPUBLISHED = {"CDS Contacts V2 for customers", "Vendors V2 to accounts", "Sales tax codes"}
FILTERS = {
    '((CURRENCYCODE != "999"))': "CurrencyCode ne '999'",
    '((PartyType == "Organization"))': "PartyType eq 'Organization'",
    '((PartyType == "Person"))': "PartyType eq 'Person'",
    "(AssociatedContactType = 1)": "AssociatedContactType eq 'Vendor'",
    '((VendorPartyType == "Organization") || (VendorPartyType == "Person"))': (
        "VendorPartyType eq 'Organization' or VendorPartyType eq 'Person'"
    ),
    "(IsB2BProspect == 1)": "IsB2BProspect eq 'Yes'",
    '(SalesOrderNumber != "")': "SalesOrderNumber ne ''",
    '((TypeId == "Note") || (TypeId == "URL"))': "TypeId eq 'Note' or TypeId eq 'URL'",
    '((DocumentAttachmentTypeCode == "Note") || (DocumentAttachmentTypeCode == "URL"))': (
        "DocumentAttachmentTypeCode eq 'Note' or DocumentAttachmentTypeCode eq 'URL'"
    ),
}
"""Published filters of F&O, with what they say in OData."""
SEVERAL_TABLES = ".Account(accountnumber).Contact(msdyn_contactpersonid)"

Version = tuple[str, str]
"""A map's name and version."""


@cache
def forms() -> dict[Version, Map]:
    """Every form of every shipped map."""
    return {(each.name, each.version): each for each in read_maps()}


def ours_of(template: dict[str, Any]) -> Map:
    """Our map for a published one; a first published form without a file of its own is told by the later one."""
    found = {
        each.version: each
        for each in forms().values()
        if each.template == template["template"]
        and each.dataverse.table == template["table"]
        and each.name not in UNPUBLISHED
    }
    return found.get(template["version"]) or found["current"]


by_template = pytest.mark.parametrize(
    "template", TEMPLATES, ids=lambda each: f"{each['template']} {each['table']} {each['version']}"
)
by_form = pytest.mark.parametrize("form", sorted(forms()), ids=" ".join)


def folded(values: Any) -> dict[str, str]:
    """A value map for comparing: published spellings differ in case."""
    pairs = values.items() if hasattr(values, "items") else values or ()
    return {str(fno).casefold(): str(dataverse).casefold() for fno, dataverse in pairs}


def column_of(published: str | None) -> str | None:
    """The column of our pair; of a lookup with several tables a published pair names them all."""
    return published.replace(SEVERAL_TABLES, ".accountnumber") if published else None


def same(pair: FieldPair, symbol: str, default: str | None, values: Any) -> bool:
    direction = DIRECTIONS[symbol if symbol in DIRECTIONS else symbol[0]]
    given = pair.constant if pair.constant is not None else pair.default
    return (
        pair.direction is direction
        and (given or "").casefold() == (default or "").casefold()
        and folded(pair.values) == folded(values)
        # a transformed pair that names no values can only be one whose values were not published
        and not (symbol == "><" and pair.values is None)
    )


def on_record(version: str) -> set[tuple[str, str]]:
    """Map and field of every recorded difference from this published form."""
    return {
        (entry.map, entry.field)
        for entry in deviations.load()
        if not entry.kept and entry.version in ("", version)
    }


def differences(template: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Where our map differs from this published one: map and field."""
    ours = ours_of(template)
    pairs = {(pair.fno, pair.dataverse): pair for pair in ours.fields}
    for fno, symbol, dataverse, default, values, _ in template["fields"]:
        pair = pairs.pop((fno, column_of(dataverse)), None)
        assert pair is not None, f"{ours.name}: {fno} {symbol} {dataverse} is missing"
        if not same(pair, symbol, default, values):
            yield ours.name, str(fno or dataverse)
    yield from ((ours.name, str(pair.fno or pair.dataverse)) for pair in pairs.values())
    fno_filter = FILTERS[template["fno_filter"]] if template["fno_filter"] else None
    published = " ".join((template["dataverse_filter"] or "").split())
    if published.startswith("(") and " or " not in published:
        published = published[1:-1]
    if (ours.fno.filter, ours.dataverse.filter or "") != (fno_filter, published):
        yield ours.name, "filter"


def uncovered(ours: Map) -> Iterator[tuple[str, str]]:
    """Enum pairs whose value map leaves members out, and pairs that treat values outside it otherwise."""
    entities = fno_entities.load()
    for pair in ours.compared:
        enum = entities.sets[ours.fno.set].properties[pair.fno or ""].enum
        if (enum and set(entities.enums[enum]) - set(pair.values or {})) or pair.else_ != "park":
            yield ours.name, str(pair.fno)


def test_every_map_is_published_or_declared() -> None:
    names = {ours_of(template).name for template in TEMPLATES}
    assert {name for name, _ in forms()} == names | UNPUBLISHED
    declared = {entry.map for entry in deviations.load() if entry.field == "map"}
    assert declared == UNPUBLISHED
    assert all(not each.verified for each in forms().values() if each.name in UNPUBLISHED)


def test_everything_published_is_there() -> None:
    counts = {
        version: sum(len(each["fields"]) for each in TEMPLATES if each["version"] == version)
        for version in ("current", "2019")
    }
    assert counts == {"current": 1691, "2019": 369}
    assert sum(each["version"] == "current" for each in TEMPLATES) == 135


def test_forms_of_one_map_are_told_apart_by_their_version() -> None:
    both = {name for name, version in forms() if version == "2019"}
    assert both == {
        "CDS Contacts V2 for customers",
        "CDS Contacts V2 for vendors",
        "CDS released distinct products",
        "Customers V3 to accounts",
        "Customers V3 to contacts",
        "Released products V2",
        "Vendors V2",
    }
    for name in both:
        first, later = forms()[name, "2019"], forms()[name, "current"]
        assert first.file and later.file
        assert later.file.name == f"{first.file.stem}_party.yaml"


@by_template
def test_ends_and_keys(template: dict[str, Any]) -> None:
    ours = ours_of(template)
    assert ours.fno.set == template["entity_set"]
    assert ours.fno.entity == template["entity"] or not template["entity"]
    assert list(ours.fno.key) == template["keys"]
    assert ours.dataverse.table == template["table"]
    assert ours.company_specific == template["company_specific"]
    assert ours.verified == template["verified"]


@by_template
def test_every_published_pair_is_ours_or_the_difference_is_on_record(template: dict[str, Any]) -> None:
    undeclared = set(differences(template)) - on_record(template["version"])
    assert not undeclared, "differs from the published map, but deviations.yaml doesn't say so"


def test_every_difference_on_record_exists() -> None:
    """In the published form that it names; if it names none, in each that has the field."""
    real = {(template["version"], *found) for template in TEMPLATES for found in differences(template)}
    real |= {(ours.version, *found) for ours in forms().values() for found in uncovered(ours)}
    having = {
        (template["version"], ours_of(template).name, name)
        for template in TEMPLATES
        for pair in template["fields"]
        for name in (pair[0], pair[2], "filter")
    }
    stale = [
        (version, entry.map, entry.field)
        for entry in deviations.load()
        if not entry.kept and entry.map not in UNPUBLISHED
        for version in ([entry.version] if entry.version else ("2019", "current"))
        if (version, entry.map, entry.field) not in real
        and (entry.version or (version, entry.map, entry.field) in having)
    ]
    assert stale == []


def test_what_is_kept_is_as_published() -> None:
    differing = {found for template in TEMPLATES for found in differences(template)}
    kept = {(entry.map, entry.field) for entry in deviations.load() if entry.kept}
    passing = {(name, field) for ours in forms().values() for name, field in uncovered(ours)}
    assert not (kept & differing) - passing


def test_deviations_name_maps_and_fields_that_exist() -> None:
    for entry in deviations.load():
        known = {
            name
            for (map_, _), ours in forms().items()
            if map_ == entry.map
            for pair in ours.fields
            for name in (pair.fno, pair.dataverse)
        }
        assert known and entry.field in known | {"map", "filter"}, entry
        assert entry.reason


@by_form
def test_values_outside_a_value_map_are_parked_or_on_record(form: Version) -> None:
    assert set(uncovered(forms()[form])) <= on_record(form[1])


def test_options_left_unpublished_are_those_of_the_parties() -> None:
    parties = {pair.fno: pair for pair in forms()["CDS Parties", "current"].fields}
    for name, ours, theirs in (
        ("Customers V3 to contacts", "PersonGender", "PersonGender"),
        ("Customers V3 to contacts", "PersonMaritalStatus", "PersonMaritalStatus"),
        ("CDS Contacts V2 for vendors", "Gender", "PersonGender"),
        ("CDS Contacts V2 for customers", "MaritalStatus", "PersonMaritalStatus"),
        ("Vendors V2", "LanguageId", "LanguageId"),
        ("Vendors V2", "PersonBirthMonth", "PersonBirthMonth"),
        ("Vendors V2", "PersonAnniversaryMonth", "PersonAnniversaryMonth"),
    ):
        pair = next(pair for pair in forms()[name, "2019"].fields if pair.fno == ours)
        assert folded(pair.values) == folded(parties[theirs].values)


@by_form
def test_enum_pairs_have_values(form: Version) -> None:
    """Without a value map an enum member's name would be sent to a number."""
    ours = forms()[form]
    properties = fno_entities.load().sets[ours.fno.set].properties
    bare = [
        pair.id for pair in ours.compared if pair.fno and properties[pair.fno].enum and pair.values is None
    ]
    assert bare == []


def test_what_is_kept_although_it_looks_wrong_is_warned_about(catalogue: Catalogue) -> None:
    warnings = catalogue.warnings()
    assert sum("IsReceivingDirectMail" in warning for warning in warnings) == 2
    assert any(warning.startswith("CDS Contacts V2 for customers: unverified") for warning in warnings)


def test_one_way_masters_are_one_way() -> None:
    """Companies, organizations and products are made in F&O."""
    for ours in forms().values():
        if ours.area in ("Company", "Internal organizations", "Organization hierarchy", "Products"):
            assert not ours.to_fno, ours.name
            assert ours.delete.to_fno == "ignore", ours.name


@pytest.mark.parametrize("form", get_args(Form))
def test_rows_that_share_a_table_are_told_apart(form: Form) -> None:
    """Two maps of one table have filters, or say that they share its rows."""
    catalogue = Catalogue.load(form=form, sensitive=["all"])
    for ours in catalogue.maps.values():
        others = [other for other in catalogue.of_table(ours.dataverse.table) if other is not ours]
        if others and not ours.shares and not any(ours.name in other.shares for other in others):
            assert ours.dataverse.filter, ours.name


@by_form
def test_every_map_explains_itself(form: Version) -> None:
    ours = forms()[form]
    assert ours.about and ours.area in AREAS
    assert ours.file is not None
    assert ours.file.parent.name == snake(ours.solution), "a folder per solution"


def snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).strip("_")


def test_files_start_with_the_schema_and_their_name() -> None:
    for path in SHIPPED.glob("*/*.yaml"):
        assert path.read_text(encoding="utf-8").startswith(
            "# yaml-language-server: $schema=../map.schema.json\nmap: "
        ), path


@by_form
def test_maps_lead_with_their_key(form: Version) -> None:
    ours = forms()[form]
    assert tuple(pair.dataverse for pair in ours.fields[: len(ours.dataverse.key)]) == ours.dataverse.key


@by_form
def test_constants_of_filters_are_only_sent_on_create(form: Version) -> None:
    """Else an account that a user makes something else would be forced back to be a customer."""
    assert not any(pair.always for pair in forms()[form].constants)
