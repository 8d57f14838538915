"""A signal in the middle of a statement: whoever tidies up can still write."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import event, update

from models.database import Database
from models.isp import Isp
from tests.integration.models.rows import add_isp


def test_a_unit_of_work_that_a_signal_broke_off_holds_no_lock(database: Database) -> None:
    """Its transaction is over at once, not when the last one who knows its cursor is gone.

    A worker child that is told to stop writes down what it still knows; while its own dead
    transaction held SQLite's lock it could not, stumbled over that, lived on, and nobody ever wrote
    again.
    """
    with database.write() as session:
        add_isp(session)

    def signal(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith("UPDATE"):
            raise SystemExit

    event.listen(database.engine, "after_cursor_execute", signal)
    with pytest.raises(SystemExit) as told, database.write() as session:
        session.execute(update(Isp).values(name="Somebody else").returning(Isp.id))
    event.remove(database.engine, "after_cursor_execute", signal)

    # `told` holds every frame of the statement, as an `except` around it does.
    with database.write() as session:
        assert session.scalars(update(Isp).values(currency="USD").returning(Isp.name)).all() == [
            "Interatos sas"
        ]
    del told
