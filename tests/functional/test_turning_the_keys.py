"""Keys rotate while everything runs: nothing becomes unreadable, nobody is lost, nothing stops."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import select

from billing.isps import SetupError
from billing.resealing import count_sealed, sealed_columns
from config.keys import Vault, new_key
from models.account import Account, Channel
from models.bot import Bot, BotQuestion
from tests.support.cli import Cli
from tests.support.marks import on_sqlite
from tests.support.processes import wait_until
from tests.support.town import SLUG, Town
from worker.house import House
from worker.rotating import drop


@pytest.fixture
def cli(home: Path, database_kind: str, database_url: str) -> Cli:
    """Run `alerta` with its ring in a file: the embedded default, or one of the operator's."""
    pace = {"SYNC_EVERY": "1", "TICK": "1", "CONCURRENCY": "1"}
    if database_kind == "sqlite":
        return Cli(home, **pace)
    ring = home / "ring"
    ring.write_text(new_key(), "utf-8")
    ring.chmod(0o600)
    return Cli(home, DATABASE_URL=database_url, SECRET_KEY_FILE=str(ring), **pace)


@pytest.fixture
def town(cli: Cli, sandbox: object, inbox: object, database_kind: str) -> object:
    """Give the test a town whose own house has the same ring."""
    plain = Cli(cli.home, **{k: v for k, v in cli.settings.items() if k != "SECRET_KEY_FILE"})
    if database_kind == "postgresql":
        plain.settings["SECRET_KEY"] = ring_of(cli)
    with Town(plain, sandbox, inbox, now=datetime.now(UTC)) as built:  # type: ignore[arg-type]
        built.cli = cli
        built.add_isp()
        yield built


def ring_of(cli: Cli) -> str:
    """Return the content of the file."""
    path = cli.settings.get("SECRET_KEY_FILE", str(cli.home / "secret.key"))
    return Path(path).read_text("utf-8").strip()


def named(cli: Cli, does: str) -> dict[str, object]:
    """Return the line of the key that does this."""
    (line,) = [
        one for one in cli.here("keys", "status", "--json").json if one["does"].startswith(does)
    ]
    return dict(line)


def test_a_running_daemon_goes_on_through_a_whole_rotation(town: Town, cli: Cli) -> None:
    """It reads what is sealed under the new key, and works after the old one was dropped."""
    ana = town.customer()
    town.settled(ana)

    def arrives(number: int) -> None:
        town.bill(ana)
        wait_until(
            lambda: len(town.letters) >= number or daemon.process.poll() is not None,
            seconds=60,
            what=f"message {number} comes",
        )
        assert daemon.process.poll() is None, daemon.text

    with cli.start("up") as daemon:
        arrives(1)
        former = str(named(cli, "seals")["key"])

        assert "sealed again" in cli.well_here("keys", "rotate").stdout
        arrives(2)
        assert named(cli, "opens")["values"] == 0
        cli.well_here("keys", "drop", former)
        arrives(3)

        # Found again by its hashes, whose key stays.
        assert cli.here("pair", SLUG, ana.login_link, "--to", str(ana.email)).code == 0
        assert len(cli.here("accounts", "--json").json) == 1
        daemon.descendants()
    assert town.kinds() == ["issued"] * 3
    assert "Traceback" not in daemon.text
    assert "unreadable" not in daemon.text


