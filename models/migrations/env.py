"""Alembic's entry: runs on the engine that `models.schema` hands over."""

from __future__ import annotations

from alembic import context
from sqlalchemy import text

from models.tables import Base

engine = context.config.attributes["engine"]
is_sqlite = engine.dialect.name == "sqlite"

with engine.connect() as connection:
    if is_sqlite:
        # A batch migration recreates tables; with the pragma on, dropping the old one cascades
        # and empties the children. It cannot be changed inside a transaction.
        connection.exec_driver_sql("COMMIT")
        connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        render_as_batch=is_sqlite,
        compare_type=True,
        transactional_ddl=True,
    )
    with context.begin_transaction():
        context.run_migrations()
    if is_sqlite:
        broken = connection.execute(text("PRAGMA foreign_key_check")).fetchall()
        if broken:
            raise RuntimeError(f"{len(broken)} rows lost their parent in this migration")
        connection.commit()
        connection.exec_driver_sql("PRAGMA foreign_keys=ON")
    connection.commit()
