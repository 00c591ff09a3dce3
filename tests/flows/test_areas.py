"""Where the tasks are: each shipped map has one, in the module of its area."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections import Counter
from collections.abc import Iterator

from prefect import Task

import tasks
from mappings.catalogue import read_maps
from mappings.model import AREAS
from tasks.entity import EntityTask

MODULES = {
    "asset": ("Asset lifecycle", "Assets", "Functional locations", "Guides"),
    "category": ("Product categories",),
    "commerce": ("Loyalty", "Prospects", "Customer hierarchies"),
    "company": ("Company",),
    "contact": ("Contact persons",),
    "currency": ("Currencies", "Exchange rates"),
    "customer": ("Customer groups", "Customers"),
    "human_resources": ("Workers", "Jobs and positions", "Diversity"),
    "ledger": ("Fiscal calendars", "Chart of accounts and ledger", "Financial dimensions"),
    "note": ("Attachments",),
    "organization": ("Internal organizations", "Organization hierarchy"),
    "party": ("Parties and addresses", "Contact details"),
    "payment": (
        "Terms of payment",
        "Payment days",
        "Payment schedules",
        "Customer payment methods",
        "Vendor payment methods",
    ),
    "product": ("Products", "Product dimensions and policies", "Order settings"),
    "purchase": ("Purchase orders", "Product receipts"),
    "sales": ("Prices", "Delivery", "Sales quotations", "Sales orders", "Sales invoices"),
    "tax": ("Sales tax groups", "Tax reference", "Withholding tax"),
    "unit": ("Units",),
    "vendor": ("Vendor groups", "Vendors"),
    "warehouse": ("Sites and warehouses", "Warehouse locations", "Warehouse work", "On-hand inventory"),
}
"""Which module has the tasks of which areas."""


def declared() -> Iterator[tuple[str, str, EntityTask]]:
    """Module, identifier and task of everything that is declared beside the engine."""
    for module in pkgutil.iter_modules(tasks.__path__):
        if not module.ispkg:
            for name, member in vars(importlib.import_module(f"tasks.{module.name}")).items():
                if isinstance(member, Task):
                    yield module.name, name, member


def test_every_area_has_one_module() -> None:
    assert Counter(area for areas in MODULES.values() for area in areas) == Counter(AREAS)


def test_every_map_has_one_task_in_the_module_of_its_area() -> None:
    module_of = {area: module for module, areas in MODULES.items() for area in areas}
    expected = {each.name: module_of[each.area] for each in read_maps()}
    assert sorted((task.name, module) for module, _, task in declared()) == sorted(expected.items())


def test_identifiers_of_tasks_are_plain_words() -> None:
    assert [name for _, name, _ in declared() if not re.fullmatch(r"[a-z]+(_[a-z]+)*", name)] == []


def test_tasks_of_all_maps_run_in_one_process_without_mixing_up() -> None:
    """Prefect tells tasks apart by their keys."""
    keys = Counter(task.task_key for _, _, task in declared())
    assert [key for key, times in keys.items() if times > 1] == []


def test_a_module_of_an_area_reads_no_map() -> None:
    """Tasks are names until they run: importing them costs no more than Prefect does."""
    import subprocess
    import sys

    code = (
        "import importlib, sys, tasks.entity, yaml, builtins\n"
        "from pathlib import Path\n"
        "opened = []\n"
        "sys.addaudithook(lambda event, args: event == 'open' and opened.append(str(args[0])))\n"
        f"for name in {sorted(MODULES)!r}: importlib.import_module(f'tasks.{{name}}')\n"
        "sys.exit([path for path in opened if path.endswith(('.yaml', '.json', '.db'))] != [])"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
