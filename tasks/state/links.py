"""Links: which rows belong together, and what both sides held when they were last settled."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from operator import attrgetter
from typing import Any, get_args

import msgspec
from sqlalchemy import Select, and_, bindparam, delete, func, select, union_all
from sqlalchemy.exc import IntegrityError

from mappings.errors import FatalError, RowError
from tasks.state.models import link as table
from tasks.state.models import scope
from tasks.state.records import Link, LinkState
from tasks.state.session import Session, among

# everything of a link but its scope, in the order of the table's columns
_STORED = tuple(column.name for column in table.columns if column.name not in ("id", "pair", "scope_id"))
_FROM_SCOPE = ("map", "company", "table")
_SELECTED = tuple(
    scope.c[name] if name in _FROM_SCOPE else table.c[name] for name in Link.__dataclass_fields__
)

NO_TABLE = ""
"""Table of the scope that a lane's sightings are kept under: they are of either side, so no table names them."""


def _base() -> Select[Any]:
    return select(*_SELECTED).join(scope, scope.c.id == table.c.scope_id)


class LinkReads(Session):
    """Questions about links."""

    def links_by_key(self, pair: int, map: str, company: str, keys: Iterable[str]) -> dict[str, Link]:
        """Links of a lane by the folded text of their integration key; keys without a link are absent."""
        return {str(link.key): link for link in self._of_lane(pair, map, company, "key", keys)}

    def links_by_id(self, pair: int, map: str, company: str, ids: Iterable[str]) -> dict[str, Link]:
        """Links of a lane by Dataverse id."""
        return {
            str(link.dataverse_id): link for link in self._of_lane(pair, map, company, "dataverse_id", ids)
        }

    def links_by_fno_row(self, pair: int, map: str, company: str, rows: Iterable[str]) -> dict[str, Link]:
        """Links of a lane by F&O record id."""
        return {str(link.fno_row): link for link in self._of_lane(pair, map, company, "fno_row", rows)}

    def links_of(self, ids: Iterable[int]) -> list[Link]:
        """Links by their own ids, in the order of these; ids of deleted links are left out."""
        return self._links(_with_ids(self._sqlite), {"values": self._listed(table.c.id, ids)})

    def iterate_links(self, pair: int, map: str, company: str, after_id: int, limit: int) -> list[Link]:
        """The next `limit` links of a lane after a link's id, in the order of ids; empty at the end."""
        scopes = self._scopes(pair, map=map, company=company)
        if not scopes:
            return []
        values = {"after": after_id, "most": limit, **{f"scope_{n}": each for n, each in enumerate(scopes)}}
        return self.links_of(id_ for (id_,) in self._found(_ids_after(len(scopes)), values))

    def parents_by_key(
        self, pair: int, table_name: str, company: str, keys: Iterable[str]
    ) -> dict[str, list[Link]]:
        """Links of any map with rows of a Dataverse table, by key."""
        scopes = self._scopes(pair, table=table_name, company=company)
        found: dict[str, list[Link]] = {}
        for link in self._of_scopes(scopes, "key", keys):
            found.setdefault(str(link.key), []).append(link)
        return found

    def parents_by_dataverse_id(
        self, pair: int, table_name: str, ids: Iterable[str]
    ) -> dict[str, list[Link]]:
        """Links of any map and company with these rows of a Dataverse table."""
        scopes = self._scopes(pair, table=table_name)
        found: dict[str, list[Link]] = {}
        for link in self._of_scopes(scopes, "dataverse_id", ids):
            found.setdefault(str(link.dataverse_id), []).append(link)
        return found

    def count_links(
        self, pair: int, map: str, company: str | None = None, state: LinkState | None = None
    ) -> int:
        """Number of links of a lane (of all companies if None), in one state or in any."""
        conditions = [scope.c.pair == pair, scope.c.map == map]
        if company is not None:
            conditions.append(scope.c.company == company)
        if state is not None:
            conditions.append(table.c.state == state)
        query = select(func.count()).select_from(table).join(scope, scope.c.id == table.c.scope_id)
        return int(self._connection.execute(query.where(and_(*conditions))).scalar_one())

    def _links(self, query: Select[Any], values: Mapping[str, Any]) -> list[Link]:
        columns = self._columns(query, values)
        return list(map(Link, *columns)) if columns else []

    def _scopes(self, pair: int, **wanted: str) -> list[int]:
        """Numbers of the scopes with this map, company or table; without a table named, of all tables."""
        found = self._found(_scopes_with(*wanted), {"of_pair": pair, **_named(wanted)})
        return [id_ for (id_,) in found]

    def _of_lane(self, pair: int, map: str, company: str, column: str, values: Iterable[str]) -> list[Link]:
        return self._of_scopes(self._scopes(pair, map=map, company=company), column, values)

    def _of_scopes(self, scopes: Sequence[int], column: str, values: Iterable[str]) -> list[Link]:
        if not scopes:
            return []
        query = _with_values(self._sqlite, column, len(scopes))
        own = {f"scope_{place}": scope_id for place, scope_id in enumerate(scopes)}
        return self._links(query, {**own, "values": self._listed(table.c[column], values)})


