"""The commands that bring maps in and out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from flows.cli import app
from flows.commands.output import FINDINGS, OK
from mappings.catalogue import Catalogue, read_maps
from mappings.errors import FatalError
from mappings.exchange import exporting
from mappings.reader import read_map


def run(*arguments: object) -> Any:
    return CliRunner().invoke(app, [str(each) for each in arguments])


@pytest.fixture
def solution(tmp_path: Path) -> Path:
    """A document of dual-write with a filter that can't be translated, and no object of ours."""
    document = exporting.document(Catalogue.load().maps["Currencies"])
    del document["dualflow"]
    document["legs"][0]["sourceFilter"] = "(CURRENCYCODE == NAME)"
    path = tmp_path / "given.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def test_all_maps_exported_and_imported_are_the_same_catalogue(tmp_path: Path) -> None:
    exported, back = tmp_path / "all.json", tmp_path / "back"
    assert run("maps", "export", "--all", "--out", exported).exit_code == OK
    assert run("maps", "import", exported, "--out", back).exit_code == OK
    catalogue = Catalogue.load()
    active = {(each.name, each.version) for each in catalogue.maps.values()}
    active |= {(each.map.name, each.map.version) for each in catalogue.inactive.values()}
    files = {(each.name, each.version): each.hash for each in read_maps()}
    assert {(each.name, each.version): each.hash for each in read_maps([back], shipped=False)} == {
        form: files[form] for form in active
    }
    Catalogue.load([back], shipped=False)


def test_a_folder_gets_a_file_a_map_and_stdout_the_mapping(tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert run("maps", "export", "--area", "Customers", "--out", out).exit_code == OK
    names = {path.name for path in out.iterdir()}
    assert {"customers_v3_to_accounts.json", "customers_v3_to_contacts.json"} <= names
    assert len(names) == sum(each.area == "Customers" for each in Catalogue.load().maps.values())
    assert json.loads(run("maps", "export", "Units").stdout)["legs"][0]["destinationSchema"] == "uoms"


def test_an_import_says_what_to_finish_with_file_and_line(solution: Path, tmp_path: Path) -> None:
    out = tmp_path / "maps"
    done = run("maps", "import", solution, "--out", out, "--json")
    assert done.exit_code == FINDINGS
    (entry,) = json.loads(done.stdout)["maps"]
    (open_end,) = [each for each in entry["remarks"] if each["kind"] == "untranslated"]
    file = Path(open_end["file"])
    assert file == out / "currencies.yaml" and open_end["field"] == "fno.filter"
    assert "sourceFilter" in open_end["source"]
    assert file.read_text(encoding="utf-8").splitlines()[open_end["line"] - 1].startswith("  filter: ")
    shown = run("maps", "import", solution, "--out", out, "--force")
    assert f"{file}:{open_end['line']}: fno.filter: untranslated" in shown.stdout
    refused = run("maps", "validate", "--folder", out)
    assert refused.exit_code == FINDINGS and f"currencies.yaml:{open_end['line']}" in refused.stdout


def test_files_that_are_there_are_not_overwritten_unasked(solution: Path, tmp_path: Path) -> None:
    out = tmp_path / "maps"
    run("maps", "import", solution, "--out", out)
    mine = out / "currencies.yaml"
    mine.write_text("mine", encoding="utf-8")
    refused = run("maps", "import", solution, "--out", out)
    assert isinstance(refused.exception, FatalError) and "--force" in refused.exception.remedy
    assert mine.read_text(encoding="utf-8") == "mine"
    run("maps", "import", solution, "--out", out, "--force")
    assert read_map(mine).name == "Currencies"


def test_names_from_elsewhere_stay_inside_the_folder(solution: Path, tmp_path: Path) -> None:
    document = json.loads(solution.read_text(encoding="utf-8"))
    document["legs"][0]["sourceSchema"] = "../../../etc/Things"
    rows = [
        {"msdyn_name": f"../{number}", "msdyn_displayname": "../up", "msdyn_mapping": json.dumps(document)}
        for number in range(2)
    ]
    solution.write_text(json.dumps(rows), encoding="utf-8")
    out = tmp_path / "maps"
    done = run("maps", "import", solution, "--out", out, "--json")
    files = [Path(entry["file"]) for entry in json.loads(done.stdout)["maps"]]
    assert [file.name for file in files] == ["up.yaml", "up_2.yaml"]
    assert all(file.parent == out for file in files)


def test_folders_are_made_and_a_file_is_none(solution: Path, tmp_path: Path) -> None:
    deep = tmp_path / "a" / "b" / "units.json"
    assert run("maps", "export", "Units", "--out", deep).exit_code == OK and deep.exists()
    refused = run("maps", "import", solution, "--out", solution)
    assert isinstance(refused.exception, FatalError) and "--out" in refused.exception.remedy


def test_nothing_chosen_is_no_export() -> None:
    assert isinstance(run("maps", "export").exception, FatalError)


def test_the_list_names_what_each_map_comes_in() -> None:
    listed = json.loads(run("maps", "list", "--json").stdout)
    for each in listed:
        assert each["area"] and each["solution"] and each["fno"]["key"] and each["dataverse"]["key"]
        assert sum(each["directions"].values()) > 0
        active = [form for form in each["forms"] if form["active"]]
        assert len(active) == (1 if each["active"] else 0)
        assert each["active"] or each["reason"]
    finance = json.loads(run("maps", "list", "--json", "--solution", "FinanceCommon").stdout)
    assert {each["solution"] for each in finance} == {"FinanceCommon"}
    assert 0 < len(finance) < len(listed)
