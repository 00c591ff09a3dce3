"""Images: could a service have made this value out of that one?

Services trim, cut, round and recase what they are given. Where a row is read only after the write, or after a crash, and nothing
says who wrote it last, this is what tells the service's own doing from a user's edit. A wrong yes keeps a user's change of mere
case or blanks from travelling; a wrong no sends a service's own form back to where the value came from, once.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

import numpy as np

from mappings.metadata import Column, SideName
from tasks.sync.diff import UNKNOWN, Digests, Flags
from tasks.transform.digests import Texts, digests
from tasks.transform.layout import Layout, PairPlan

NUMBERS = frozenset({"decimal", "double"})
TEXTS = frozenset({"text", "memo"})
SHORTEST = 10
"""Characters of the shortest text that F&O's own types hold: what is shorter was not cut by it."""


class Images:
    """What one side may make of the values that it is sent.

    References and options stay what they are: who finds another one there finds a user's choice.
    """

    def __init__(self, layout: Layout, side: SideName) -> None:
        self._how = [_how(plan, plan.fno if side == "fno" else plan.dataverse, side) for plan in layout.pairs]
        self._texts = np.array([how in ("text", "cut") for how in self._how], dtype=bool)

    def is_image(self, pair: int, sent: str, held: str) -> bool:
        """Is `held` the trimmed, recased, rounded or cut form of `sent`? Both are canonical texts of this pair.

        An empty value is an image of nothing: a service that drops a value altogether can't be told from a user who does.
        """
        how = self._how[pair]
        if not held or not how:
            return not held and not sent
        if how == "number":
            return _rounds(sent, held)
        given, kept = _squeezed(sent), _squeezed(held)
        return given == kept or (how == "cut" and len(kept) >= SHORTEST and given.startswith(kept))

    def forms(self, texts: Texts, pairs: Flags, key: str) -> Digests:
        """Digests of texts as if blanks and case didn't count: what a service has trimmed or recased keeps its form.

        By them a write is known again whose text stands nowhere any more. Numbers and what was cut can't be.

        Args:
            texts: canonical texts, (rows, pairs).
            pairs: which of them are asked for.
            key: the installation's digest key.

        Returns: (rows, pairs), `UNKNOWN` where there is none.
        """
        known = pairs & self._texts
        squeezed = np.full(texts.shape, "", dtype=object)
        for row, pair in np.argwhere(known).tolist():
            squeezed[row, pair] = _squeezed(str(texts[row, pair]))
        found: Digests = np.where(known & squeezed.astype(bool), digests(squeezed, key), UNKNOWN)
        return found


def _how(plan: PairPlan, target: Column, side: SideName) -> str:
    if plan.lookup is not None or plan.pair.values:
        return ""
    if target.kind in NUMBERS:
        return "number"
    if target.kind not in TEXTS:
        return ""
    # Dataverse says how much a column holds, and refuses what is longer; F&O need not say it, and may cut
    return "cut" if side == "fno" and target.max_length is None else "text"


def _squeezed(text: str) -> str:
    return "".join(text.split()).casefold()


def _rounds(sent: str, held: str) -> bool:
    try:
        given, kept = Decimal(sent), Decimal(held)
    except InvalidOperation:
        return False
    if not (given.is_finite() and kept.is_finite()):
        return False
    exponent = kept.as_tuple().exponent
    assert isinstance(exponent, int)
    return abs(given - kept) < Decimal(1).scaleb(exponent)
