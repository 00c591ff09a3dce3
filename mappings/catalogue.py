"""All maps that are active, and what they mean together."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Literal

from mappings import deviations, fitting, graph, validation
from mappings.errors import FatalError, MapError
from mappings.fitting import Inactive
from mappings.graph import Edge
from mappings.model import FieldPair, Map
from mappings.reader import read_map

SHIPPED = Path(__file__).parent
Form = Literal["classic", "party"]
"""Classic: the first published forms, with addresses and phone numbers on accounts, contacts and vendors.
Party: today's forms, which keep them with the party."""

VERSION: Mapping[Form, str] = {"classic": "2019", "party": "current"}
"""The version that a form prefers where a map comes in several."""

ALL = "all"
"""In the setting `sensitive`: everything."""


class Catalogue:
    """The active maps, by name.

    Args:
        maps: one form of each map; names are unique.
        inactive: further maps that were read and don't run.

    Attributes:
        maps: name → map, sorted by name.
        inactive: name → map that doesn't run at all, with the reason.
    """

    def __init__(self, maps: Iterable[Map], inactive: Iterable[Inactive] = ()) -> None:
        self.inactive: Mapping[str, Inactive] = {each.map.name: each for each in inactive}
        self.maps: Mapping[str, Map] = {each.name: each for each in sorted(maps, key=lambda each: each.name)}
        self._by_table: dict[str, list[Map]] = {}
        self._by_set: dict[str, list[Map]] = {}
        for each in self.maps.values():
            self._by_table.setdefault(each.dataverse.table, []).append(each)
            self._by_set.setdefault(each.fno.set, []).append(each)

    @classmethod
    def load(
        cls,
        folders: Iterable[Path | str] = (),
        *,
        form: Form = "classic",
        select: Mapping[str, str] | None = None,
        sensitive: Iterable[str] = (),
        shipped: bool = True,
        validate: bool = True,
    ) -> Catalogue:
        """Read the shipped maps and those of further folders.

        Args:
            folders: your own maps, all ``*.yaml`` below; a map with the name and version of a shipped one
                takes its place.
            form: which form of the published maps runs where there are two.
            select: map name (or template name) → version, where one map is to run in another form.
            sensitive: names of maps whose sensitive parts are wanted, or ``all``; other sensitive maps and
                field pairs are left out.
            shipped: read the shipped maps too.
            validate: check that the maps fit together.

        Raises:
            MapError: a file or the maps together are wrong; all that was found in its `also`.
        """
        forms = {(each.name, each.version): each for each in read_maps(folders, shipped=shipped)}
        catalogue = cls(*_wanted(_selected(forms, form, select or {}), frozenset(sensitive)))
        if validate:
            catalogue.validate()
        return catalogue

    def get(self, name: str) -> Map:
        """The map of this name.

        Raises:
            FatalError: there is none; names the nearest.
        """
        if name in self.inactive:
            raise FatalError(
                f"the map “{name}” is off: {self.inactive[name].reason}", code="map_is_off", map=name
            )
        if name not in self.maps:
            near = difflib.get_close_matches(name, self.maps, n=3, cutoff=0.4)
            raise FatalError(
                f"there is no map “{name}”",
                code="no_such_map",
                remedy=f"did you mean {', '.join(near)}?" if near else "see `dualflow maps list`",
            )
        return self.maps[name]

    def of_table(self, table: str) -> tuple[Map, ...]:
        """The maps that write this Dataverse entity set."""
        return tuple(self._by_table.get(table, ()))

    def of_set(self, entity_set: str) -> tuple[Map, ...]:
        """The maps of this F&O entity set."""
        return tuple(self._by_set.get(entity_set, ()))

    def parents(self, each: Map) -> frozenset[Map]:
        """The maps whose rows must be there first: behind lookups, the companies, `after`."""
        return self._needed(each, deferred=False)

    def deferred(self, each: Map) -> frozenset[Map]:
        """The maps behind lookups that are patched afterwards (`cycle: true`); may contain the map itself."""
        return self._needed(each, deferred=True)

    def order(self) -> list[tuple[str, ...]]:
        """Names in waves; a map comes after everything that it needs.

        Raises:
            MapError: a cycle that no lookup breaks.
        """
        return list(self._waves)

    def related(self, names: Iterable[str], *, deferred: bool = False) -> tuple[str, ...]:
        """These maps and everything that they depend on, parents first.

        Args:
            names: names of maps.
            deferred: also follow lookups that are patched afterwards; without their maps they stay open.
        """
        wanted: set[str] = set()
        open_names = [self.get(name).name for name in names]
        while open_names:
            name = open_names.pop()
            if name in wanted:
                continue
            wanted.add(name)
            needed = self.parents(self.maps[name])
            if deferred:
                needed |= self.deferred(self.maps[name])
            open_names += (parent.name for parent in needed)
        return tuple(name for wave in self._waves for name in wave if name in wanted)

    def key_path(self, each: Map) -> dict[str, tuple[FieldPair, ...]]:
        """Which pair fills which part of the key of the row behind each lookup.

        Returns:
            Lookup column → pairs in the order of the integration key of the table looked up. The company, if
            that table has one, is the row's own.
        """
        return {
            column: fitting.pairs_in_key_order(
                each, column, filter(lookup.means, self.of_table(lookup.table))
            )
            for column, lookup in each.lookups.items()
        }

    def graph_edges(self) -> tuple[Edge, ...]:
        """Every edge of the dependency graph, deferred ones included."""
        return self._edges

    def problems(self) -> tuple[MapError, ...]:
        """Everything that is wrong with the maps together."""
        everything = self.maps.values()
        # a map's own errors first: what doesn't fit is often their consequence
        found = [error for each in everything for error in validation.problems(each)]
        found += [error for each in everything for error in fitting.misfits(each, self)]
        try:
            graph.waves(self.maps)
        except MapError as error:
            found.append(error)
        return tuple(found)

    def validate(self) -> None:
        """Raises:
        MapError: the first problem, with the others in its `also`.
        """
        found = self.problems()
        if found:
            raise MapError.gathered(found)

    def warnings(self) -> tuple[str, ...]:
        """What is allowed but worth knowing: unverified maps, doubtful things kept as published."""
        unverified = [
            f"{each.name}: unverified; see its `about`" for each in self.maps.values() if not each.verified
        ]
        kept = [
            f"{entry.map}: {entry.field}: {entry.ours}: {entry.reason}"
            for entry in deviations.load()
            if entry.kept and entry.map in self.maps
        ]
        return (*unverified, *kept)

    @cached_property
    def _edges(self) -> tuple[Edge, ...]:
        return graph.edges(self.maps)

    @cached_property
    def _waves(self) -> tuple[tuple[str, ...], ...]:
        return graph.waves(self.maps)

    def _needed(self, each: Map, *, deferred: bool) -> frozenset[Map]:
        return frozenset(
            self.maps[edge.parent]
            for edge in self._edges
            if edge.child == each.name and edge.deferred is deferred
        )


