"""The tables. What a table means is said by the record of the same name in `records`.

Every table carries the pair of environments. The two big ones, links and sightings, carry the number of a scope (map,
company, table) instead of three texts: half the size of every row and index. A change here needs a migration; a test
compares both.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Sequence,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from tasks.state.columntypes import Blob, Json, Name, Utc

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

SQLITE_ONLY = {"dialect": "sqlite"}
"""Mark of tables that PostgreSQL doesn't need."""

Id = BigInteger().with_variant(Integer(), "sqlite")  # SQLite numbers rows by itself only in INTEGER columns


def _id() -> Column[int]:
    return Column("id", Id, primary_key=True, autoincrement=True)


def _pair() -> Column[int]:
    return Column("pair", Integer, ForeignKey("pair.id"), nullable=False)


def _plain_pair() -> Column[int]:
    # tables that grow with the rows carry no foreign keys: PostgreSQL checks each with a query a row
    return Column("pair", Integer, nullable=False)


def _text(name: str, *, null: bool = False) -> Column[str]:
    return Column(name, String, nullable=null)


def _name(name: str, *, null: bool = False) -> Column[str]:
    return Column(name, Name, nullable=null)


def _lane_columns() -> list[Column[str]]:
    return [_text("map"), _text("company")]


# numbers given out by the store, so that a bulk insert knows them beforehand
link_ids = Sequence("link_id", metadata=metadata)
notice_numbers = Sequence("notice_number", metadata=metadata)
counter = Table(
    "counter",
    metadata,
    Column("name", String, primary_key=True),
    Column("value", Id, nullable=False),
    info=SQLITE_ONLY,
)

installation = Table(
    "installation",
    metadata,
    Column("name", String, primary_key=True),
    Column("value", Text, nullable=False),
)

pair = Table(
    "pair",
    metadata,
    Column("id", Integer, primary_key=True),
    _text("fno"),
    _text("dataverse"),
    Column("made_at", Utc, nullable=False),
    UniqueConstraint("fno", "dataverse"),
)

secret = Table(
    "secret",
    metadata,
    Column("id", Integer, primary_key=True),
    _pair(),
    Column("value", String(16), nullable=False),
    Column("made_at", Utc, nullable=False),
    UniqueConstraint("pair"),
)

lease = Table(
    "lease",
    metadata,
    Column("pair", Integer, ForeignKey("pair.id"), primary_key=True),
    Column("name", String, primary_key=True),
    Column("epoch", Id, nullable=False),
    _text("owner"),  # "" = free
    Column("beat", Double, nullable=False),  # seconds since 1970 by the database's clock, as is expires
    Column("expires", Double, nullable=False),
    _text("requested_by", null=True),
    Column("requested_at", Double),
)

lane = Table(
    "lane",
    metadata,
    Column("pair", Integer, ForeignKey("pair.id"), primary_key=True),
    Column("map", String, primary_key=True),
    Column("company", String, primary_key=True),
    _text("state"),
    _name("reason"),
    _text("map_hash"),
    Column("layout_id", Integer, ForeignKey("layout.id")),
    _text("initial"),
    _text("mode"),
    _text("resume"),
    Column("rescan", Boolean, nullable=False),
    Column("updated_at", Utc, nullable=False),
)

layout = Table(
    "layout",
    metadata,
    Column("id", Integer, primary_key=True),
    _pair(),
    _text("map"),
    _text("hash"),
    Column("pairs", Json, nullable=False),
    Column("pairs_hash", String(64), nullable=False),
    Column("secret_id", Integer, ForeignKey("secret.id"), nullable=False),
    UniqueConstraint("pair", "map", "hash", "pairs_hash", "secret_id"),
)

scope = Table(
    "scope",
    metadata,
    Column("id", Integer, primary_key=True),
    _pair(),
    *_lane_columns(),
    _text("table"),
    UniqueConstraint("pair", "map", "company", "table"),
    Index(None, "pair", "table", "company"),
)

