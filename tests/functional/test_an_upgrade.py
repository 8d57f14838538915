"""The database of an earlier release migrates with its data, and the daemon goes on."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from models.schema import migrate, wanted_revision
from tests.support.cli import Cli
from tests.support.marks import on_sqlite
from tests.support.town import Town
from tests.support.upgrades import downgraded


@pytest.mark.parametrize("revision", ["0002", "0010"])
def test_nothing_is_doubled_or_lost(town: Town, cli: Cli, database_url: str, revision: str) -> None:
    """What was sent is not sent again, what was planned goes, what comes due later comes."""
    ana, berta = town.customer(), town.customer("Berta Blanco")
    town.settled(ana, berta)
    town.bill(ana, due_in=6)
    paid = town.bill(berta, due_in=6)
    town.go_round()
    town.bill(ana, due_in=20)
    town.sync()
    sent = [letter.message_id for letter in town.letters]
    assert len(sent) == 2
    town.house.database.close()

    downgraded(database_url, revision)
    refused = cli.here("sync", "interatos")
    assert (refused.code, refused.stderr.count("\n")) == (1, 1)
    assert f"at revision {revision}; run: alerta migrate" in refused.stderr
    cli.well_here("migrate")

    town.deliver()
    assert town.kinds()[2:] == ["issued"]
    town.state.pay(paid)
    town.wait(days=2)
    for _ in range(3):
        town.go_round()
        town.wait(minutes=31)
    assert sorted(town.kinds()[3:]) == ["due_soon", "paid"]
    assert len({letter.message_id for letter in town.letters}) == len(town.letters)


@on_sqlite
@pytest.mark.parametrize(
    "words", [("sync", "interatos"), ("up",), ("migrate",), ("isp", "list"), ("doctor", "--json")]
)
def test_a_schema_of_the_future_is_one_clear_line(
    town: Town, cli: Cli, words: tuple[str, ...]
) -> None:
    """Whoever went back to an older program is told so, and nothing is touched."""
    present = wanted_revision()
    with town.house.database.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0999'")
    refused = cli.here(*words)
    assert refused.code == 1
    assert "at revision 0999, newer than this program: update it" in refused.text.replace("\n", " ")
    if "doctor" not in words:
        assert refused.stderr.count("\n") == 1
    with town.house.database.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :now"), {"now": present})
    assert migrate(town.house.database.engine)
