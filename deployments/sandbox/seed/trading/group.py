"""The trading group of the demo: its companies, the pools that names come from, how much of everything."""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

from faker import Faker

Row = dict[str, Any]
SEED = 20_190_701
"""Every run makes the same rows."""


@dataclass(frozen=True)
class Company:
    """A legal entity.

    Attributes:
        code: as F&O keeps it in `dataAreaId`.
        prefix: of its account numbers.
        share: how much of the group's business it does.
        language: F&O language id.
        country: ISO 3166 alpha-3, as F&O's address forms take it; `iso` is alpha-2.
    """

    code: str
    name: str
    prefix: str
    locale: str
    language: str
    currency: str
    country: str
    iso: str
    share: float

    @cached_property
    def random(self) -> random.Random:
        """The company's own draws, from their start for each new `Company`: one company's rows change no other's."""
        return random.Random(f"{SEED} {self.code}")

    @cached_property
    def pools(self) -> Pools:
        """Names and places of the company's country."""
        return pools_of(self.locale, self.code)


class Pools:
    """Names to draw from; made once, because making each anew would take longer than all the rest."""

    def __init__(self, locale: str, salt: str) -> None:
        fake = Faker(locale)
        fake.seed_instance(f"{SEED} {salt}")
        self.organizations = sorted({fake.company()[:90] for _ in range(900)})
        self.first_names = sorted({fake.first_name()[:25] for _ in range(400)})
        self.last_names = sorted({fake.last_name()[:50] for _ in range(600)})
        self.streets = [fake.street_address()[:95] for _ in range(700)]
        self.places = [(fake.city()[:60], fake.postcode()) for _ in range(300)]
        self.jobs = sorted({fake.job()[:80] for _ in range(120)})
        self.notes = [fake.sentence(nb_words=9) for _ in range(80)]


@cache
def pools_of(locale: str, salt: str) -> Pools:
    return Pools(locale, salt)


def companies() -> tuple[Company, ...]:
    """The group's companies, the one with most business first."""
    return (
        Company("usmf", "Harbourline Trading Inc.", "US", "en_US", "en-us", "USD", "USA", "US", 0.5),
        Company("demf", "Harbourline Handels GmbH", "DE", "de_DE", "de", "EUR", "DEU", "DE", 0.3),
        Company("gbsi", "Harbourline Trading UK Ltd", "GB", "en_GB", "en-gb", "GBP", "GBR", "GB", 0.2),
    )


@dataclass(frozen=True)
class Scale:
    """How many rows of what grows: about 20,000 rows in all at `factor` 1.

    The reference data (currencies, units, terms, groups: some 750 rows) stays as it is.
    """

    factor: float = 1.0

    def of(self, number: float) -> int:
        """So many at this scale, at least two."""
        return max(2, round(number * self.factor))


def phone(company: Company) -> str:
    """A telephone number as people type them."""
    draw = company.random
    if company.iso == "US":
        return f"+1 ({draw.randint(200, 989)}) 555-{draw.randint(100, 9999):04d}"
    country = {"DE": "+49", "GB": "+44"}[company.iso]
    return f"{country} {draw.randint(20, 999)} {draw.randint(100_000, 9_999_999)}"


def mail(name: str, host: str) -> str:
    """An address under example.com, which belongs to nobody."""
    local = "".join(letter for letter in name.casefold().replace(" ", ".") if letter.isascii())
    return f"{local[:40] or 'office'}@{host}.example.com"


def host_of(organization: str) -> str:
    """A host name out of an organization's name."""
    return "".join(letter for letter in organization.casefold() if letter.isascii() and letter.isalnum())[:30]
