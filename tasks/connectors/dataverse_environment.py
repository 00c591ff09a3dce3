"""What a Dataverse environment says about itself: version, our user and its privileges, solutions, plug-in steps, tables.

Rests on Microsoft's documents of the Web API: its functions `RetrieveVersion` and `RetrieveUserPrivileges`, the system tables of
users, solutions and steps, and the metadata of tables with their keys and privileges.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, NamedTuple

from tasks.connectors.batchread import all_rows, get_parts
from tasks.connectors.http import Client
from tasks.connectors.odata import query, text_literal
from tasks.connectors.paging import ROW, follow
from tasks.connectors.refusals import refused
from tasks.connectors.side import Row

DEPTHS = ("Basic", "Local", "Deep", "Global")
"""How far a privilege reaches: own rows, those of the business unit, of the units below too, all of the organization."""
_PUBLISHED = 2
"""Status of a rule of duplicate detection that is in force."""
_NAMES_A_QUESTION = 40
"""Tables that one filter names: metadata has no pages, and a filter can be too long."""


@dataclass(frozen=True, slots=True)
class DataverseUser:
    """Our application user.

    Attributes:
        integration: it writes as an integration does: totals of orders are left as they are.
        roles: names of its security roles, sorted.
    """

    id: str
    name: str
    disabled: bool
    integration: bool
    roles: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Organization:
    """What holds for the whole environment.

    Attributes:
        duplicate_detection: its rules are in force.
        keeps_order_totals: totals of orders are left as integrations write them, if the user is one.
    """

    duplicate_detection: bool
    keeps_order_totals: bool


@dataclass(frozen=True, slots=True)
class DuplicateRule:
    """A published rule: rows of `base` are compared with those of `matching` (logical names)."""

    name: str
    base: str
    matching: str


@dataclass(frozen=True, slots=True)
class Team:
    """A team with the names of its roles."""

    name: str
    roles: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Step:
    """A plug-in step: what runs when rows of a table are created, changed or deleted.

    Attributes:
        table: logical name of the table; "" for a step of no table in particular.
        message: such as ``Create``.
        assembly, type: the plug-in that it runs.
    """

    name: str
    table: str
    message: str
    assembly: str
    type: str
    enabled: bool


@dataclass(frozen=True, slots=True)
class AlternateKey:
    """An alternate key.

    Attributes:
        status: ``Active`` once its index is built, else ``Pending``, ``InProgress`` or ``Failed``.
    """

    name: str
    columns: tuple[str, ...]
    status: str


class Privilege(NamedTuple):
    """A right to one kind of thing with the rows of a table."""

    name: str
    id: str


@dataclass(frozen=True, slots=True)
class Description:
    """What checks need to know of a table.

    Attributes:
        privileges: by kind (``Read``, ``Create``, ``Write``, ``Delete``, ``Append``, ``AppendTo``, ``Assign``, …); some tables
            share theirs with others.
        duplicate_detection: rules of duplicate detection may apply to it.
    """

    set: str
    logical: str
    tracked: bool
    user_owned: bool
    virtual: bool
    duplicate_detection: bool
    keys: tuple[AlternateKey, ...]
    privileges: Mapping[str, Privilege]


def version(client: Client) -> str:
    """Version of the environment, such as ``9.2.25093.00168``."""
    return str(_one(client, "RetrieveVersion", "its version")["Version"])


def user(client: Client, id_: str) -> DataverseUser:
    """A system user with its roles; those that it has through a team are not among them."""
    about = _one(client, f"systemusers({id_})?$select=fullname,isdisabled,isintegrationuser", "our user")
    roles = _rows(
        client, f"systemusers({id_})/systemuserroles_association?$select=name", "the roles of our user"
    )
    names = tuple(sorted(str(role["name"]) for role in roles))
    return DataverseUser(
        id_,
        str(about.get("fullname") or ""),
        bool(about.get("isdisabled")),
        bool(about.get("isintegrationuser")),
        names,
    )


def organization(client: Client, id_: str) -> Organization:
    """What holds for the whole environment."""
    columns = "isduplicatedetectionenabled,issopintegrationenabled"
    about = _one(client, f"organizations({id_})?$select={columns}", "the organization")
    return Organization(
        bool(about.get("isduplicatedetectionenabled")), bool(about.get("issopintegrationenabled"))
    )


def duplicate_rules(client: Client) -> list[DuplicateRule]:
    """Published rules of duplicate detection."""
    options = {"$select": "name,baseentityname,matchingentityname", "$filter": f"statuscode eq {_PUBLISHED}"}
    rows = _rows(client, f"duplicaterules?{query(options)}", "the rules of duplicate detection")
    return [
        DuplicateRule(
            str(row.get("name") or ""),
            str(row.get("baseentityname") or ""),
            str(row.get("matchingentityname") or ""),
        )
        for row in rows
    ]


def privileges(client: Client, user_id: str) -> dict[str, str]:
    """What a user may do: id of the privilege, and its name, both in lower case → its depth, see `DEPTHS`.

    Privileges of its teams are among them; environments of an older version tell ids alone.
    """
    path = f"systemusers({user_id})/Microsoft.Dynamics.CRM.RetrieveUserPrivileges"
    held = _one(client, path, "the privileges of our user")["RolePrivileges"]
    depths: dict[str, str] = {}
    for each in held:
        depth = str(each.get("Depth") or "")
        for mark in filter(None, (each.get("PrivilegeId"), each.get("PrivilegeName"))):
            # a user may hold one through several roles and teams: the widest counts
            depths[mark.lower()] = max(depths.get(mark.lower(), ""), depth, key=_width)
    return depths


def _width(depth: str) -> int:
    return DEPTHS.index(depth) if depth in DEPTHS else -1


def teams(client: Client, ids: Collection[str]) -> dict[str, Team]:
    """Teams by id; those that don't exist are left out."""
    targets = [
        "teams?"
        + query(
            {
                "$select": "teamid,name",
                "$filter": " or ".join(f"teamid eq {id_}" for id_ in some),
                "$expand": "teamroles_association($select=name)",
            }
        )
        for some in _groups(ids)
    ]
    return {
        str(row["teamid"]): Team(
            str(row.get("name") or ""),
            tuple(sorted(str(role["name"]) for role in row.get("teamroles_association") or ())),
        )
        for row in _each(client, targets)
    }


