"""Are the solutions there that bring the tables of the maps?

July 2019 had five; later packages renamed two of them, and split and joined others, whose tables count as well.
"""

from __future__ import annotations

from collections.abc import Iterator

from tasks.sync.health.check import Check
from tasks.sync.health.finding import Finding
from tasks.sync.health.surroundings import Surroundings
from tasks.sync.health.versions import number

SOLUTIONS: dict[str, tuple[str, ...]] = {
    "Company": ("Dynamics365Company",),
    "CurrencyExchangeRates": ("CurrencyExchangeRates",),
    "FinanceAndOperationsCommon": (
        "Dynamics365FinanceAndOperationsCommon",
        "msdyn_FinanceAndOperationsCommon",
        "msdyn_Dynamics365FinanceAndOperationsCommon",
    ),
    "FinanceCommon": (
        "Dynamics365FinanceCommon",
        "Dynamics365FinanceExtended",
        "msdyn_Dynamics365FinanceExtended",
    ),
    "SupplyChainCommon": (
        "Dynamics365SupplyChainCommon",
        "Dynamics365SupplyChainExtended",
        "msdyn_Dynamics365SupplyChainExtended",
    ),
}
"""Solution that a map names → unique names under which it is known, its successors last."""


def solutions(around: Surroundings) -> Iterator[Finding]:
    """Solutions that are missing, or of versions that don't belong together."""
    installed = {name.lower(): (name, version) for name, version in around.solutions().items()}
    there: dict[str, str] = {}
    for solution, names in SOLUTIONS.items():
        present = [installed[name.lower()] for name in names if name.lower() in installed]
        there |= dict(present)
        if not present:
            maps = tuple(each.name for each in around.maps if each.solution == solution)
            others = " or ".join(names)
            yield Finding(
                "solution_missing",
                "error" if maps else "note",
                "dataverse",
                names[0],
                f"{others}" if len(names) > 1 else names[0],
                "not installed",
                "install the dual-write application package (Power Platform admin center > Environments > Dynamics 365 apps);"
                " the dual-write link itself is not needed",
                maps=maps,
            )
    around.told["solutions"] = ", ".join(f"{name} {version}" for name, version in there.items())
    if len({number(version)[:1] for version in there.values()}) > 1:
        newest = max(there.values(), key=number)
        for name, version in there.items():
            if number(version)[:1] != number(newest)[:1]:
                yield Finding(
                    "solution_old",
                    "warning",
                    "dataverse",
                    name,
                    f"a version {number(newest)[0]}.…, as the other solutions have",
                    version,
                    "update it: solutions of one package belong together, and tables of an old one lack columns",
                )


CHECK = Check("solution", "Solutions in Dataverse", solutions, needs=("dataverse",))
