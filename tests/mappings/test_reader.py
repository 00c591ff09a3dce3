"""Reading map files: values as they stand there, errors with file, line, field and what is allowed."""

from __future__ import annotations

from pathlib import Path

import pytest

from mappings.errors import MapError
from mappings.reader import read_map, read_yaml
from tests.mappings.conftest import Copy

GROUPS = "finance_common/customer_groups.yaml"


@pytest.mark.parametrize(
    ("old", "new", "field", "told"),
    [
        ("conflict: fno", "conflct: fno", "conflct", "did you mean `conflict`?"),
        ("conflict: fno", "conflict: mine", "conflict", "'fno', 'dataverse', 'newest' or 'hold'"),
        (
            "  company: msdyn_company",
            "  compny: msdyn_company",
            "dataverse.compny",
            "did you mean `company`?",
        ),
        ("  feeds: [row_version, data_events, scan]", "  feeds: [sql]", "fno.feeds.0", "'row_version'"),
        (
            "  - {fno: Description, dataverse: msdyn_description}",
            "  - {fno: Description, dataverse: msdyn_description, drection: both}",
            "fields.1.drection",
            "did you mean `direction`?",
        ),
        (
            "  - {fno: Description, dataverse: msdyn_description}",
            "  - {fno: Description}",
            "fields.1",
            "needs both `fno` and `dataverse`",
        ),
        (
            "  - {fno: Description, dataverse: msdyn_description}",
            "  - {fno: Description, dataverse: msdyn_description, always: true}",
            "fields.1",
            "`always` belongs to a `constant`",
        ),
        (
            "  - {fno: Description, dataverse: msdyn_description}",
            "  - {fno: Description, direction: to-dataverse, constant: x}",
            "fields.1",
            "can only go to-fno",
        ),
        (
            "msdyn_paymenttermid: {table: msdyn_paymentterms}",
            "msdyn_paymenttermid: {table: msdyn_paymentterms, mising: wait}",
            "lookups.msdyn_paymenttermid.mising",
            "did you mean `missing`?",
        ),
        (
            "msdyn_paymenttermid: {table: msdyn_paymentterms}",
            "msdyn_paymenttermid: {table: msdyn_paymentterms, missing: wait, cycle: true}",
            "lookups.msdyn_paymenttermid",
            "can't wait",
        ),
        (
            "delete: {to-dataverse: propagate,",
            "delete: {to-dataverse: no,",
            "delete.to-dataverse",
            "'deactivate'",
        ),
    ],
)
def test_an_error_names_file_line_field_and_what_is_allowed(
    old: str, new: str, field: str, told: str, maps_copy: Copy
) -> None:
    path, line = maps_copy.edit(GROUPS, old, new)
    (error,) = maps_copy.errors()
    assert (error.file, error.line, error.field) == (str(path), line, field)
    assert str(error).startswith(f"{path}:{line}: {field}: ")
    assert told in str(error)


def test_all_errors_of_all_files_are_told_at_once(maps_copy: Copy) -> None:
    maps_copy.edit(GROUPS, "conflict: fno", "conflict: mine")
    maps_copy.edit("finance_common/vendor_groups.yaml", "verified: true", "verfied: true")
    errors = maps_copy.errors()
    assert [error.field for error in errors] == ["conflict", "verfied"]
    with pytest.raises(MapError) as caught:
        maps_copy.load()
    assert len(str(caught.value).splitlines()) == 2


@pytest.mark.parametrize(
    ("text", "line", "told"),
    [
        ("map: x\nfno: [", 2, "is no YAML"),
        ("map: x\nmap: y\n", 2, "a second time; first in line 1"),
        ("map: !!python/name:os.system x\n", 1, "tag"),
        ("", 1, "is empty"),
        ("- 1\n", 1, "valid dictionary"),
    ],
    ids=["syntax", "double key", "tag", "empty", "no mapping"],
)
def test_bad_yaml(text: str, line: int, told: str, tmp_path: Path) -> None:
    path = tmp_path / "map.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(MapError, match=told) as caught:
        read_map(path)
    assert caught.value.line == line


def test_a_missing_file_is_a_map_error(tmp_path: Path) -> None:
    with pytest.raises(MapError, match=r"nothing\.yaml: can't be read"):
        read_map(tmp_path / "nothing.yaml")


def test_scalars_stay_what_they_are(tmp_path: Path) -> None:
    path = tmp_path / "some.yaml"
    path.write_text(
        "values: {No: false, Yes: true, None: ~, n: 010, f: 1.50, i: 7, d: 2021-06-23}\n", "utf-8"
    )
    content, lines = read_yaml(path)
    assert content["values"] == {
        "No": False,
        "Yes": True,
        "None": None,
        "n": "010",
        "f": "1.50",
        "i": 7,
        "d": "2021-06-23",
    }
    assert lines["values.No"] == 1


def test_lines_of_fields(maps_copy: Copy) -> None:
    loaded = read_map(maps_copy.folder / GROUPS)
    lines = (maps_copy.folder / GROUPS).read_text(encoding="utf-8").splitlines()
    for index, pair in enumerate(loaded.fields):
        line = loaded.line_of(f"fields.{index}")
        assert line is not None and str(pair.fno) in lines[line - 1]
    assert loaded.line_of("conflict") == lines.index("conflict: fno") + 1
    assert loaded.line_of("nowhere.at.all") == lines.index("map: Customer groups") + 1
    assert loaded.line_of("dataverse.nowhere") == lines.index("dataverse:") + 1
