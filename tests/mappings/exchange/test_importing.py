"""Maps of a dual-write environment, which know nothing of us: what becomes of each part, and what is told."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from mappings.exchange.draft import UNTRANSLATED
from mappings.exchange.importing import Imported, import_file
from mappings.exchange.known import Known
from mappings.reader import read_map
from mappings.validation import problems
from tests.mappings.exchange.conftest import Import, default, field, mapping, value_map


def told(each: Imported) -> dict[str, str]:
    return {remark.field: f"{remark.kind}: {remark.text}" for remark in each.remarks}


GROUPS = mapping(
    "Customer groups",
    "msdyn_customergroups",
    [
        field("CUSTOMERGROUPID", "msdyn_groupid", isSystemGenerated=True),
        field("DESCRIPTION", "msdyn_description", "3"),
        field("PAYMENTTERMID", "msdyn_paymenttermid.msdyn_name", 3,
              destinationLookupFieldRelatedEntity="msdyn_paymentterms"),
        field("ISSALESTAXINCLUDEDINPRICE", "msdyn_issalestaxincludedinprice", 1,
              valueTransforms=[value_map(no="False", yes="True")]),
    ],
)  # fmt: skip


def test_a_map_of_a_shipped_pair_takes_its_place_with_its_policies(imported: Import, known: Known) -> None:
    (back,) = imported(GROUPS)
    shipped = next(each for each in known.maps if each.name == "Customer groups")
    assert (back.map.name, back.map.version) == (shipped.name, shipped.version)
    assert back.map.fno == shipped.fno and back.map.dataverse == shipped.dataverse
    assert back.map.verified is False
    assert "takes the place of the shipped map" in told(back)["map"]
    assert [pair.fno for pair in back.map.fields] == [
        "CustomerGroupId",
        "Description",
        "PaymentTermId",
        "IsSalesTaxIncludedInPrice",
    ]
    assert back.map.fields[3].values == {"No": "false", "Yes": "true"}
    assert list(problems(back.map)) == []


def test_a_pair_that_nobody_knows_is_filled_and_every_guess_is_told(imported: Import) -> None:
    document = mapping(
        "Fleet vehicles",
        "new_vehicles",
        [
            field("VEHICLEID", "new_number", isSystemGenerated=True),
            field("MODEL", "new_model", 1),
            field("CURRENCY", "new_currency.isocurrencycode"),
            field("CAR", "new_parent.new_number", destinationLookupFieldRelatedEntity="new_vehicles"),
            field("", "new_kind", 1, valueTransforms=[default("7")]),
            field("ORIGIN", "", 2, valueTransforms=[default("CRM")]),
        ],
        sourceFilter='(VEHICLEID != "")',
    )
    (back,) = imported(document)
    each, said = back.map, told(back)
    assert each.name == "[Fleet vehicles] - [new_vehicles]"
    assert (each.fno.set, each.fno.key) == ("FleetVehicles", ("VEHICLEID",))
    assert each.dataverse.key == ("new_number",)
    assert each.fno.filter == "VEHICLEID ne ''"
    assert each.lookups["new_currency"].table == "transactioncurrencies"
    assert each.lookups["new_parent"].cycle
    assert [pair.id for pair in each.constants] == ["none>>new_kind", "ORIGIN<<none"]
    assert set(said) >= {
        "fno.set",
        "fno.key",
        "dataverse.key",
        "dataverse.company",
        "fields",
        "conflict",
        "area",
    }
    assert list(problems(back.map)) == []


def test_an_entity_found_by_a_like_name_is_told(imported: Import) -> None:
    (back,) = imported(
        mapping("All  products", "new_products", [field("PRODUCTNUMBER", "new_number")]),
        knowing=Known(()),
    )
    assert back.map.fno.set == "AllProducts"
    assert "its name is like" in told(back)["fno.set"]
    assert back.map.fields[0].fno == "ProductNumber"


def test_numbers_of_enum_members_in_filters_become_the_members(imported: Import) -> None:
    document = mapping(
        "CDS Contacts V2", "contacts", [field("CONTACTPERSONID", "msdyn_contactpersonid")],
        sourceFilter="(AssociatedContactType = 1)",
    )  # fmt: skip
    (back,) = imported(document)
    assert back.map.fno.filter == "AssociatedContactType eq 'Vendor'"


def test_an_untranslatable_filter_stays_as_a_comment_and_the_map_cannot_run(
    imported: Import, tmp_path: Path
) -> None:
    document = json.loads(json.dumps(GROUPS))
    document["legs"][0]["sourceFilter"] = "(CustomerGroupId == PaymentTermId)"
    document["legs"][0]["reversedSourceFilter"] = "msdyn_company/cdm_companycode eq 'usmf'"
    (back,) = imported(document)
    assert [(remark.kind, remark.field) for remark in back.remarks if remark.kind != "assumed"] == [
        ("untranslated", "fno.filter"),
        ("untranslated", "dataverse.filter"),
    ]
    path = tmp_path / "map.yaml"
    path.write_text(back.text(), encoding="utf-8")
    lines = path.read_text(encoding="utf-8").splitlines()
    written = read_map(path)
    at = written.line_of("fno.filter")
    assert at is not None
    assert lines[at - 1].strip() == f"filter: {UNTRANSLATED}"
    assert "(CustomerGroupId == PaymentTermId)" in lines[at - 3]
    found = [(error.field, error.line) for error in problems(written)]
    assert ("fno.filter", at) in found and "dataverse.filter" in {name for name, _ in found}


def test_what_makes_no_pair_is_left_out_as_a_comment(imported: Import) -> None:
    document = mapping(
        "Customer groups",
        "msdyn_customergroups",
        [
            field("CUSTOMERGROUPID", "msdyn_groupid"),
            field("DATAAREAID", "msdyn_company.cdm_companycode"),
            field("NOTE", "msdyn_note", 9),
            field("", "msdyn_kind"),
            field("A\nfields: []", "msdyn_a", valueTransforms=[{"transformType": "Script", "code": "x"}]),
        ],
    )
    (back,) = imported(document)
    assert [pair.dataverse for pair in back.map.fields] == ["msdyn_groupid"]
    left = [remark.text for remark in back.remarks if remark.kind == "left out"]
    assert len(left) == 4
    assert "the company is part of the key" in left[0] and "syncDirection is “9”" in left[1]
    assert "one field only" in left[2] and "“Script” is unknown" in left[3]
    text = back.text()
    assert all(name in text for name in ("DATAAREAID", "msdyn_note", "msdyn_kind"))
    assert "\nfields: []" not in text


def test_a_lookup_with_several_tables_comes_back_as_one(imported: Import) -> None:
    document = mapping(
        "Visits",
        "new_visits",
        [
            field("VISITID", "new_number", isSystemGenerated=True),
            field("VISITOR", "new_who.Account(accountnumber).Contact(msdyn_contactpersonid)"),
        ],
    )
    (back,) = imported(document)
    assert back.map.lookups["new_who"].tables == {
        "accounts": "accountnumber",
        "contacts": "msdyn_contactpersonid",
    }
    assert back.map.fields[1].dataverse == "new_who.accountnumber"


def test_the_newest_saved_version_of_a_map_is_taken(imported: Import) -> None:
    def row(version: str, text: str) -> dict[str, Any]:
        document = json.loads(json.dumps(GROUPS))
        document["legs"][0]["fieldMappings"][1]["destinationField"] = text
        return {
            "msdyn_name": "groups",
            "msdyn_displayname": "Our groups",
            "msdyn_version": version,
            "msdyn_mapping": json.dumps(document),
        }

    (back,) = imported({"value": [row("1.0.9.0", "msdyn_old"), row("1.0.10.0", "msdyn_new")]})
    assert back.map.fields[1].dataverse == "msdyn_new"
    assert "1.0.9.0" in told(back)["version"]


CUSTOMIZATIONS = """<?xml version="1.0" encoding="utf-8"?>
<ImportExportXml><Entities /><msdyn_dualwriteentitymaps>
  <msdyn_dualwriteentitymap msdyn_dualwriteentitymapid="0a">
    <msdyn_name>groups</msdyn_name>
    <msdyn_displayname>Our groups</msdyn_displayname>
    <msdyn_mapping>{mapping}</msdyn_mapping>
  </msdyn_dualwriteentitymap>
