"""Are the chosen companies there on both sides, each once, with a name and an owner?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from tasks.connectors import fno_environment
from tasks.connectors.dataverse import DataverseSide
from tasks.connectors.side import Row
from tasks.sync.companies import CODE, OWNER, TABLE
from tasks.sync.health.check import Check
from tasks.sync.health.finding import Finding
from tasks.sync.health.surroundings import Surroundings

NAME = "cdm_name"


def chosen(around: Surroundings) -> Iterator[Finding]:
    """Company-specific maps without a company."""
    specific = tuple(each.name for each in around.maps if each.company_specific)
    if specific and not around.companies:
        yield Finding(
            "company_unset",
            "error",
            "here",
            "DUALFLOW_COMPANIES",
            f"companies for {len(specific)} company-specific map{'s' if len(specific) != 1 else ''}",
            "none",
            "set DUALFLOW_COMPANIES to the companies in scope, such as usmf,demf",
            maps=specific,
        )


def in_fno(around: Surroundings) -> Iterator[Finding]:
    """Chosen companies that F&O doesn't have, and companies of Dataverse that it doesn't have either."""
    there = {code.lower() for code in fno_environment.companies(around.live_fno.client)}
    for company in around.companies:
        if company not in there:
            yield Finding(
                "company_fno_missing",
                "error",
                "fno",
                company,
                "a legal entity of this code",
                f"none; there are {', '.join(sorted(there)) or 'none at all'}",
                "correct DUALFLOW_COMPANIES, or make the legal entity in F&O",
            )
    if around.dataverse is None or TABLE not in around.dataverse.sets():
        return
    codes = {str(row.get(CODE) or "").lower() for row in rows(around)}
    extra = sorted(codes - there - set(around.companies) - {""})
    if extra:
        yield Finding(
            "company_unmatched",
            "note",
            "dataverse",
            ", ".join(extra),
            "companies that F&O has too",
            "not in F&O",
            "nothing is synced for them; delete them if they are left over from a copy",
        )


def in_dataverse(around: Surroundings) -> Iterator[Finding]:
    """Chosen companies that Dataverse doesn't have, or has twice, or without name or owner."""
    if TABLE not in around.live_dataverse.sets():
        return  # told with the tables
    found = rows(around)
    codes = Counter(str(row.get(CODE) or "").lower() for row in found)
    makers = [each.name for each in around.maps if each.dataverse.table == TABLE and each.to_dataverse]
    for company in around.companies:
        if codes[company]:
            continue
        there = f"none; there are {', '.join(sorted(filter(None, codes))) or 'none at all'}"
        if makers:
            yield Finding(
                "company_dataverse_missing",
                "note",
                "dataverse",
                company,
                "a company of this code",
                there,
                f"nothing to do: the initial sync of {makers[0]!r} makes it",
            )
        else:
            yield Finding(
                "company_dataverse_missing",
                "error",
                "dataverse",
                company,
                "a company of this code",
                there,
                "run the map 'Legal entities to cdm_companies' first, or make the company in Dataverse",
            )
    yield from _rows(found, codes, around.companies)


def _rows(known: list[Row], codes: Counter[str], scope: tuple[str, ...]) -> Iterator[Finding]:
    for code, count in sorted(codes.items()):
        if count > 1 and code in scope:
            yield Finding(
                "company_twice",
                "error",
                "dataverse",
                code,
                "one company of this code",
                f"{count} rows of {TABLE}",
                "delete or rename all but the one that rows point to",
            )
    names = Counter(str(row.get(NAME) or "").casefold() for row in known)
    for row in known:
        code = str(row.get(CODE) or "").lower()
        if code not in scope:
            continue
        name = str(row.get(NAME) or "")
        if not name or names[name.casefold()] > 1:
            yield Finding(
                "company_name",
                "warning",
                "dataverse",
                code,
                "a name that no other company has",
                f"{name!r}, of {names[name.casefold()]} companies" if name else "no name",
                "give each company a name of its own: business units and teams are named after it",
            )
        if OWNER in row and row[OWNER] is None:
            yield Finding(
                "company_owner",
                "warning",
                "dataverse",
                code,
                "a default owning team",
                "none",
                "fill “Default owning team” of the company: the solution's plug-in does so when the company is made,"
                " and rows of the company then belong to that team",
            )


def rows(around: Surroundings) -> list[Row]:
    """Companies of Dataverse, with the id of the team that owns their rows where the table has such a column."""
    return around.once("companies", lambda: _read(around.live_dataverse))


def _read(side: DataverseSide) -> list[Row]:
    owner = [OWNER] if OWNER in side.table(TABLE).columns else []
    found = [row for page in side.pages(TABLE, columns=[CODE, NAME, *owner]) for row in page]
    return [{**row, OWNER: row.get(f"_{OWNER}_value")} if owner else row for row in found]


CHOSEN = Check("company", "Companies in scope", chosen)
IN_FNO = Check("company_fno", "Companies in F&O", in_fno, needs=("fno",))
IN_DATAVERSE = Check("company", "Companies in Dataverse", in_dataverse, needs=("dataverse",))
