"""$metadata of Dataverse: CSDL with tables, keys, lookups and change tracking annotations."""

from __future__ import annotations

from collections.abc import Mapping
from xml.sax.saxutils import quoteattr

from deployments.sandbox.dataverse.values import EDM
from deployments.sandbox.schema.model import DataverseTable, Schema

NAMESPACE = "Microsoft.Dynamics.CRM"


def csdl(schema: Schema, virtual: Mapping[str, DataverseTable]) -> bytes:
    """The whole document.

    Args:
        virtual: the virtual tables that exist.
    """
    types, sets = [], []
    for spec in (*schema.dataverse.values(), *virtual.values()):
        types.append(_type(schema, spec))
        sets.append(_set(schema, spec))
    return (
        '<?xml version="1.0" encoding="utf-8"?>'
        '<edmx:Edmx Version="4.0" xmlns:edmx="http://docs.oasis-open.org/odata/ns/edmx"><edmx:DataServices>'
        f'<Schema Namespace="{NAMESPACE}" Alias="mscrm" xmlns="http://docs.oasis-open.org/odata/ns/edm">'
        f'<EntityType Name="crmbaseentity" Abstract="true"/>{"".join(types)}'
        f'<EntityContainer Name="System">{"".join(sets)}</EntityContainer>'
        "</Schema></edmx:DataServices></edmx:Edmx>"
    ).encode()


def _type(schema: Schema, spec: DataverseTable) -> str:
    parts = [f'<Key><PropertyRef Name="{spec.id}"/></Key>']
    for column in spec.columns.values():
        parts.append(f'<Property Name="{column.wire}" Type="{EDM[column.kind]}"/>')
        for target, navigation in column.navigation.items():
            logical = schema.dataverse[target].logical
            constraint = (
                f'<ReferentialConstraint Property="{column.wire}" '
                f'ReferencedProperty="{schema.dataverse[target].id}"/>'
            )
            parts.append(
                f'<NavigationProperty Name={quoteattr(navigation)} Type="mscrm.{logical}">'
                f"{constraint}</NavigationProperty>"
            )
    return f'<EntityType Name="{spec.logical}" BaseType="mscrm.crmbaseentity">{"".join(parts)}</EntityType>'


def _set(schema: Schema, spec: DataverseTable) -> str:
    bindings = "".join(
        f'<NavigationPropertyBinding Path={quoteattr(navigation)} Target="{target}"/>'
        for column in spec.columns.values()
        for target, navigation in column.navigation.items()
    )
    tracking = ""
    if spec.tracked:
        tracking = (
            '<Annotation Term="Org.OData.Capabilities.V1.ChangeTracking"><Record>'
            '<PropertyValue Property="Supported" Bool="true"/></Record></Annotation>'
        )
    return f'<EntitySet Name="{spec.set}" EntityType="mscrm.{spec.logical}">{bindings}{tracking}</EntitySet>'
