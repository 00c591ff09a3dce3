"""Metadata that a run may use instead of reading it again."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from tasks.state.columntypes import Json, Utc

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table of described tables."""
    op.create_table(
        "described",
        sa.Column("pair", sa.Integer(), nullable=False),
        sa.Column("side", sa.String(), nullable=False),
        sa.Column("table", sa.String(), nullable=False),
        sa.Column("fingerprint", sa.String(), nullable=False),
        sa.Column("document", Json(), nullable=False),
        sa.Column("seen_at", Utc(), nullable=False),
        sa.PrimaryKeyConstraint("pair", "side", "table", name="pk_described"),
    )
