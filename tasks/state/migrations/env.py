"""Run by alembic, on the connection that the store or a developer's command hands over."""

from __future__ import annotations

from typing import Any

from alembic import context
from sqlalchemy import Connection, create_engine

from tasks.state.models import metadata


def runs_here(item: Any, name: str | None, kind: str, reflected: bool, compare_to: Any) -> bool:
    """Leave out tables that this database doesn't need."""
    wanted = getattr(item, "info", {}).get("dialect") if kind == "table" else None
    return wanted is None or wanted == context.get_context().dialect.name


def migrate(connection: Connection) -> None:
    """Run the migrations in the transaction that the caller has begun."""
    context.configure(
        connection=connection,
        target_metadata=metadata,
        include_object=runs_here,
        render_as_batch=connection.dialect.name == "sqlite",
        transactional_ddl=True,
    )
    with context.begin_transaction():
        context.run_migrations()


given = context.config.attributes.get("connection")
if given is not None:
    migrate(given)
else:
    # `alembic -x url=… revision --autogenerate` while developing
    with create_engine(context.get_x_argument(as_dictionary=True)["url"]).begin() as opened:
        migrate(opened)
