"""Listed: differences in a temporary file, so that their number doesn't count against memory."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Literal

import msgspec

from tasks.sync.verify import Difference

Fate = Literal["found", "passing", "repaired", "left"]
"""found: not looked at again yet; passing: gone by itself at the second look; repaired; left: still there after a repair."""


class Listed:
    """The differences of one comparison, in the order found."""

    def __init__(self, file: sqlite3.Connection) -> None:
        self._file = file
        file.execute(
            "CREATE TABLE difference (id INTEGER PRIMARY KEY, map TEXT, company TEXT, content BLOB, fate TEXT)"
        )

    def add(self, found: Sequence[Difference]) -> None:
        """Note differences."""
        self._file.executemany(
            "INSERT INTO difference (map, company, content, fate) VALUES (?, ?, ?, 'found')",
            [(each.map, each.company, msgspec.json.encode(each)) for each in found],
        )

    def pages(
        self, size: int, map_: str, company: str, fates: Collection[Fate]
    ) -> Iterator[list[tuple[int, Difference]]]:
        """The differences of a lane that have one of these fates: (number, difference), page by page."""
        after = 0
        marks = ",".join("?" * len(fates))
        while True:
            rows = self._file.execute(
                f"SELECT id, content FROM difference WHERE id > ? AND map = ? AND company = ? AND fate IN ({marks})"
                " ORDER BY id LIMIT ?",
                (after, map_, company, *fates, size),
            ).fetchall()
            if not rows:
                return
            after = rows[-1][0]
            yield [(number, msgspec.json.decode(content, type=Difference)) for number, content in rows]

    def settle(self, numbers: Collection[int], fate: Fate) -> None:
        """Note what became of differences."""
        self._file.executemany(
            "UPDATE difference SET fate = ? WHERE id = ?", [(fate, number) for number in numbers]
        )

    def correct(self, found: Mapping[int, Difference]) -> None:
        """Describe differences anew, by their numbers."""
        self._file.executemany(
            "UPDATE difference SET content = ? WHERE id = ?",
            [(msgspec.json.encode(each), number) for number, each in found.items()],
        )

    def count(self, map_: str, company: str) -> dict[tuple[str, Fate], int]:
        """(kind, fate) → number, of a lane."""
        rows = self._file.execute(
            "SELECT json_extract(content, '$.kind'), fate, count(*) FROM difference"
            " WHERE map = ? AND company = ? GROUP BY 1, 2",
            (map_, company),
        )
        return {(kind, fate): number for kind, fate, number in rows}

    def details(self, limit: int, fates: Collection[Fate]) -> list[tuple[Difference, Fate]]:
        """The first of those with these fates, in the order found."""
        marks = ",".join("?" * len(fates))
        rows = self._file.execute(
            f"SELECT content, fate FROM difference WHERE fate IN ({marks}) ORDER BY id LIMIT ?",
            (*fates, limit),
        )
        return [(msgspec.json.decode(content, type=Difference), fate) for content, fate in rows]


@contextmanager
def listing() -> Iterator[Listed]:
    """A list that is gone when the block ends."""
    with (
        tempfile.TemporaryDirectory(prefix="dualflow-differences-") as folder,
        closing(sqlite3.connect(Path(folder) / "differences.db", isolation_level=None)) as file,
    ):
        file.execute("PRAGMA journal_mode = OFF")
        file.execute("PRAGMA synchronous = OFF")
        yield Listed(file)
