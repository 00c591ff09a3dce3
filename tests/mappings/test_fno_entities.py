"""The reference of F&O entities covers every shipped map."""

from __future__ import annotations

from mappings import fno_entities
from mappings.catalogue import Catalogue

TYPES = {
    "Edm.String",
    "Edm.Boolean",
    "Edm.Int32",
    "Edm.Int64",
    "Edm.Decimal",
    "Edm.DateTimeOffset",
    "Edm.Guid",
    "enum",
}


def test_every_shipped_map_finds_its_entity(catalogue: Catalogue) -> None:
    entities = fno_entities.load()
    for ours in catalogue.maps.values():
        known = entities.sets[ours.fno.set]
        assert known.entity == ours.fno.entity
        assert known.key == ours.fno.key
        assert {pair.fno for pair in ours.fields if pair.fno} <= known.properties.keys()
        assert ours.verified <= known.verified, f"{ours.name} can't be surer than its entity set"


def test_types_and_enums_are_complete() -> None:
    entities = fno_entities.load()
    named = set()
    for entity in entities.sets.values():
        assert set(entity.key) <= entity.properties.keys()
        for name, each in entity.properties.items():
            assert each.name == name and each.type in TYPES
            assert (each.type == "enum") == (each.enum is not None)
            named.add(each.enum)
    assert named - {None} == set(entities.enums)
    for name, members in entities.enums.items():
        # two time zones were published under one number
        assert len(members) - len(set(members.values())) == (name == "Timezone"), name


def test_type_names_differ() -> None:
    sets = fno_entities.load().sets
    assert len({each.type for each in sets.values()}) == len(sets)
