"""Events: what the receiver was told, until a poller names it to the lanes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from tasks.state.columntypes import Json, Name, Utc

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the table of events."""
    op.create_table(
        "event",
        sa.Column("seq", Id, autoincrement=False),
        sa.Column("pair", sa.Integer(), nullable=False),
        sa.Column("side", sa.String(), nullable=False),
        sa.Column("table", sa.String(), nullable=False),
        sa.Column("row", Name(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("keys", Json()),
        sa.Column("noted_at", Utc(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_event"),
        sa.UniqueConstraint("pair", "side", "table", "row", name="uq_event_pair_side_table_row"),
    )
    op.create_index("ix_event_pair_side_table_noted_at", "event", ["pair", "side", "table", "noted_at"])
