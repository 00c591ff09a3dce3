"""The list of maps as people read it: area by area, which way each goes."""

from __future__ import annotations

import textwrap
from collections.abc import Collection, Iterable, Sequence

from flows.commands.output import console
from mappings.catalogue import Catalogue
from mappings.model import AREAS, Map

GAP = "  "
COUNTS = 11
"""Width of the three numbers of field pairs."""
MAP_SHARE = 0.4
"""Part of the width that the maps' names may take; they fold, names of tables are cut."""


def print_list(chosen: Sequence[Map], catalogue: Catalogue, forms: Collection[str]) -> None:
    """Print maps in groups, in the order given within each.

    Args:
        forms: names of the maps that were published in two forms.
    """
    out = console()
    names = {each.name: each.name + _remark(each, catalogue, forms) for each in chosen}
    widths = _widths(out.width, chosen, names.values())
    for area, maps in by_area(chosen):
        out.print(area, style="bold", markup=False, soft_wrap=True)
        for each in maps:
            for line in _lines(each, names[each.name], widths):
                out.print(line, markup=False, soft_wrap=True)
    count = len(chosen)
    out.print(
        f"\n{count} map{'s' if count != 1 else ''}; field pairs both ways (=), to Dataverse (>), to F&O (<). "
        "All of one map: dualflow maps show NAME",
        soft_wrap=True,
    )
    off = [each.name for each in chosen if each.name in catalogue.inactive]
    if off:
        out.print(f"Off until a setting names them: {', '.join(off)}", markup=False, soft_wrap=True)


def by_area(maps: Iterable[Map]) -> list[tuple[str, list[Map]]]:
    """Maps of the known areas in their order, then those of areas of your own."""
    groups: dict[str, list[Map]] = {area: [] for area in AREAS}
    for each in maps:
        groups.setdefault(each.area, []).append(each)
    return [(area, found) for area, found in groups.items() if found]


def arrow(each: Map) -> str:
    """Which way a map goes, F&O left and Dataverse right."""
    if each.to_dataverse and each.to_fno:
        return "↔"
    return "→" if each.to_dataverse else "←"


def directions(each: Map) -> dict[str, int]:
    """Number of field pairs for each direction."""
    pairs = each.compared
    return {
        "both": sum(pair.to_dataverse and pair.to_fno for pair in pairs),
        "to_dataverse": sum(pair.to_dataverse and not pair.to_fno for pair in pairs),
        "to_fno": sum(pair.to_fno and not pair.to_dataverse for pair in pairs),
    }


def _widths(width: int, maps: Collection[Map], names: Collection[str]) -> tuple[int, int, int]:
    """Columns for the map's name, the F&O set and the Dataverse table: what they need, or what there is."""
    longest = max(map(len, names), default=0)
    fno = max((len(each.fno.set) for each in maps), default=0)
    dataverse = max((len(each.dataverse.table) for each in maps), default=0)
    room = width - COUNTS - 5 * len(GAP) - 1
    if longest + fno + dataverse > room:
        longest = min(longest, int(width * MAP_SHARE))
        rest = max(room - longest, 2 * 8)
        fno = min(fno, max(rest // 2, rest - dataverse))
        dataverse = min(dataverse, rest - fno)
    return longest, fno, dataverse


def _lines(each: Map, name: str, widths: tuple[int, int, int]) -> list[str]:
    first, *more = textwrap.wrap(name, widths[0], subsequent_indent=GAP) or [""]
    counts = " ".join(f"{count or '·':>3}" for count in directions(each).values())
    parts = (
        f"{first:{widths[0]}}",
        f"{_cut(each.fno.set, widths[1]):{widths[1]}}",
        arrow(each),
        f"{_cut(each.dataverse.table, widths[2]):{widths[2]}}",
        counts,
    )
    return [GAP + GAP.join(parts), *(GAP + line for line in more)]


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"


def _remark(each: Map, catalogue: Catalogue, forms: Collection[str]) -> str:
    if each.name in catalogue.inactive:
        return " (off)"
    if not each.initial:
        return " (events)"
    return f" ({each.version})" if each.name in forms else ""