link = Table(
    "link",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=False),
    _plain_pair(),
    Column("scope_id", Integer, nullable=False),
    Column("state", String, nullable=False),
    _name("key", null=True),
    Column("fno_key", Json),
    _name("fno_row", null=True),
    _name("fno_version", null=True),
    _text("dataverse_id", null=True),
    _name("dataverse_version", null=True),
    Column("layout_id", Integer),
    Column("raw_fno", BigInteger),
    Column("raw_dataverse", BigInteger),
    Column("kept", Json),
    Column("key_text", Json),
    Column("confirmed_at", Utc),
    Column("base_fno", Blob),
    Column("base_dataverse", Blob),
    Column("intent_fno", Blob),
    Column("intent_dataverse", Blob),
    UniqueConstraint("scope_id", "key"),
    Index(None, "scope_id", "state", "id"),
    Index(None, "scope_id", "dataverse_id"),
    Index(None, "scope_id", "fno_row"),
)

sighting = Table(
    "sighting",
    metadata,
    _id(),
    _plain_pair(),
    Column("scope_id", Integer, nullable=False),
    _text("side"),
    _name("row"),
    _name("key", null=True),
    _name("version", null=True),
    Column("digests", Blob),
    Column("raw", BigInteger),
    _text("verdict"),
    Column("match", Json),
    Column("matched", Boolean, nullable=False),
    UniqueConstraint("scope_id", "side", "row"),
    Index(None, "scope_id", "side", "key"),
    Index(None, "scope_id", "side", "id"),
    sqlite_autoincrement=True,
)

sighting_match = Table(
    "sighting_match",
    metadata,
    _plain_pair(),
    Column("scope_id", Integer, primary_key=True, autoincrement=False),
    Column("side", String, primary_key=True),
    Column("rule", SmallInteger, primary_key=True),
    Column("value", Name, primary_key=True),
    Column("row", Name, primary_key=True),
)

cursor = Table(
    "cursor",
    metadata,
    Column("pair", Integer, ForeignKey("pair.id"), primary_key=True),
    Column("side", String, primary_key=True),
    Column("table", String, primary_key=True),
    Column("feed", String, primary_key=True),
    Column("token", Text),
    _text("state"),
    _text("high_version", null=True),
    Column("polled_at", Utc),
)

inbox = Table(
    "inbox",
    metadata,
    Column("seq", Id, primary_key=True, autoincrement=False),
    _plain_pair(),
    *_lane_columns(),
    _text("side"),
    _name("row"),
    _text("kind"),
    Column("noted_at", Utc, nullable=False),
    UniqueConstraint("pair", "map", "company", "side", "row"),
    Index(None, "pair", "map", "company", "seq"),
)

event = Table(
    "event",
    metadata,
    Column("seq", Id, primary_key=True, autoincrement=False),
    _plain_pair(),
    _text("side"),
    _text("table"),
    _name("row"),
    _text("kind"),
    Column("keys", Json),
    Column("noted_at", Utc, nullable=False),
    UniqueConstraint("pair", "side", "table", "row"),
    Index(None, "pair", "side", "table", "noted_at"),
)

budget = Table(
    "budget",
    metadata,
    Column("pair", Integer, primary_key=True, autoincrement=False),
    Column("side", String, primary_key=True),
    Column("span", String, primary_key=True),
    Column("slot", BigInteger, primary_key=True, autoincrement=False),
    Column("requests", BigInteger, nullable=False),
    Column("operations", BigInteger, nullable=False),
    Column("seconds", Double, nullable=False),
)

pace = Table(
    "pace",
    metadata,
    Column("pair", Integer, primary_key=True, autoincrement=False),
    Column("side", String, primary_key=True),
    Column("table", String, primary_key=True),
    Column("every", Double, nullable=False),
    Column("asked_at", Double, nullable=False),
)