def read_maps(folders: Iterable[Path | str] = (), *, shipped: bool = True) -> tuple[Map, ...]:
    """Every form of every map, active or not.

    Args:
        folders: your own maps, all ``*.yaml`` below; a map with the name and version of a shipped one takes
            its place.
        shipped: read the shipped maps too.

    Raises:
        MapError: files are wrong; all that was found in its `also`.
    """
    forms: dict[tuple[str, str], Map] = {}
    problems: list[MapError] = []
    sources = [sorted(SHIPPED.glob("*/*.yaml"))] if shipped else []
    sources += [_files(Path(folder)) for folder in folders]
    for files in sources:
        here: dict[tuple[str, str], Map] = {}
        for file in files:
            try:
                each = read_map(file)
            except MapError as error:
                problems.append(error)
                continue
            form = (each.name, each.version)
            if form in here:
                problems.append(
                    MapError(
                        f"“{each.name}”, version {each.version}, is already in {here[form].file}",
                        file=file,
                        line=each.line_of("map"),
                        field="map",
                        remedy="give it another name",
                    )
                )
            here[form] = each
        forms |= here
    if problems:
        raise MapError.gathered(problems)
    return tuple(forms.values())


def _files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise FatalError(
            f"{folder} is no folder", code="no_such_folder", remedy="name a folder with map files (*.yaml)"
        )
    return sorted(folder.rglob("*.yaml"))


def _wanted(maps: list[Map], sensitive: frozenset[str]) -> tuple[list[Map], list[Inactive]]:
    """What runs and what doesn't, by what the settings say about sensitive data."""
    names = {each.name for each in maps}
    for name in sensitive - names - {ALL}:
        near = difflib.get_close_matches(name, names, n=1)
        raise FatalError(
            f"sensitive data are wanted of “{name}”, but there is no such map",
            code="no_such_map",
            remedy=f"did you mean “{near[0]}”?" if near else f"names of maps, or “{ALL}”",
        )
    run, off = [], []
    for each in maps:
        if ALL in sensitive or each.name in sensitive:
            run.append(each)
        elif each.sensitive:
            off.append(Inactive(each, "its data are sensitive; DUALFLOW_SENSITIVE turns it on"))
        else:
            run.append(each.without_sensitive())
    return run, off


def _selected(forms: Mapping[tuple[str, str], Map], form: Form, select: Mapping[str, str]) -> list[Map]:
    """One version of each map."""
    by_name: dict[str, dict[str, Map]] = {}
    for (name, version), each in forms.items():
        by_name.setdefault(name, {})[version] = each
    templates = {each.template for each in forms.values()}
    for name in select:
        if name not in by_name and name not in templates:
            near = difflib.get_close_matches(name, [*by_name, *templates], n=1)
            raise FatalError(
                f"a version is selected for “{name}”, but there is no such map",
                code="no_such_map",
                remedy=f"did you mean “{near[0]}”?" if near else "see `dualflow maps list`",
            )
    chosen = []
    for name, versions in by_name.items():
        default = next(each for each in (VERSION[form], "current", *sorted(versions)) if each in versions)
        template = next(iter(versions.values())).template
        version = select.get(name, select.get(template, default))
        if version not in versions:
            raise FatalError(
                f"“{name}” has no version “{version}”",
                code="no_such_version",
                remedy=f"there is: {', '.join(sorted(versions))}",
            )
        chosen.append(versions[version])
    return chosen
