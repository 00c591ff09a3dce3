"""Is Prospect to cash there, the older integration of the same tables?

It and these maps can't work on the same rows: it writes them as well, and its key of account numbers knows no companies, so
that the same number can't exist in two of them. A later version of the solution (15.0.0.2) comes without that key and does nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

from tasks.sync.health.check import Check
from tasks.sync.health.finding import Finding, Severity
from tasks.sync.health.surroundings import PROSPECT_TO_CASH, UNANSWERED, Surroundings
from tasks.sync.health.versions import number

DORMANT = (15, 0, 0, 2)
"""Version that is there for what depends on it, and does nothing."""
KEY = "msdynce_accountnumber"
"""Its alternate key of accounts, in lower case."""
TEMPLATES: dict[str, tuple[str, ...]] = {
    "customerv3-account": ("accounts", "contacts"),
    "vendorv2-vendor": ("msdyn_vendors",),
}
"""Dual-write maps that it brought → tables that they work on."""
TABLES = frozenset(
    {
        "accounts",
        "contacts",
        "products",
        "quotes",
        "quotedetails",
        "salesorders",
        "salesorderdetails",
        "invoices",
        "invoicedetails",
    }
)
"""Tables that it writes."""
_UNINSTALL = (
    "uninstall {what} (Power Apps > Solutions), what builds on another before that one, once the last synchronization is done; or"
    " install version 15.0.0.2, which is the same without the key and does nothing"
)


def prospect(around: Surroundings) -> Iterator[Finding]:
    """The solution, its key, its templates; each blocks the maps of the tables that it touches."""
    others = around.other_programs()
    at_work = {
        name: others.solutions[name]
        for name in PROSPECT_TO_CASH
        if number(others.solutions.get(name, "")) and number(others.solutions[name]) < DORMANT
    }
    if at_work:
        names = ", then ".join(reversed(list(at_work)))
        yield _finding(
            around,
            "prospect_solution",
            "Prospect to cash",
            "no Prospect to cash, or its version 15.0.0.2 that does nothing",
            ", ".join(f"{name} {version}" for name, version in at_work.items()),
            _UNINSTALL.format(what=names),
            TABLES,
        )
    for key, columns in others.keys.items():
        if key.lower() == KEY:
            yield _finding(
                around,
                "prospect_key",
                f"account: {key}",
                "alternate keys of account numbers with the company in them",
                f"{', '.join(columns)}: one account number in all companies together",
                _UNINSTALL.format(what="Prospect to cash (CRMP2C)"),
                frozenset({"accounts"}),
            )
    left = any(key.lower() == KEY for key in others.keys)
    for each in others.maps:
        touched = TEMPLATES.get(each.name.lower())
        if touched is None:
            continue
        if not at_work and not left:
            # globally released, it stays where its solution was uninstalled, and does nothing unless dual-write runs it
            yield Finding(
                "prospect_template",
                "warning",
                "dataverse",
                each.name,
                "no dual-write map of Prospect to cash",
                f"the map {each.name}, for {' and '.join(touched)}, without its solution",
                f"leave {each.name} unselected and stopped in dual-write: it can't be deleted, and does nothing as long as"
                " nobody starts it",
                maps=tuple(sync.name for sync in around.maps if sync.dataverse.table in touched),
            )
        else:
            yield _finding(
                around,
                "prospect_template",
                each.name,
                "no dual-write map of Prospect to cash",
                f"the map {each.name}, for {' and '.join(touched)}",
                f"stop {each.name} in dual-write, and uninstall Prospect to cash (CRMP2C), which brought it",
                frozenset(touched),
            )


def _finding(
    around: Surroundings,
    code: str,
    subject: str,
    expected: str,
    found: str,
    remedy: str,
    tables: frozenset[str],
) -> Finding:
    maps = tuple(each.name for each in around.maps if each.dataverse.table in tables)
    severity: Severity = "error" if maps else "note"
    return Finding(code, severity, "dataverse", subject, expected, found, remedy, blocks=maps, maps=maps)


CHECK = Check("prospect", "Prospect to cash", prospect, needs=("dataverse",), blocking=UNANSWERED)
