"""What the whole group shares: companies, ISO 4217 currencies, ECB reference rates, units, name affixes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise

import pycountry
from currency_converter import CurrencyConverter

from deployments.sandbox.seed.trading.group import Company, Row, Scale

SYMBOLS = {
    "USD": "$",
    "EUR": "€",
    "GBP": "£",
    "JPY": "¥",
    "CNY": "¥",
    "INR": "₹",
    "KRW": "₩",
    "CHF": "CHF",
    "SEK": "kr",
    "NOK": "kr",
    "DKK": "kr",
    "PLN": "zł",
    "CZK": "Kč",
    "TRY": "₺",
    "ILS": "₪",
    "BRL": "R$",
    "ZAR": "R",
}
MONTHS = 34
"""How far back the rates go at full scale."""
END_OF_TIME = "2154-12-31T12:00:00Z"
RATE_TYPES = {"Default": "ECB reference rates", "Budget": "Planned rates of the year", "Average": "Averages"}


def legal_entities(companies: Iterable[Company]) -> list[Row]:
    return [{"LegalEntityId": company.code.upper(), "Name": company.name} for company in companies]


def currencies() -> list[Row]:
    """All of ISO 4217, and F&O's code for none, which the map leaves out."""
    rows: list[Row] = [
        {
            "CurrencyCode": each.alpha_3,
            "Name": each.name[:100],
            "Symbol": SYMBOLS.get(each.alpha_3, each.alpha_3),
        }
        for each in pycountry.currencies
    ]
    return [*rows, {"CurrencyCode": "999", "Name": "No currency", "Symbol": ""}]


class Rates:
    """ECB reference rates against the euro, first of each month, out of the file that currencyconverter ships."""

    def __init__(self, scale: Scale) -> None:
        self._converter = CurrencyConverter(
            fallback_on_missing_rate=True, fallback_on_missing_rate_method="last_known"
        )
        known = {code: bounds for code, bounds in self._converter.bounds.items() if bounds}
        last = max(bounds.last_date for bounds in known.values())
        self._starts = _months(last, min(MONTHS, max(3, scale.of(MONTHS))))
        self._codes = sorted(
            code
            for code, bounds in known.items()
            if code != "EUR" and bounds.last_date == last and bounds.first_date < self._starts[0]
        )

    def types(self) -> list[Row]:
        return [{"Name": name, "Description": text} for name, text in RATE_TYPES.items()]

    def pairs(self) -> list[Row]:
        return [
            {
                "FromCurrencyCode": "EUR",
                "ToCurrencyCode": code,
                "ExchangeRateTypeName": kind,
                "ExchangeRateDisplayFactor": "Hundred" if code in ("JPY", "KRW", "IDR", "HUF") else "One",
            }
            for kind, codes in self._quoted()
            for code in codes
        ]

    def rates(self) -> list[Row]:
        """A rate holds until the next one begins; the last has no end."""
        return [
            {
                "ExchangeRateTypeName": kind,
                "FromCurrencyCode": "EUR",
                "ToCurrencyCode": code,
                "ValidFrom": f"{start}T12:00:00Z",
                "ValidTo": f"{end - timedelta(days=1)}T12:00:00Z" if end else END_OF_TIME,
                "Rate": self._rate(code, start),
            }
            for kind, codes in self._quoted()
            for code in codes
            for start, end in self._periods(kind)
        ]

    def _quoted(self) -> Iterator[tuple[str, list[str]]]:
        yield "Default", self._codes
        yield "Budget", [code for code in self._codes if code in ("USD", "GBP", "CHF", "JPY", "CNY")]

    def _periods(self, kind: str) -> list[tuple[date, date | None]]:
        starts = self._starts if kind == "Default" else self._starts[:1]
        return [*pairwise(starts), (starts[-1], None)]

    def _rate(self, code: str, on: date) -> Decimal:
        return Decimal(repr(self._converter.convert(1, "EUR", code, date=on))).quantize(
            Decimal("0.0000000001")
        )


