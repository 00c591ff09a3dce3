"""Companies: F&O legal entities (`dataAreaId`) and the rows of `cdm_companies` that stand for them in Dataverse."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from mappings.errors import FatalError
from tasks.connectors.side import Side

TABLE = "cdm_companies"
CODE = "cdm_companycode"
OWNER = "cdm_defaultowningteam"
"""Lookup to the team that owns a company's rows; the solution's plug-in fills it when a company is enabled."""


@dataclass
class Companies:
    """Company code ↔ id of its Dataverse row ↔ its default owning team; read live, since companies come and go."""

    dataverse: Side
    _by_code: dict[str, tuple[str, str, str | None]] = field(default_factory=dict)
    _by_id: dict[str, str] = field(default_factory=dict)
    _reading: threading.RLock = field(default_factory=threading.RLock, repr=False)

    def refresh(self) -> None:
        """Read the table again."""
        table = self.dataverse.table(TABLE)
        columns = [table.id_column, CODE] + ([OWNER] if OWNER in table.columns else [])
        by_code: dict[str, tuple[str, str, str | None]] = {}
        for page in self.dataverse.pages(TABLE, columns=columns):
            for row in page:
                code = row.get(CODE)
                if code:
                    by_code[code.casefold()] = (code, row[table.id_column], row.get(f"_{OWNER}_value"))
        self._by_code = by_code
        self._by_id = {id_: code for code, id_, _ in by_code.values()}

    def _read_unless(self, known: Callable[[], bool]) -> None:
        """Read the table, unless another lane did while we waited: when a run begins, all of them ask at once."""
        with self._reading:
            if not known():
                self.refresh()

    def id_of(self, code: str) -> str:
        """Id of a company's row in Dataverse.

        Raises:
            FatalError: Dataverse has no such company; every company-specific row would hang in the air.
        """
        found = self._by_code.get(code.casefold())
        if found is None:
            self._read_unless(lambda: code.casefold() in self._by_code)
            found = self._by_code.get(code.casefold())
        if found is None:
            raise FatalError(
                f"company {code!r} does not exist in Dataverse (table {TABLE})",
                code="company_missing",
                remedy="run the map 'Legal entities to cdm_companies' first, or correct DUALFLOW_COMPANIES",
                company=code,
            )
        return found[1]

    def code_of(self, id_: str | None) -> str | None:
        """Code of the company a Dataverse row points at; None where it points at none that is known."""
        if id_ is None:
            return None
        if id_ not in self._by_id:
            self._read_unless(lambda: id_ in self._by_id)
        return self._by_id.get(id_)

    def owner_of(self, code: str) -> str | None:
        """Team that owns the rows of a company, None where the environment names none."""
        self.id_of(code)
        return self._by_code[code.casefold()][2]