# Statements of the questions that every batch asks: built once, since building costs more than asking


@cache
def _scopes_with(*names: str) -> Select[Any]:
    conditions = [
        scope.c.pair == bindparam("of_pair"),
        *(scope.c[name] == bindparam(f"of_{name}") for name in names),
    ]
    if "table" not in names:
        conditions.append(scope.c.table != NO_TABLE)
    return select(scope.c.id).where(*conditions)


@cache
def _ids_after(scopes: int) -> Any:
    # one index serves this and the counting by state: the next of each state, then the first of those
    parts = [
        select(table.c.id)
        .where(
            table.c.scope_id == bindparam(f"scope_{n}"),
            table.c.state == state,
            table.c.id > bindparam("after"),
        )
        .order_by(table.c.id)
        .limit(bindparam("most"))
        .subquery()
        for n in range(scopes)
        for state in get_args(LinkState)
    ]
    return union_all(*(select(part.c.id) for part in parts)).order_by("id").limit(bindparam("most"))


@cache
def _with_values(sqlite: bool, column: str, scopes: int) -> Select[Any]:
    own_scope = table.c.scope_id.in_([bindparam(f"scope_{place}") for place in range(scopes)])
    return _base().where(own_scope, among(sqlite, table.c[column], "values"))


@cache
def _with_ids(sqlite: bool) -> Select[Any]:
    return _base().where(among(sqlite, table.c.id, "values")).order_by(table.c.id)


def _named(wanted: dict[str, str]) -> dict[str, str]:
    return {f"of_{name}": value for name, value in wanted.items()}