def test_a_ring_in_the_environment_turns_in_two_steps(town: Town, cli: Cli) -> None:
    """Whichever of two rings a process has in the middle of a step, it opens everything."""
    if "SECRET_KEY_FILE" in cli.settings:
        file = Path(cli.settings.pop("SECRET_KEY_FILE"))
        first = file.read_text("utf-8").strip()
    else:
        first = ring_of(cli)
    ana = town.customer()
    town.settled(ana)

    def works(ring: str, place: int) -> None:
        to = f"ana{place}@clientes.example"
        cli.well_here("channels", "add", SLUG, ana.id, "--to", to, SECRET_KEY=ring)

    second = cli.well_here("keys", "rotate", SECRET_KEY=first).stdout.strip()
    works(second, 1)
    works(first, 2)
    third = cli.well_here("keys", "rotate", SECRET_KEY=second).stdout.strip()
    works(third, 3)
    works(second, 4)
    assert len(cli.here("channels", "list", SLUG, ana.id, "--json", SECRET_KEY=second).json) == 5
    former = cli.here("keys", "status", "--json", SECRET_KEY=third).json[1]
    assert former["values"] > 0
    refused = cli.here("keys", "drop", former["key"], SECRET_KEY=third)
    assert (refused.code, refused.stdout) == (1, "")
    assert "is needed" in refused.stderr

    cli.well_here("keys", "reseal", SECRET_KEY=third)
    last = cli.well_here("keys", "drop", former["key"], SECRET_KEY=third).stdout.strip()
    works(last, 5)
    assert cli.here("keys", "status", SECRET_KEY=last).code == 0
    assert cli.here("keys", "status", SECRET_KEY=first).code == 1


@on_sqlite
def test_a_prepared_key_waits_in_the_file_for_the_other_hosts(town: Town, cli: Cli) -> None:
    """Until it is put in front nobody seals under it, and no second one is prepared."""
    town.settled(town.customer())
    cli.well_here("keys", "rotate", "--prepare")
    waiting = named(cli, "opens, is to seal next")
    assert waiting["values"] == 0
    assert cli.here("keys", "rotate", "--prepare").code == 1
    cli.well_here("keys", "rotate")
    assert named(cli, "seals")["key"] == waiting["key"]
    for words in (("drop", str(waiting["key"])), ("drop", "00000000")):
        refused = cli.here("keys", *words)
        assert (refused.code, refused.stdout, refused.stderr.count("\n")) == (1, "", 1)


@on_sqlite
def test_every_sealed_column_is_taken_along(town: Town, cli: Cli) -> None:
    """Whatever table it is in: nothing hangs on the former key after a rotation."""
    ana = town.customer()
    town.settled(ana)
    cli.well_here("isp", "operator", SLUG, "noc@interatos.example")
    cli.well_here("isp", "heartbeat", SLUG, "https://hc-ping.com/1f0c2a9e")
    vault = town.house.vault
    with town.house.database.write() as session:
        session.scalars(select(Account)).one().national_id_sealed = vault.seal("1")
        session.add(Bot(bot_id=1, username="b", created_at=town.now))
        session.flush()
        session.add(
            BotQuestion(
                bot_id=1, chat_digest="d", chat_sealed=vault.seal("2"), asked_at=town.now, verb="hi"
            )
        )
    with town.house.database.read() as session:
        for column in sealed_columns():
            assert session.scalars(select(column)).first(), f"nothing is sealed in {column}"
    before = named(cli, "seals")
    cli.well_here("keys", "rotate")
    assert named(cli, "seals")["tables"] == before["tables"]
    cli.well_here("keys", "drop", str(before["key"]))
    alone = Vault([ring_of(cli).split()[0]])
    with town.house.database.read() as session:
        for column in sealed_columns():
            for sealed in session.scalars(select(column).where(column.is_not(None))):
                assert alone.open(sealed)


@on_sqlite
def test_a_value_that_came_while_a_key_was_dropped_keeps_it(town: Town, cli: Cli) -> None:
    """A unit of work that was open while values were counted does not lose what it sealed."""
    town.settled(town.customer())
    cli.well_here("keys", "rotate")
    former = named(cli, "opens")["key"]
    late = Vault([ring_of(cli).split()[1]]).seal("late@clientes.example")
    house = House(town.settings)
    calls: list[int] = []

    def then_commits(*given: object) -> object:
        found = count_sealed(*given)  # type: ignore[arg-type]
        if not calls:
            with town.house.database.write() as session:
                session.scalars(select(Channel)).one().destination_sealed = late
        calls.append(1)
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("worker.rotating.count_sealed", then_commits)
        with pytest.raises(SetupError, match="is needed"):
            drop(house, str(former), show=False)
    assert house.vault.open(late) == "late@clientes.example"
    assert House(town.settings).vault.open(late) == "late@clientes.example"
    house.close()