parked = Table(
    "parked",
    metadata,
    _id(),
    _pair(),
    *_lane_columns(),
    _text("side"),
    _name("row"),
    _name("key"),
    _text("kind"),
    _name("code"),
    _name("message"),
    _name("remedy"),
    _name("field"),
    Column("attempts", Integer, nullable=False),
    Column("first_at", Utc, nullable=False),
    Column("next_at", Utc),
    Column("run", Integer),
    UniqueConstraint("pair", "map", "company", "side", "row"),
)

waiting = Table(
    "waiting",
    metadata,
    Column("pair", Integer, ForeignKey("pair.id"), primary_key=True),
    Column("map", String, primary_key=True),
    Column("company", String, primary_key=True),
    Column("side", String, primary_key=True),
    Column("row", Name, primary_key=True),
    Column("unit", Integer, primary_key=True, autoincrement=False),
    Column("parent_table", String, primary_key=True),
    Column("parent_company", String, primary_key=True),
    Column("parent_key", Name, primary_key=True),
    Column("parent_map", String, primary_key=True),
)

conflict = Table(
    "conflict",
    metadata,
    _id(),
    _pair(),
    *_lane_columns(),
    _name("key"),
    _text("kind"),
    _text("unit"),
    Column("fields", Json, nullable=False),
    _text("winner"),
    _text("loser"),
    Column("fno_digest", BigInteger, nullable=False),
    Column("dataverse_digest", BigInteger, nullable=False),
    _text("status"),
    _text("choice"),
    _text("side"),
    _name("row"),
    Column("run", Integer),
    Column("at", Utc, nullable=False),
    Index(None, "pair", "map", "company", "key"),
    Index(None, "pair", "status"),
)

history = Table(
    "history",
    metadata,
    _id(),
    _plain_pair(),
    *_lane_columns(),
    _name("key"),
    _text("action"),
    _text("side"),
    Column("fields", Json, nullable=False),
    Column("run", Integer),
    Column("at", Utc, nullable=False),
    Index(None, "pair", "map", "company", "key"),
)

run = Table(
    "run",
    metadata,
    Column("id", Integer, primary_key=True),
    _pair(),
    _text("kind"),
    Column("started", Utc, nullable=False),
    Column("ended", Utc),
    _name("verdict"),
    Column("requests", Json),
    Column("parameters", Json),
)

run_lane = Table(
    "run_lane",
    metadata,
    _pair(),
    Column("run", Integer, ForeignKey("run.id"), primary_key=True, autoincrement=False),
    Column("map", String, primary_key=True),
    Column("company", String, primary_key=True),
    Column("direction", String, primary_key=True),
    *(
        Column(name, Integer, nullable=False)
        for name in ("read", "created", "updated", "deleted", "equal", "conflicts", "waiting", "parked")
    ),
    Column("seconds", Double, nullable=False),
    Column("other", Json, nullable=False),
)

deleted = Table(
    "deleted",
    metadata,
    _id(),
    _pair(),
    *_lane_columns(),
    _text("side"),
    Column("at", Utc, nullable=False),
    Column("count", Integer, nullable=False),
    Index(None, "pair", "map", "company", "side", "at"),
)

approval = Table(
    "approval",
    metadata,
    _id(),
    _pair(),
    _text("map"),
    _text("company", null=True),
    _text("side"),
    Column("until", Utc, nullable=False),
    Column("count", Integer),
    Column("at", Utc, nullable=False),
    Index(None, "pair", "map", "side"),
)

table_metadata = Table(
    "table_metadata",
    metadata,
    Column("pair", Integer, ForeignKey("pair.id"), primary_key=True),
    Column("side", String, primary_key=True),
    Column("table", String, primary_key=True),
    _text("fingerprint"),
    Column("document", Json, nullable=False),
    Column("seen_at", Utc, nullable=False),
)

described = Table(
    "described",
    metadata,
    Column("pair", Integer, primary_key=True, autoincrement=False),
    Column("side", String, primary_key=True),
    Column("table", String, primary_key=True),
    _text("fingerprint"),
    Column("document", Json, nullable=False),
    Column("seen_at", Utc, nullable=False),
)
