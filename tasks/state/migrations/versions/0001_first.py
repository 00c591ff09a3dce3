"""The first tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from tasks.state.columntypes import Blob, Json, Name, Utc

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make all tables."""
    _numbers()
    _installation()
    _lanes()
    _rows()
    _work()
    _record()


def _numbers() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute(sa.schema.CreateSequence(sa.Sequence("link_id")))
        op.execute(sa.schema.CreateSequence(sa.Sequence("notice_number")))
        return
    op.create_table(
        "counter",
        sa.Column("name", sa.String()),
        sa.Column("value", Id, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_counter"),
    )


def _installation() -> None:
    op.create_table(
        "installation",
        sa.Column("name", sa.String()),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_installation"),
    )
    op.create_table(
        "pair",
        sa.Column("id", sa.Integer()),
        sa.Column("fno", sa.String(), nullable=False),
        sa.Column("dataverse", sa.String(), nullable=False),
        sa.Column("made_at", Utc(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_pair"),
        sa.UniqueConstraint("fno", "dataverse", name="uq_pair_fno_dataverse"),
    )
    op.create_table(
        "secret",
        sa.Column("id", sa.Integer()),
        sa.Column("pair", sa.Integer(), nullable=False),
        sa.Column("value", sa.String(16), nullable=False),
        sa.Column("made_at", Utc(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_secret"),
        sa.ForeignKeyConstraint(["pair"], ["pair.id"], name="fk_secret_pair"),
        sa.UniqueConstraint("pair", name="uq_secret_pair"),
    )
    op.create_table(
        "lease",
        sa.Column("pair", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("epoch", Id, nullable=False),
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("beat", sa.Double(), nullable=False),
        sa.Column("expires", sa.Double(), nullable=False),
        sa.Column("requested_by", sa.String()),
        sa.Column("requested_at", sa.Double()),
        sa.PrimaryKeyConstraint("pair", "name", name="pk_lease"),
        sa.ForeignKeyConstraint(["pair"], ["pair.id"], name="fk_lease_pair"),
    )


def _lanes() -> None:
    op.create_table(
        "layout",
        sa.Column("id", sa.Integer()),
        sa.Column("pair", sa.Integer(), nullable=False),
        sa.Column("map", sa.String(), nullable=False),
        sa.Column("hash", sa.String(), nullable=False),
        sa.Column("pairs", Json(), nullable=False),
        sa.Column("pairs_hash", sa.String(64), nullable=False),
        sa.Column("secret_id", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_layout"),
        sa.ForeignKeyConstraint(["pair"], ["pair.id"], name="fk_layout_pair"),
        sa.ForeignKeyConstraint(["secret_id"], ["secret.id"], name="fk_layout_secret_id"),
        sa.UniqueConstraint(
            "pair",
            "map",
            "hash",
            "pairs_hash",
            "secret_id",
            name="uq_layout_pair_map_hash_pairs_hash_secret_id",
        ),
    )
    op.create_table(
        "lane",
        sa.Column("pair", sa.Integer(), nullable=False),
        sa.Column("map", sa.String(), nullable=False),
        sa.Column("company", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("reason", Name(), nullable=False),
        sa.Column("map_hash", sa.String(), nullable=False),
        sa.Column("layout_id", sa.Integer()),
        sa.Column("initial", sa.String(), nullable=False),
        sa.Column("mode", sa.String(), nullable=False),
        sa.Column("resume", sa.String(), nullable=False),
        sa.Column("rescan", sa.Boolean(), nullable=False),
        sa.Column("updated_at", Utc(), nullable=False),
        sa.PrimaryKeyConstraint("pair", "map", "company", name="pk_lane"),
        sa.ForeignKeyConstraint(["layout_id"], ["layout.id"], name="fk_lane_layout_id"),
        sa.ForeignKeyConstraint(["pair"], ["pair.id"], name="fk_lane_pair"),
    )
    op.create_table(
        "scope",
        sa.Column("id", sa.Integer()),
        sa.Column("pair", sa.Integer(), nullable=False),
        sa.Column("map", sa.String(), nullable=False),
        sa.Column("company", sa.String(), nullable=False),
        sa.Column("table", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_scope"),
        sa.ForeignKeyConstraint(["pair"], ["pair.id"], name="fk_scope_pair"),
        sa.UniqueConstraint("pair", "map", "company", "table", name="uq_scope_pair_map_company_table"),
    )
    op.create_index("ix_scope_pair_table_company", "scope", ["pair", "table", "company"])


def _rows() -> None:
    op.create_table(
        "link",
        sa.Column("id", Id, autoincrement=False),
        sa.Column("pair", sa.Integer(), nullable=False),
        sa.Column("scope_id", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("key", Name()),
        sa.Column("fno_key", Json()),
        sa.Column("fno_row", Name()),
        sa.Column("fno_version", Name()),
        sa.Column("dataverse_id", sa.String()),
        sa.Column("dataverse_version", Name()),
        sa.Column("layout_id", sa.Integer()),
        sa.Column("raw_fno", sa.BigInteger()),
        sa.Column("raw_dataverse", sa.BigInteger()),
        sa.Column("kept", Json()),
        sa.Column("key_text", Json()),
        sa.Column("confirmed_at", Utc()),
        sa.Column("base_fno", Blob()),
        sa.Column("base_dataverse", Blob()),
        sa.Column("intent_fno", Blob()),
        sa.Column("intent_dataverse", Blob()),
        sa.PrimaryKeyConstraint("id", name="pk_link"),
        sa.UniqueConstraint("scope_id", "key", name="uq_link_scope_id_key"),
    )
    op.create_index("ix_link_scope_id_dataverse_id", "link", ["scope_id", "dataverse_id"])
    op.create_index("ix_link_scope_id_fno_row", "link", ["scope_id", "fno_row"])
    op.create_index("ix_link_scope_id_state_id", "link", ["scope_id", "state", "id"])
    op.create_table(
        "sighting",
        sa.Column("id", Id),
        sa.Column("pair", sa.Integer(), nullable=False),
        sa.Column("scope_id", sa.Integer(), nullable=False),
        sa.Column("side", sa.String(), nullable=False),
        sa.Column("row", Name(), nullable=False),
        sa.Column("key", Name()),
        sa.Column("version", Name()),
        sa.Column("digests", Blob()),
        sa.Column("raw", sa.BigInteger()),
        sa.Column("verdict", sa.String(), nullable=False),
        sa.Column("match", Json()),
        sa.Column("matched", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_sighting"),
        sa.UniqueConstraint("scope_id", "side", "row", name="uq_sighting_scope_id_side_row"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_sighting_scope_id_side_id", "sighting", ["scope_id", "side", "id"])
    op.create_index("ix_sighting_scope_id_side_key", "sighting", ["scope_id", "side", "key"])
    op.create_table(
        "sighting_match",
        sa.Column("pair", sa.Integer(), nullable=False),
        sa.Column("scope_id", sa.Integer(), autoincrement=False),
        sa.Column("side", sa.String(), nullable=False),
        sa.Column("rule", sa.SmallInteger(), nullable=False),
        sa.Column("value", Name(), nullable=False),
        sa.Column("row", Name(), nullable=False),
        sa.PrimaryKeyConstraint("scope_id", "side", "rule", "value", "row", name="pk_sighting_match"),
    )


def _work() -> None:
    op.create_table(
        "cursor",
        sa.Column("pair", sa.Integer(), nullable=False),
        sa.Column("side", sa.String(), nullable=False),
        sa.Column("table", sa.String(), nullable=False),
        sa.Column("feed", sa.String(), nullable=False),
        sa.Column("token", sa.Text()),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("high_version", sa.String()),
        sa.Column("polled_at", Utc()),
        sa.PrimaryKeyConstraint("pair", "side", "table", "feed", name="pk_cursor"),
        sa.ForeignKeyConstraint(["pair"], ["pair.id"], name="fk_cursor_pair"),
    )
    op.create_table(
        "inbox",
        sa.Column("seq", Id, autoincrement=False),
        sa.Column("pair", sa.Integer(), nullable=False),
        sa.Column("map", sa.String(), nullable=False),
        sa.Column("company", sa.String(), nullable=False),
        sa.Column("side", sa.String(), nullable=False),
        sa.Column("row", Name(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("noted_at", Utc(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_inbox"),
        sa.UniqueConstraint(
            "pair", "map", "company", "side", "row", name="uq_inbox_pair_map_company_side_row"
        ),
    )
    op.create_index("ix_inbox_pair_map_company_seq", "inbox", ["pair", "map", "company", "seq"])
    op.create_table(
        "parked",
        sa.Column("id", Id),
        sa.Column("pair", sa.Integer(), nullable=False),
        sa.Column("map", sa.String(), nullable=False),
        sa.Column("company", sa.String(), nullable=False),
        sa.Column("side", sa.String(), nullable=False),
        sa.Column("row", Name(), nullable=False),
        sa.Column("key", Name(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("code", Name(), nullable=False),
        sa.Column("message", Name(), nullable=False),
        sa.Column("remedy", Name(), nullable=False),
        sa.Column("field", Name(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("first_at", Utc(), nullable=False),
        sa.Column("next_at", Utc()),
        sa.Column("run", sa.Integer()),
        sa.PrimaryKeyConstraint("id", name="pk_parked"),
        sa.ForeignKeyConstraint(["pair"], ["pair.id"], name="fk_parked_pair"),
        sa.UniqueConstraint(
            "pair", "map", "company", "side", "row", name="uq_parked_pair_map_company_side_row"
        ),
    )
    op.create_table(
        "waiting",
        sa.Column("pair", sa.Integer(), nullable=False),
        sa.Column("map", sa.String(), nullable=False),
        sa.Column("company", sa.String(), nullable=False),
        sa.Column("side", sa.String(), nullable=False),
        sa.Column("row", Name(), nullable=False),
        sa.Column("unit", sa.Integer(), autoincrement=False),
        sa.Column("parent_table", sa.String(), nullable=False),
        sa.Column("parent_company", sa.String(), nullable=False),
        sa.Column("parent_key", Name(), nullable=False),
        sa.Column("parent_map", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint(
            "pair",
            "map",
            "company",
            "side",
            "row",
            "unit",
            "parent_table",
            "parent_company",
            "parent_key",
            "parent_map",
            name="pk_waiting",
        ),
        sa.ForeignKeyConstraint(["pair"], ["pair.id"], name="fk_waiting_pair"),
    )


def _record() -> None:
    op.create_table(
        "conflict",
        sa.Column("id", Id),
        sa.Column("pair", sa.Integer(), nullable=False),
        sa.Column("map", sa.String(), nullable=False),
        sa.Column("company", sa.String(), nullable=False),
        sa.Column("key", Name(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("unit", sa.String(), nullable=False),
        sa.Column("fields", Json(), nullable=False),
        sa.Column("winner", sa.String(), nullable=False),
        sa.Column("loser", sa.String(), nullable=False),
        sa.Column("fno_digest", sa.BigInteger(), nullable=False),
        sa.Column("dataverse_digest", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("choice", sa.String(), nullable=False),
        sa.Column("side", sa.String(), nullable=False),
        sa.Column("row", Name(), nullable=False),
        sa.Column("run", sa.Integer()),
        sa.Column("at", Utc(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_conflict"),
        sa.ForeignKeyConstraint(["pair"], ["pair.id"], name="fk_conflict_pair"),
    )
    op.create_index("ix_conflict_pair_map_company_key", "conflict", ["pair", "map", "company", "key"])
    op.create_index("ix_conflict_pair_status", "conflict", ["pair", "status"])
    op.create_table(
        "history",
        sa.Column("id", Id),
        sa.Column("pair", sa.Integer(), nullable=False),
        sa.Column("map", sa.String(), nullable=False),
        sa.Column("company", sa.String(), nullable=False),
        sa.Column("key", Name(), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("side", sa.String(), nullable=False),
        sa.Column("fields", Json(), nullable=False),
        sa.Column("run", sa.Integer()),
        sa.Column("at", Utc(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_history"),
    )
    op.create_index("ix_history_pair_map_company_key", "history", ["pair", "map", "company", "key"])
    op.create_table(
        "run",
        sa.Column("id", sa.Integer()),
        sa.Column("pair", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("started", Utc(), nullable=False),
        sa.Column("ended", Utc()),
        sa.Column("verdict", Name(), nullable=False),
        sa.Column("requests", Json()),
        sa.Column("parameters", Json()),
        sa.PrimaryKeyConstraint("id", name="pk_run"),
        sa.ForeignKeyConstraint(["pair"], ["pair.id"], name="fk_run_pair"),
    )
    op.create_table(
        "run_lane",
        sa.Column("pair", sa.Integer(), nullable=False),
        sa.Column("run", sa.Integer(), autoincrement=False),
        sa.Column("map", sa.String(), nullable=False),
        sa.Column("company", sa.String(), nullable=False),
        sa.Column("direction", sa.String(), nullable=False),
        sa.Column("read", sa.Integer(), nullable=False),
        sa.Column("created", sa.Integer(), nullable=False),
        sa.Column("updated", sa.Integer(), nullable=False),
        sa.Column("deleted", sa.Integer(), nullable=False),
        sa.Column("equal", sa.Integer(), nullable=False),
        sa.Column("conflicts", sa.Integer(), nullable=False),
        sa.Column("waiting", sa.Integer(), nullable=False),
        sa.Column("parked", sa.Integer(), nullable=False),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.Column("other", Json(), nullable=False),
        sa.PrimaryKeyConstraint("run", "map", "company", "direction", name="pk_run_lane"),
        sa.ForeignKeyConstraint(["pair"], ["pair.id"], name="fk_run_lane_pair"),
        sa.ForeignKeyConstraint(["run"], ["run.id"], name="fk_run_lane_run"),
    )
    op.create_table(
        "deleted",
        sa.Column("id", Id),
        sa.Column("pair", sa.Integer(), nullable=False),
        sa.Column("map", sa.String(), nullable=False),
        sa.Column("company", sa.String(), nullable=False),
        sa.Column("side", sa.String(), nullable=False),
        sa.Column("at", Utc(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_deleted"),
        sa.ForeignKeyConstraint(["pair"], ["pair.id"], name="fk_deleted_pair"),
    )
    op.create_index(
        "ix_deleted_pair_map_company_side_at", "deleted", ["pair", "map", "company", "side", "at"]
    )
    op.create_table(
        "approval",
        sa.Column("id", Id),
        sa.Column("pair", sa.Integer(), nullable=False),
        sa.Column("map", sa.String(), nullable=False),
        sa.Column("company", sa.String()),
        sa.Column("side", sa.String(), nullable=False),
        sa.Column("until", Utc(), nullable=False),
        sa.Column("count", sa.Integer()),
        sa.Column("at", Utc(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_approval"),
        sa.ForeignKeyConstraint(["pair"], ["pair.id"], name="fk_approval_pair"),
    )
    op.create_index("ix_approval_pair_map_side", "approval", ["pair", "map", "side"])
    op.create_table(
        "table_metadata",
        sa.Column("pair", sa.Integer(), nullable=False),
        sa.Column("side", sa.String(), nullable=False),
        sa.Column("table", sa.String(), nullable=False),
        sa.Column("fingerprint", sa.String(), nullable=False),
        sa.Column("document", Json(), nullable=False),
        sa.Column("seen_at", Utc(), nullable=False),
        sa.PrimaryKeyConstraint("pair", "side", "table", name="pk_table_metadata"),
        sa.ForeignKeyConstraint(["pair"], ["pair.id"], name="fk_table_metadata_pair"),
    )
