"""Products: masters with variants in four dimensions, plain products, and what each company released of them."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import product as combinations

from deployments.sandbox.seed.trading.group import SEED, Company, Row, Scale

PLAIN, MASTERS = 820, 95
COLORS = ("Red", "Green", "Blue", "Black", "White", "Silver", "Yellow", "Orange", "Navy", "Sand/Beige")
SIZES = ("XS", "S", "M", "L", "XL", "XXL", '1/2"', '3/4"', "10%", "20 cm", "40 cm", "80 cm")
STYLES = ("Classic", "Slim", "Outdoor", "Office")
CONFIGURATIONS = ("Standard", "Premium", "230 V", "110 V")
GROUPS: dict[str, tuple[str, ...]] = {
    "Color": ("Color",),
    "Col-Size": ("Color", "Size"),
    "Style-Color": ("Style", "Color"),
    "Config": ("Configuration",),
    "All four": ("Color", "Size", "Style", "Configuration"),
}
VALUES = {"Color": COLORS, "Size": SIZES, "Style": STYLES, "Configuration": CONFIGURATIONS}
NOUNS = (
    "Crate",
    "Lantern",
    "Rope",
    "Winch",
    "Jacket",
    "Boot",
    "Pump",
    "Valve",
    "Sensor",
    "Cable",
    "Gasket",
    "Tarpaulin",
)
TRAITS = (
    "Coastal",
    "Harbour",
    "Heavy-duty",
    "Compact",
    "Marine",
    "Insulated",
    "Folding",
    "Stainless",
    "Northern",
    "Twin",
)
UNITS = ("ea", "pcs", "box", "kg", "m", "l", "pr")


@dataclass
class Products:
    """Rows by F&O set, in the order to create them; `links` change rows that are there."""

    groups: list[Row] = field(default_factory=list)
    products: list[Row] = field(default_factory=list)
    released: list[Row] = field(default_factory=list)
    links: list[Row] = field(default_factory=list)
    distinct: list[Row] = field(default_factory=list)


def dimensions() -> list[tuple[str, list[Row]]]:
    """The values of the four dimensions."""
    return [
        ("ProductColors", [{"ColorId": value} for value in COLORS]),
        ("ProductSizes", [{"SizeId": value} for value in SIZES]),
        ("ProductStyles", [{"StyleId": value} for value in STYLES]),
        ("ProductConfigurations", [{"ConfigurationId": value} for value in CONFIGURATIONS]),
    ]


def of_group(companies: Sequence[Company], vendors: Mapping[str, list[str]], scale: Scale) -> Products:
    """All products of the group.

    Args:
        companies: who may sell them.
        vendors: vendor accounts by company, whom products are bought from.
    """
    draw = random.Random(f"{SEED} products")
    found = Products(groups=[_dimension_group(name, used) for name, used in GROUPS.items()])
    for number in range(1, scale.of(PLAIN) + 1):
        item = f"P{number:05d}"
        _product(
            found, draw, companies, vendors, item, f"{draw.choice(TRAITS)} {draw.choice(NOUNS)} {number}", ""
        )
    for number in range(1, scale.of(MASTERS) + 1):
        item = f"M{number:04d}"
        group = draw.choice(list(GROUPS))
        _product(
            found,
            draw,
            companies,
            vendors,
            item,
            f"{draw.choice(TRAITS)} {draw.choice(NOUNS)} range {number}",
            group,
        )
    return found


def _dimension_group(name: str, used: tuple[str, ...]) -> Row:
    row: Row = {"GroupName": name, "GroupDescription": f"Varies by {', '.join(used).lower()}"}
    for dimension in VALUES:
        active = "Yes" if dimension in used else "No"
        row[f"IsProduct{dimension}Active"] = active
        row[f"WillSalesPriceSearchUseProduct{dimension}"] = active
    return row


def _product(
    found: Products,
    draw: random.Random,
    companies: Sequence[Company],
    vendors: Mapping[str, list[str]],
    item: str,
    name: str,
    group: str,
) -> None:
    service = not group and draw.random() < 0.06
    price = Decimal(draw.randint(199, 250_000)) / 100
    unit = draw.choice(UNITS)
    variants = _variants(draw, item, name, group)
    found.products.append({"ProductNumber": item, "ProductName": name})
    found.products += [
        {"ProductNumber": row["ProductNumber"], "ProductName": row["ProductName"]} for row in variants
    ]
    sellers = [company for company in companies if draw.random() < 0.35 + company.share]
    for company in sellers or companies[:1]:
        released = _released(draw, company, vendors[company.code], item, group, service, price, unit)
        earlier = [row["ItemNumber"] for row in found.released if row["dataAreaId"] == company.code]
        found.released.append(released)
        if earlier and draw.random() < 0.08:
            found.links.append(
                {
                    "dataAreaId": company.code,
                    "ItemNumber": item,
                    "AlternativeItemNumber": draw.choice(earlier),
                }
            )
        for row in variants or [{"ProductNumber": item, "ProductName": name}]:
            found.distinct.append(
                {
                    "dataAreaId": company.code,
                    "ItemNumber": item,
                    "ProductType": released["ProductType"],
                    "CurrencyCode": company.currency,
                    "SalesUnitSymbol": unit,
                    "SalesUnitDecimalPrecision": 0 if unit in ("ea", "pcs", "pr") else 3,
                    "SalesPrice": price,
                    "UnitCost": released["UnitCost"],
                    "IsStockedProduct": "No" if service else "Yes",
                    "FieldServiceProductType": "Service" if service else "Inventory",
                    **row,
                }
            )


def _variants(draw: random.Random, item: str, name: str, group: str) -> list[Row]:
    if not group:
        return []
    used = GROUPS[group]
    values = [
        draw.sample(VALUES[dimension], min(3 if len(used) < 4 else 2, len(VALUES[dimension])))
        for dimension in used
    ]
    return [
        {
            "ProductNumber": f"{item} : {' : '.join(chosen)}",
            "ProductName": f"{name}, {', '.join(chosen)}",
            **{f"Product{dimension}Id": value for dimension, value in zip(used, chosen, strict=True)},
        }
        for chosen in combinations(*values)
    ]


def _released(
    draw: random.Random,
    company: Company,
    vendors: list[str],
    item: str,
    group: str,
    service: bool,
    price: Decimal,
    unit: str,
) -> Row:
    return {
        "dataAreaId": company.code,
        "ItemNumber": item,
        "ProductNumber": item,
        "ProductType": "Service" if service else "Item",
        "ProductDimensionGroupName": group,
        "InventoryUnitSymbol": "ea" if service else unit,
        "SalesUnitSymbol": unit,
        "PurchaseUnitSymbol": unit,
        "SalesPrice": price,
        "PurchasePrice": (price * Decimal("0.6")).quantize(Decimal("0.01")),
        # six digits here, two in Dataverse
        "UnitCost": (price * Decimal("0.583333")).quantize(Decimal("0.000001")),
        "NetProductWeight": Decimal(draw.randint(1, 90_000)) / 1000,
        "TareProductWeight": Decimal(draw.randint(0, 900)) / 1000,
        "PrimaryVendorAccountNumber": draw.choice(vendors) if draw.random() < 0.7 else "",
        "SellStartDate": f"{draw.randint(2019, 2025)}-0{draw.randint(1, 9)}-01T12:00:00Z",
        "ShelfLifePeriodDays": draw.choice((0, 0, 0, 180, 365)),
        "MarginABCCode": draw.choice(("None", "A", "B", "C")),
    }