</msdyn_dualwriteentitymaps></ImportExportXml>"""
DATA = """<entities><entity name="account"><records><record><field name="name" value="x"/></record></records></entity>
<entity name="msdyn_dualwriteentitymap"><records><record id="0a">
<field name="msdyn_name" value="groups"/><field name="msdyn_mapping" value="{mapping}"/>
</record></records></entity></entities>"""


@pytest.mark.parametrize(("member", "template"), [("customizations.xml", CUSTOMIZATIONS), ("data.xml", DATA)])
def test_maps_come_out_of_solutions_and_data_packages(
    member: str, template: str, tmp_path: Path, imported: Import
) -> None:
    escaped = json.dumps(GROUPS, indent=1).replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")
    path = tmp_path / "solution.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("solution.xml", "<ImportExportXml/>")
        archive.writestr(member, template.format(mapping=escaped))
    (back,) = imported(path)
    assert back.map.name == "Customer groups"
    assert f"solution.zip!{member}:" in back.source


def test_a_mapping_in_a_file_of_its_own_is_found_in_a_solution(tmp_path: Path, imported: Import) -> None:
    path = tmp_path / "solution.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("customizations.xml", "<ImportExportXml/>")
        archive.writestr("msdyn_dualwriteentitymaps/groups/mapping.json", json.dumps(GROUPS))
        archive.writestr("other/settings.json", '{"a": 1}')
    (back,) = imported(path)
    assert back.map.name == "Customer groups"


def test_one_row_that_is_no_map_does_not_stop_the_others(tmp_path: Path, known: Known) -> None:
    path = tmp_path / "rows.json"
    path.write_text(json.dumps([{"msdyn_name": "bad", "msdyn_mapping": "{}"}, GROUPS]), encoding="utf-8")
    found, errors = import_file(path, known)
    assert [each.map.name for each in found] == ["Customer groups"]
    (error,) = errors
    assert "row 1" in str(error) and "no legs" in str(error)


def test_legs_of_a_project_document_are_read_too(imported: Import) -> None:
    task = {"order": 1, "legs": GROUPS["legs"]}
    (back,) = imported({"name": "p", "entityMappingTasks": [task]})
    assert back.map.name == "Customer groups"


def test_values_that_no_row_can_have_are_left_out_and_others_put_right(imported: Import) -> None:
    document = mapping(
        "Employment per company",
        "cdm_employments",
        [
            field("PERSONNELNUMBER", "cdm_employmentnumber"),
            field("WORKERTYPE", "cdm_workertype", 1,
                  valueTransforms=[value_map(employee="1", CONTRACTOR="2", both="1")]),
            field("VALIDTO", "cdm_validto", valueTransforms=[{"transformType": "ValueMap",
                  "valueMap": {"1/1/1900": "blank"}}]),
            field("", "cdm_isactive", 1, valueTransforms=[default("True")]),
        ],
    )  # fmt: skip
    (back,) = imported(document)
    pairs = {pair.dataverse: pair for pair in back.map.fields}
    assert pairs["cdm_workertype"].values == {"Employee": "1", "Contractor": "2"}
    assert pairs["cdm_validto"].values is None
    assert pairs["cdm_isactive"].constant == "true"
    left = [remark.text for remark in back.remarks if remark.kind == "left out"]
    assert len(left) == 2 and "value both: 1" in left[0] and "an empty date is empty" in left[1]
    assert "# left out: value both: 1 of WORKERTYPE" in back.text()


def test_blank_means_the_member_that_an_empty_field_holds(imported: Import) -> None:
    transform = {"transformType": "ValueMap", "valueMap": {"blank": "3", "full-Time": "1"}}
    (back,) = imported(
        mapping(
            "Position type",
            "cdm_positiontypes",
            [
                field("POSITIONTYPEID", "cdm_name"),
                field("CLASSIFICATION", "cdm_classification", valueTransforms=[transform]),
            ],
        )
    )
    assert back.map.fields[1].values == {"None": "3", "FullTime": "1"}