def solutions(client: Client) -> dict[str, str]:
    """Installed solutions: unique name → version."""
    rows = _rows(client, "solutions?$select=uniquename,version", "the list of solutions")
    return {str(row["uniquename"]): str(row["version"]) for row in rows}


def steps(client: Client) -> list[Step]:
    """All plug-in steps that run for a table."""
    options = {
        "$select": "name,statecode",
        "$expand": "sdkmessageid($select=name),sdkmessagefilterid($select=primaryobjecttypecode),"
        "plugintypeid($select=typename,assemblyname)",
    }
    rows = _rows(client, f"sdkmessageprocessingsteps?{query(options)}", "the list of plug-in steps")
    return [_step(row) for row in rows]


def describe(client: Client, sets: Collection[str]) -> dict[str, Description]:
    """Tables by entity set; those that don't exist are left out."""
    targets = [
        "EntityDefinitions?"
        + query(
            {
                "$select": "LogicalName,EntitySetName,ChangeTrackingEnabled,OwnershipType,TableType,"
                "IsDuplicateDetectionEnabled,Privileges",
                "$expand": "Keys($select=LogicalName,KeyAttributes,EntityKeyIndexStatus)",
                "$filter": " or ".join(f"EntitySetName eq {text_literal(name)}" for name in some),
            }
        )
        for some in _groups(sets)
    ]
    return {str(row["EntitySetName"]): _description(row) for row in _each(client, targets)}


def _groups(names: Collection[str]) -> list[list[str]]:
    """Names in groups that one filter can hold."""
    wanted = sorted(names)
    return [wanted[at : at + _NAMES_A_QUESTION] for at in range(0, len(wanted), _NAMES_A_QUESTION)]


def _each(client: Client, targets: list[str]) -> Iterator[Row]:
    """The rows of several reads, asked in one batch."""
    with ThreadPoolExecutor(1) as beside:
        parts = get_parts(client, beside, "metadata", targets, size=100)
    for part, target in zip(parts, targets, strict=True):
        yield from all_rows(client, "metadata", part, target)


def _one(client: Client, path: str, doing: str) -> Row:
    answer = client.send("metadata", "GET", path, decoder=ROW)
    if answer.data is None:
        raise refused(client.error_of(answer), doing)
    found: Row = answer.data
    return found


def _rows(client: Client, path: str, doing: str) -> Iterator[Row]:
    with ThreadPoolExecutor(1) as beside:
        for page in follow(client, beside, "metadata", path, doing=doing):
            yield from page.value


def _step(row: Row) -> Step:
    def of(lookup: str, column: str) -> str:
        return str((row.get(lookup) or {}).get(column) or "")

    table = of("sdkmessagefilterid", "primaryobjecttypecode")
    return Step(
        name=str(row.get("name") or ""),
        table="" if table == "none" else table,
        message=of("sdkmessageid", "name"),
        assembly=of("plugintypeid", "assemblyname"),
        type=of("plugintypeid", "typename"),
        enabled=row.get("statecode") == 0,
    )


def _description(row: Mapping[str, Any]) -> Description:
    detection = row.get("IsDuplicateDetectionEnabled")
    return Description(
        set=str(row["EntitySetName"]),
        logical=str(row["LogicalName"]),
        tracked=bool(row.get("ChangeTrackingEnabled")),
        user_owned=row.get("OwnershipType") == "UserOwned",
        virtual=row.get("TableType") == "Virtual",
        duplicate_detection=bool(detection.get("Value") if isinstance(detection, dict) else detection),
        keys=tuple(
            AlternateKey(
                str(key.get("LogicalName") or ""),
                tuple(key["KeyAttributes"]),
                str(key.get("EntityKeyIndexStatus") or ""),
            )
            for key in row.get("Keys") or ()
        ),
        privileges={
            str(each["PrivilegeType"]): Privilege(
                str(each["Name"]), str(each.get("PrivilegeId") or "").lower()
            )
            for each in row.get("Privileges") or ()
            if each.get("PrivilegeType") not in (None, "None")
        },
    )
