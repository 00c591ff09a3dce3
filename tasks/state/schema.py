"""The schema: brings a database to the tables of this version, once, whoever opens it first."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, Engine, inspect, text

from mappings.errors import FatalError
from tasks.state.database import WRITER

HEAD = "0004"
"""Newest migration; a test holds it equal to the scripts. Kept here so that opening a current state needs no alembic."""

MIGRATIONS = Path(__file__).with_name("migrations")
_LOCK = 0x6475616C666C6F77
"""Key of the PostgreSQL advisory lock under which one process at a time migrates ("dualflow")."""


def upgrade(engine: Engine) -> None:
    """Bring the database to the newest tables; safe when several processes open it at once.

    Raises:
        FatalError: the tables were made by a newer version of Dualflow.
    """
    with engine.connect() as connection:
        if version(connection) == HEAD:
            return
    with engine.connect().execution_options(**WRITER) as connection, connection.begin():
        # SQLite: BEGIN IMMEDIATE has locked the file already
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        if version(connection) != HEAD:
            _migrate(connection)


def version(connection: Connection) -> str | None:
    """Number of the newest migration that the database has seen; None for an empty one."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()


def _migrate(connection: Connection) -> None:
    # imported here: it costs a tenth of a second, which an up-to-date state need not pay
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    found = version(connection)
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if found is not None and found not in known:
        raise FatalError(
            f"the state was written by a newer version of Dualflow (schema {found}, this version knows up to {HEAD})",
            code="state_newer",
            remedy="update Dualflow here, or point DUALFLOW_STATE_URL to a state of this version",
        )
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