class LinkWrites(LinkReads):
    """Changes of links."""

    def insert_links(self, links: Sequence[Link]) -> list[int]:
        """Store new links; returns their ids in the same order.

        Raises:
            RowError: a key is linked already in its lane, or twice among these (code `duplicate_link`).
        """
        if not links:
            return []
        scopes = {at: self._scope(*at) for at in {_scope_of(link) for link in links}}
        ids = self._numbers("link_id", len(links))
        rows = [
            (id_, link.pair, scopes[_scope_of(link)], *_values(link))
            for id_, link in zip(ids, links, strict=True)
        ]
        try:
            self._insert(table, ("id", "pair", "scope_id", *_STORED), rows)
        except IntegrityError as error:
            raise _duplicate(error, links) from error
        return ids

    def insert_half(
        self,
        pair: int,
        map: str,
        company: str,
        table_name: str,
        layout_id: int,
        rows: Sequence[tuple[str, Mapping[str, Any], str | None, str, bytes, Sequence[str]]],
    ) -> list[int]:
        """Store links of rows that are about to be created in Dataverse: `insert_links` without a record for each.

        Args:
            rows: (key, fno_key, fno_row, dataverse_id, intent_dataverse, key_text) of each.

        Raises:
            RowError: a key is linked already in its lane, or twice among these (code `duplicate_link`).
        """
        ids = self._numbers("link_id", len(rows))
        common = (pair, self._scope(pair, map, company, table_name), layout_id, "half")
        try:
            self._insert(table, _HALF, [(id_, *common, *row) for id_, row in zip(ids, rows, strict=True)])
        except IntegrityError as error:
            raise _duplicate(error, ()) from error
        return ids

    def update_links(self, links: Sequence[Link]) -> None:
        """Store links as they are now, by id; pair, map, company and table of a link never change.

        Raises:
            RowError: a changed key is linked already in its lane (code `duplicate_link`).
        """
        try:
            self._update(table, _STORED, [(*_values(link), link.id) for link in links])
        except IntegrityError as error:
            raise _duplicate(error, links) from error

    def patch_links(self, patches: Sequence[Mapping[str, Any]]) -> None:
        """Change some fields of links.

        Args:
            patches: each with `id` and the fields to set; those with the same fields go out together.
        """
        groups: dict[tuple[str, ...], list[tuple[Any, ...]]] = {}
        for patch in patches:
            columns = tuple(sorted(name for name in patch if name != "id"))
            unknown = [name for name in columns if name not in _STORED]
            if unknown:
                raise ValueError(f"{', '.join(unknown)} can't be patched; possible: {', '.join(_STORED)}")
            if columns:
                groups.setdefault(columns, []).append((*(patch[name] for name in columns), patch["id"]))
        for columns, rows in groups.items():
            try:
                self._update(table, columns, rows)
            except IntegrityError as error:
                raise _duplicate(error, ()) from error

    def confirm_created(self, created: Sequence[tuple[int, int]]) -> None:
        """Pair links whose create went through as a whole: the base becomes the intent, without sending it again.

        Args:
            created: (link id, digest of the raw F&O row).
        """
        if not created:
            return
        changed = "UPDATE link SET state = 'paired', base_fno = intent_dataverse, raw_fno = "
        if self._sqlite:
            # one statement, for the reason that `_block` gives
            self._connection.exec_driver_sql(
                f"{changed}json_extract(new.value, '$[1]') FROM json_each(?) AS new"
                " WHERE link.id = json_extract(new.value, '$[0]')",
                (msgspec.json.encode(created).decode(),),
            )
        else:
            arrays = ([id_ for id_, _ in created], [raw for _, raw in created])
            self._connection.exec_driver_sql(
                f"{changed}new.raw FROM unnest(%s::bigint[], %s::bigint[]) AS new(id, raw) WHERE link.id = new.id",
                arrays,
            )

    def delete_links(self, ids: Iterable[int]) -> None:
        """Forget links."""
        self._connection.execute(delete(table).where(self._among(table.c.id, ids)))

    def _scope(self, pair: int, map: str, company: str, table_name: str) -> int:
        """Number of a scope, made when it is first needed."""
        found = self._scopes(pair, map=map, company=company, table=table_name)
        if not found:
            self._insert(
                scope,
                ("pair", "map", "company", "table"),
                [(pair, map, company, table_name)],
                key=("pair", "map", "company", "table"),
                keep=True,
            )
            found = self._scopes(pair, map=map, company=company, table=table_name)
        return found[0]


def _scope_of(link: Link) -> tuple[int, str, str, str]:
    return link.pair, link.map, link.company, link.table


_values = attrgetter(*_STORED)

_HALF = (
    *("id", "pair", "scope_id", "layout_id", "state"),
    *("key", "fno_key", "fno_row", "dataverse_id", "intent_dataverse", "key_text"),
)


def _duplicate(error: IntegrityError, links: Sequence[Link]) -> RowError | FatalError:
    """What a violated constraint means, with the key where it can be told."""
    detail = str(getattr(getattr(error.orig, "diag", None), "message_detail", None) or error.orig)
    if "key" not in detail:
        return FatalError(
            f"the state refuses a link: {detail}",
            code="state_constraint",
            remedy="this is a fault of Dualflow; report it with this message",
        )
    counted = Counter((_scope_of(link), link.key) for link in links if link.key)
    twice = [key for (_, key), count in counted.items() if count > 1]
    about = f"key {twice[0]!r} occurs twice in one batch" if twice else "a key is linked already"
    where = f" of map {links[0].map!r}, company {links[0].company!r}" if links else ""
    return RowError(
        f"{about}{where} ({detail})",
        code="duplicate_link",
        remedy="look for two rows with this key on one side; they are listed as duplicates",
        map=links[0].map if links else None,
        key=twice[0] if twice else None,
    )
