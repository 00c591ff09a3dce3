"""What a run may write, and whose value wins where nobody knows what stood there before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from mappings.errors import FatalError
from mappings.model import Map

ModeName = Literal["both", "to-dataverse", "to-fno", "link"]
MODES: tuple[ModeName, ...] = ("both", "to-dataverse", "to-fno", "link")


@dataclass(frozen=True, slots=True)
class Mode:
    """Mode of an initial sync, or of a live one.

    Attributes:
        master: Side whose value wins a difference without a base.
        write: False: pair and report, write nothing.
        hold_unknown: A difference without a base waits for a person instead.
    """

    name: str
    master: Literal["fno", "dataverse"]
    create_dataverse: bool = True
    create_fno: bool = True
    update_dataverse: bool = True
    update_fno: bool = True
    write: bool = True
    hold_unknown: bool = False

    @classmethod
    def live(cls, sync: Map) -> Mode:
        """A delta: everything that the map allows; without a base the side that the map's policy prefers wins, or nobody."""
        master: Literal["fno", "dataverse"] = "dataverse" if sync.conflict == "dataverse" else "fno"
        return cls("live", master, hold_unknown=sync.conflict == "hold")

    @classmethod
    def initial(cls, sync: Map, name: str | None, master: Literal["fno", "dataverse"]) -> Mode:
        """Mode of a first connection; `both` unless the map only goes one way.

        Raises:
            FatalError: unknown name.
        """
        if name is None:
            name = (
                "both"
                if sync.to_dataverse and sync.to_fno
                else "to-dataverse"
                if sync.to_dataverse
                else "to-fno"
            )
        if name == "both":
            return cls("both", master)
        if name == "to-dataverse":
            return cls(name, "fno", create_fno=False, update_fno=False)
        if name == "to-fno":
            return cls(name, "dataverse", create_dataverse=False, update_dataverse=False)
        if name == "link":
            return cls(name, master, False, False, False, False, write=False)
        raise FatalError(
            f"unknown mode {name!r} of an initial sync",
            code="mode",
            remedy=f"choose one of {', '.join(MODES)}",
        )
