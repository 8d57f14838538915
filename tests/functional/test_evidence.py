"""What was sent can be shown afterwards: one row each, without a name, an address or a secret."""

from __future__ import annotations

import csv
import hashlib
import io
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update

from billing import proof
from models.account import Account
from models.alert import Attempt
from models.invoice import Invoice
from models.policy_version import PolicyVersion
from tests.support.cli import Cli
from tests.support.marks import on_sqlite
from tests.support.town import SLUG, TOKEN, Town
from worker.cli.proving import harmless

FAR = ("--from", "2026-01-01", "--to", "2026-12-31")


def rows(cli: Cli, *words: str) -> list[dict[str, str]]:
    """Return the rows of an export to stdout."""
    ran = cli.well_here("evidence", SLUG, *(words or FAR), "--csv", "-")
    return list(csv.DictReader(io.StringIO(ran.stdout)))


def test_what_was_sent_has_a_row(town: Town, cli: Cli) -> None:
    """Two invoices in one message and a reminder: when, whom, what, under which rules."""
    ana = town.customer()
    town.settled(ana)
    invoice = town.bill(ana, due_in=6)
    town.bill(ana, due_in=6)
    town.go_round()
    town.state.pay(invoice)
    town.wait(days=1)
    town.go_round()
    found = rows(cli)

    assert [(row["kind"], row["step"], row["state"]) for row in found] == [
        ("issued", "issued first_sight", "sent"),
        ("issued", "issued first_sight", "sent"),
        ("paid", "paid seen", "sent"),
        ("due_soon", "due_soon -5d", "sent"),
    ]
    first, second = found[:2]
    assert (first["local"], first["utc"]) == (
        "2026-03-10T12:00:00-03:00", "2026-03-10T15:00:00+00:00",
    )  # fmt: skip
    assert (first["isp"], first["client_id"], first["public_id"]) == (SLUG, ana.id, "1001")
    assert (first["channel"], first["to"], first["invoice"]) == (
        "email", "a…@clientes.example", "30001",
    )  # fmt: skip
    assert first["hours"] == "00:00-24:00 (America/Argentina/Cordoba)"
    assert (first["caps"], first["policy"]) == ("no caps", "")
    assert (first["along_with"], second["along_with"]) == ("", first["delivery"])
    assert len(first["sha256"]) == len(hashlib.sha256().hexdigest())
    assert first["sha256"] == second["sha256"]  # one message


@pytest.mark.rule(number=24)
@on_sqlite
def test_no_secret_and_no_address(town: Town, cli: Cli) -> None:
    """Neither who it is, nor where they live, nor what opens anything."""
    ana = town.customer("Ana Álvarez")
    town.settled(ana)
    town.bill(ana)
    town.go_round()
    text = cli.well_here("evidence", SLUG, *FAR).text
    assert "1 rows" in text
    secrets = [TOKEN, "ana@clientes.example", "Álvarez", ana.national_id, ana.address]
    for secret in [*secrets, town.inbox.url]:
        assert str(secret) not in text, secret


@on_sqlite
def test_the_days_are_the_isps(town: Town, cli: Cli) -> None:
    """A send at 23:30 in Córdoba belongs to that day, although UTC says the next."""
    ana = town.customer()
    town.settled(ana)
    town.now = datetime(2026, 3, 11, 2, 30, tzinfo=UTC)
    town.bill(ana)
    town.go_round()
    assert len(rows(cli, "--from", "2026-03-10", "--to", "2026-03-10")) == 1
    assert rows(cli, "--from", "2026-03-11", "--to", "2026-03-11") == []


@on_sqlite
def test_what_may_have_arrived_is_there_and_what_did_not_is_not(town: Town, cli: Cli) -> None:
    """A refusal is no contact; an end that nobody knows may have been one."""
    ana = town.customer()
    town.settled(ana)
    town.bill(ana)
    town.sync()
    town.inbox.answer = "550 5.1.1 no such user"
    town.deliver()
    assert rows(cli) == []
    with town.house.database.write() as session:
        session.execute(update(Attempt).values(fate="uncertain", detail="no answer"))
    (row,) = rows(cli)
    assert (row["state"], row["detail"]) == ("uncertain", "no answer")


@on_sqlite
def test_a_policy_version_is_named(town: Town, cli: Cli) -> None:
    """The version that was in force when it went, not a later one."""
    ana = town.customer()
    town.settled(ana)
    with town.house.database.write() as session:
        for text, at in (("a", town.now), ("b", town.now + timedelta(days=3))):
            session.add(PolicyVersion(isp_id=town.isp_id, text=text, author="ana", created_at=at))
    town.bill(ana)
    town.go_round()
    with town.house.database.read() as session:
        (first, _) = session.scalars(select(PolicyVersion.id).order_by(PolicyVersion.id)).all()
    assert [row["policy"] for row in rows(cli)] == [str(first)]


@on_sqlite
def test_no_cell_is_a_formula(town: Town, cli: Cli) -> None:
    """What comes from Wispro or a provider never computes in a spreadsheet."""
    ana = town.customer()
    town.settled(ana)
    town.bill(ana)
    town.go_round()
    with town.house.database.write() as session:
        session.execute(update(Invoice).values(number='=HYPERLINK("http://x.example")'))
        session.execute(update(Attempt).values(detail="@SUM(A1)\n=1+1"))
        session.execute(update(Account).values(public_id=-5))
    (row,) = rows(cli)
    assert row["invoice"] == '\'=HYPERLINK("http://x.example")'
    assert row["detail"] == "'@SUM(A1)\n=1+1"
    assert row["public_id"] == "'-5"
    assert [harmless(text) for text in ("+1", "\t=1", "\r=1", "a=1", "")] == [
        "'+1", "'\t=1", "'\r=1", "a=1", "",
    ]  # fmt: skip


@on_sqlite
def test_batches_lose_nothing(town: Town, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """More rows than one batch holds, each once and in order."""
    ana = town.customer()
    town.settled(ana)
    for _ in range(5):
        town.bill(ana)
    town.go_round()
    whole = rows(cli)
    assert len(whole) == 5
    for size in (1, 2, 5):
        monkeypatch.setattr(proof, "BATCH", size)
        assert rows(cli) == whole


@on_sqlite
def test_a_file_and_mistakes(town: Town, cli: Cli) -> None:
    """It goes to a file too; what cannot be is one line."""
    town.settled(town.customer())
    target = cli.home / "evidence.csv"
    cli.well_here("evidence", SLUG, *FAR, "--csv", str(target))
    assert target.read_text("utf-8").startswith("local,utc,isp,client_id,")
    for words, wanted in (
        (("--from", "x", "--to", "2026-01-01", "--csv", "-"), "is no day"),
        (("--from", "2026-01-02", "--to", "2026-01-01", "--csv", "-"), "lies before"),
        ((*FAR, "--csv", str(cli.home)), "cannot write"),
    ):
        ran = cli.here("evidence", SLUG, *words)
        assert (ran.code, wanted in ran.stderr) == (1, True), ran.stderr