def _months(last: date, count: int) -> list[date]:
    """The first days of the `count` months that end with that of `last`, oldest first."""
    months = [last.year * 12 + last.month - 1 - back for back in range(count)]
    return [date(month // 12, month % 12 + 1, 1) for month in reversed(months)]


# class → (system of units, symbol → (description, decimals, factor to the base unit)); the first is the base unit
UNITS: dict[str, tuple[tuple[str, str, str, int, str], ...]] = {
    "Quantity": (
        ("ea", "Each", "None", 0, "1"),
        ("pcs", "Pieces", "None", 0, "1"),
        ("pr", "Pair", "None", 0, "2"),
        ("dz", "Dozen", "None", 0, "12"),
        ("gro", "Gross", "None", 0, "144"),
        ("box", "Box of 10", "None", 0, "10"),
        ("ctn", "Carton of 24", "None", 0, "24"),
        ("pal", "Pallet of 480", "None", 0, "480"),
        ("rm", "Ream of 500 sheets", "None", 0, "500"),
    ),
    "Mass": (
        ("kg", "Kilogram", "Metric", 3, "1"),
        ("g", "Gram", "Metric", 1, "0.001"),
        ("mg", "Milligram", "Metric", 0, "0.000001"),
        ("t", "Tonne", "Metric", 4, "1000"),
        ("lb", "Pound", "US", 3, "0.45359237"),
        ("oz", "Ounce", "US", 2, "0.0283495231"),
        ("ston", "Short ton", "US", 4, "907.18474"),
    ),
    "Length": (
        ("m", "Metre", "Metric", 3, "1"),
        ("km", "Kilometre", "Metric", 3, "1000"),
        ("cm", "Centimetre", "Metric", 1, "0.01"),
        ("mm", "Millimetre", "Metric", 0, "0.001"),
        ("in", "Inch", "US", 2, "0.0254"),
        ("ft", "Foot", "US", 2, "0.3048"),
        ("yd", "Yard", "US", 2, "0.9144"),
        ("mi", "Mile", "US", 3, "1609.344"),
    ),
    "Area": (
        ("m2", "Square metre", "Metric", 2, "1"),
        ("cm2", "Square centimetre", "Metric", 0, "0.0001"),
        ("ha", "Hectare", "Metric", 4, "10000"),
        ("sqft", "Square foot", "US", 2, "0.09290304"),
        ("ac", "Acre", "US", 3, "4046.8564224"),
    ),
    "LiquidVolume": (
        ("l", "Litre", "Metric", 3, "1"),
        ("ml", "Millilitre", "Metric", 0, "0.001"),
        ("cl", "Centilitre", "Metric", 1, "0.01"),
        ("hl", "Hectolitre", "Metric", 4, "100"),
        ("gal", "US gallon", "US", 3, "3.785411784"),
        ("qt", "US quart", "US", 2, "0.946352946"),
        ("pt", "US pint", "US", 2, "0.473176473"),
        ("fl oz", "US fluid ounce", "US", 2, "0.0295735296"),
    ),
    "Time": (
        ("s", "Second", "None", 0, "1"),
        ("min", "Minute", "None", 0, "60"),
        ("hr", "Hour", "None", 2, "3600"),
        ("day", "Day", "None", 2, "86400"),
        ("wk", "Week", "None", 2, "604800"),
    ),
    "Energy": (("J", "Joule", "Metric", 0, "1"), ("kWh", "Kilowatt hour", "Metric", 3, "3600000")),
    "Pressure": (("Pa", "Pascal", "Metric", 0, "1"), ("bar", "Bar", "Metric", 3, "100000")),
    "Temperature": (
        ("K", "Kelvin", "Metric", 2, "1"),
        ("°C", "Degree Celsius", "Metric", 1, ""),
        ("°F", "Degree Fahrenheit", "US", 1, ""),
    ),
}
OFFSETS: tuple[Row, ...] = (
    {"FromUnitSymbol": "°C", "ToUnitSymbol": "K", "Factor": 1, "OuterOffset": Decimal("273.15")},
    {
        "FromUnitSymbol": "°F",
        "ToUnitSymbol": "°C",
        "Factor": 1,
        "Numerator": 5,
        "Denominator": 9,
        "InnerOffset": -32,
    },
)
AFFIXES = {
    "PersonalPrefix": ("Dr.", "Prof.", "Mr.", "Ms.", "Mrs.", "Herr", "Frau", "Dipl.-Ing."),
    "PersonalSuffix": ("Jr.", "Sr.", "II", "III", "PhD", "MBA"),
}


def units() -> list[Row]:
    return [
        {
            "UnitSymbol": symbol,
            "UnitClass": unit_class,
            "UnitDescription": text,
            "DecimalPrecision": decimals,
            "IsBaseUnit": "Yes" if position == 0 else "No",
            "IsSystemUnit": "Yes" if position == 0 else "No",
            "SystemOfUnits": system,
        }
        for unit_class, members in UNITS.items()
        for position, (symbol, text, system, decimals, _) in enumerate(members)
    ]


def conversions() -> list[Row]:
    """From every unit to its base unit, and the two with an offset."""
    to_base: list[Row] = [
        {
            "FromUnitSymbol": symbol,
            "ToUnitSymbol": members[0][0],
            "Factor": Decimal(factor),
            "Numerator": 1,
            "Denominator": 1,
            "Rounding": "Nearest",
        }
        for members in UNITS.values()
        for symbol, *_, factor in members[1:]
        if factor
    ]
    return [*to_base, *OFFSETS]


def affixes() -> list[Row]:
    return [
        {
            "Type": kind,
            "Affix": text,
            "Description": f"{text} ({'before' if 'Pre' in kind else 'after'} the name)",
        }
        for kind, texts in AFFIXES.items()
        for text in texts
    ]
