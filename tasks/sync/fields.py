"""Fields: which field pair a service means when it refuses a row.

Neither service says it in a field of its answer: Dataverse names its column somewhere in the text, F&O its label, which is the
property's name in words. What can't be told is left open; the service's words are listed in any case.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from mappings.metadata import SideName
from tasks.transform.layout import PairPlan

_QUOTED = re.compile(r"'([^']{2,80})'|\"([^\"]{2,80})\"")
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]{2,}")
_SPACE = re.compile(r"[^a-z0-9]+")


def meant(message: str, side: SideName, plans: Sequence[PairPlan]) -> str:
    """The id of the one field pair that a refusal is about; "" if it names none, or several."""
    quoted = {_folded(a or b) for a, b in _QUOTED.findall(message)}
    words = quoted | {_folded(word) for word in _WORD.findall(message)}
    names = {plan.pair.id: _folded((plan.fno if side == "fno" else plan.dataverse).name) for plan in plans}
    for said in (quoted, words):
        found = [pair for pair, name in names.items() if name in said]
        if len(found) == 1:
            return found[0]
    # a label is often the beginning of its property's name: "Customer group" for CustomerGroupId
    found = [
        pair
        for pair, name in names.items()
        if any(len(each) > 4 and name.startswith(each) for each in quoted)
    ]
    return found[0] if len(found) == 1 else ""


def _folded(text: str) -> str:
    return _SPACE.sub("", text.casefold())
