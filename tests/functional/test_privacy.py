"""What a customer may ask for: a copy of everything, and to be forgotten."""

from __future__ import annotations

import json
import stat
import threading
import zipfile
from collections.abc import Sequence
from datetime import timedelta

import pytest
from sqlalchemy import delete, func, select, update

from billing.exporting import NOT_THEIRS, THEIRS
from models import claims
from models.account import Account, Channel
from models.alert import Alert, Attempt, Delivery
from models.bot import Bot, BotQuestion
from models.hold import Hold
from models.invoice import Invoice
from models.operator import OperatorNotice
from models.sync_run import SyncRun
from models.tables import Base
from tests.support.cli import Cli
from tests.support.marks import on_sqlite
from tests.support.town import SLUG, TOKEN, Town
from wispro.sandbox.model import Client

BOT = 123456789


def lives(town: Town, cli: Cli) -> tuple[Client, Client]:
    """Fill every table with something of two customers."""
    ana = town.customer("Ana del Valle", email="ana.delvalle@clientes.example")
    berta = town.customer("Berta Blanco")
    town.settled(ana, berta)
    cli.well_here("channels", "add", SLUG, ana.id, "--to", "ntfy:libreta-de-ana-77")
    for one in (ana, berta):
        town.bill(one, concept=f"Abono de {one.name}", number=f"A-{one.public_id}")
    town.go_round()
    moved = town.bill(ana, due_in=12)
    town.go_round()
    town.state.change_invoice(moved, first_due_date=f"{town.today + timedelta(days=20)}")
    town.wait(hours=1)
    town.go_round()
    for one in (ana, berta):
        why = ("--reason", f"{one.name} reclama", "--until", "2027-01-31")
        cli.well_here("hold", SLUG, one.id, *why)
    assert town.letters
    with town.house.database.write() as session:
        account = session.scalars(select(Account).where(Account.client_id == ana.id)).one()
        account_id = account.id
        chat = session.scalars(select(Channel).where(Channel.account_id == account.id)).first()
        assert chat is not None
        session.add(Bot(bot_id=BOT, username="interatos_bot", created_at=town.now))
        session.flush()
        session.add(
            BotQuestion(
                bot_id=BOT,
                chat_digest=chat.destination_digest,
                chat_sealed=town.house.vault.seal("5550001"),
                asked_at=town.now,
                verb="balance",
                answer="Ana, debés $ 2.590,00",
            )
        )
    town.house.sync.run_account(account_id, clock=town.clock, trigger="hand")
    return ana, berta


def words_of(client: Client) -> Sequence[str]:
    """Return what tells who somebody is."""
    first, *_ = client.name.split()
    ids = (client.id, client.email, client.national_id, client.custom_id)
    mine = (client.name, f"{first},", f"Abono de {client.name}", f"A-{client.public_id}")
    return (*mine, *map(str, ids))


def everything(town: Town) -> str:
    """Return all that the database holds, what is sealed in clear."""
    vault, lines = town.house.vault, []
    with town.house.database.read() as session:
        for table in Base.metadata.sorted_tables:
            for row in session.execute(select(table)).mappings():
                values = [
                    vault.open(value) if name.endswith("_sealed") and value else str(value)
                    for name, value in row.items()
                ]
                lines.append(f"{table.name}: {' '.join(values)}")
    return "\n".join(lines)


# -- a copy ---------------------------------------------------------------------------------------


def test_every_table_is_exported_or_said_to_hold_nothing_of_customers() -> None:
    """A table that is added later has to be thought of."""
    theirs = {table.__tablename__ for table in THEIRS}
    known = theirs | set(NOT_THEIRS)
    assert not theirs & set(NOT_THEIRS)
    assert set(Base.metadata.tables) == known


@on_sqlite
def test_an_export_is_complete_readable_and_theirs_alone(town: Town, cli: Cli) -> None:
    """A page in Spanish and JSON: all of Ana, nothing of Berta, no secret, for nobody else."""
    ana, berta = lives(town, cli)
    folder = cli.home / "out"
    cli.well_here("export", SLUG, ana.id, "--out", str(folder))

    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    text = (folder / "datos.json").read_text("utf-8")
    data = json.loads(text)
    page = (folder / "index.html").read_text("utf-8")
    assert {table.__tablename__ for table in THEIRS} <= data.keys()
    whole = {"channel", "contract", "invoice", "change", "alert", "attempt", "hold", "sync_run"}
    for name in whole:
        assert data[name], f"nothing of {name}"
    assert [one["destination"] for one in data["channel"]] == [ana.email, "libreta-de-ana-77"]
    (account,) = data["account"]
    assert (account["name"], account["national_id"]) == (ana.name, ana.national_id)
    assert data["bot_question"][0]["chat"] == "5550001"
    assert data["attempt"][0]["evidence"]["sha256"]
    for word in (*words_of(ana)[2:], "2590.00", "Ana del Valle reclama"):
        assert word in page
        assert word in text
    assert '<html lang="es">' in page
    assert "Tus facturas" in page
    for content in (text, page):
        assert not [word for word in words_of(berta) if word in content]
        for secret in (TOKEN, town.house.vault.ring.keys[0], "gAAAA", "_digest", "_sealed"):
            assert secret not in content

    again = cli.here("export", SLUG, ana.id, "--out", str(folder))
    assert (again.code, again.stderr.count("\n")) == (1, 1)
    packed = cli.home / "ana.zip"
    cli.well_here("export", SLUG, ana.id, "--out", str(packed), "--lang", "en")
    assert stat.S_IMODE(packed.stat().st_mode) == 0o600
    with zipfile.ZipFile(packed) as archive:
        assert {"index.html", "data.json"} <= set(archive.namelist())
        assert "Your invoices" in archive.read("index.html").decode()


@on_sqlite
def test_what_a_customer_wrote_is_no_markup_on_the_page(town: Town, cli: Cli) -> None:
    """A name may be anything."""
    eve = town.customer("Eva <script>alert(1)</script>")
    town.settled(eve)
    cli.well_here("export", SLUG, eve.id, "--out", str(cli.home / "out"))
    assert "<script" not in (cli.home / "out" / "index.html").read_text("utf-8")


# -- forgotten ------------------------------------------------------------------------------------


def test_a_forgotten_customer_is_nowhere_and_the_evidence_still_counts(
    town: Town, cli: Cli
) -> None:
    """What went when is still shown, about a hash; nothing else tells who it was."""
    ana, berta = lives(town, cli)
    day = town.today.isoformat()
    evidence = ("evidence", SLUG, "--from", day, "--to", day, "--csv", "-")
    before = cli.well_here(*evidence).stdout
    theirs = [word for word in words_of(berta) if word in everything(town)]
    assert [word for word in words_of(ana) if word in everything(town)]

    refused = cli.here("forget", SLUG, ana.id)
    assert (refused.code, "--yes" in refused.stderr) == (1, True)
    assert "invoice" in refused.stdout
    ran = cli.well_here("forget", SLUG, ana.id, "--yes")
    assert "forgotten:" in ran.stdout

    held = everything(town)
    assert [word for word in words_of(ana) if word in held] == []
    assert "libreta-de-ana" not in held
    assert "5550001" not in held
    assert [word for word in words_of(berta) if word in held] == theirs
    after = cli.well_here(*evidence).stdout
    assert after.count("\n") == before.count("\n")
    assert ana.id not in after
    for column in (0, 14, 15, 16):  # when, the text's hash, hours and caps
        assert [line.split(",")[column] for line in after.splitlines()] == [
            line.split(",")[column] for line in before.splitlines()
        ]
    assert "forgotten already" in cli.well_here("forget", SLUG, ana.id, "--yes").stdout
    assert [one["name"] for one in cli.well_here("accounts", "--json").json] == [berta.name]
    assert cli.here("explain", SLUG, ana.id).code == 1


@pytest.mark.parametrize("strategy", ["accounts", "sweep", "full"])
def test_looks_do_not_bring_a_forgotten_customer_back(town: Town, cli: Cli, strategy: str) -> None:
    """Wispro still has the client and new invoices: we know its id from the lists, and no more."""
    from billing.strategy import Strategy

    ana, berta = lives(town, cli)
    cli.well_here("forget", SLUG, ana.id, "--yes")
    with town.house.database.write() as session:
        session.execute(delete(Hold))
    sent = len(town.letters)
    for _ in range(2):
        town.bill(ana, concept="Abono de Ana del Valle")
        town.bill(berta)
        town.wait(hours=25)
        town.house.sync.run(
            town.isp_id,
            clock=town.clock,
            trigger="hand",
            due_only=False,
            full=strategy == "full",
            strategy=Strategy(strategy),
        )
        town.deliver()
    new = town.letters[sent:]
    assert {letter.recipient for letter in new} == {berta.email}
    held = everything(town)
    assert [word for word in words_of(ana) if word in held] in ([], [ana.id])
    where = {line.partition(":")[0] for line in held.splitlines() if ana.id in line}
    assert where <= {"contract", "listing_mark"}  # ids of Wispro's lists, of everybody there


def test_who_pairs_again_begins_with_silence(town: Town, cli: Cli) -> None:
    """Nothing of before is sent again; what is new is. Forgotten twice is fine."""
    ana, _ = lives(town, cli)
    for _ in range(2):
        cli.well_here("forget", SLUG, ana.id, "--yes")
        sent = len(town.letters)
        town.pair(ana)
        town.go_round()
        assert len(town.letters) == sent
        town.bill(ana)
        town.wait(hours=1)
        town.go_round()
        assert town.kinds()[sent:] == ["issued"]
    with town.house.database.read() as session:
        gone = select(func.count()).where(Account.forgotten_at.is_not(None))
        assert session.scalar(gone) == 2


def test_what_is_being_sent_ends_first(town: Town, cli: Cli) -> None:
    """Alerts stop at once; the customer is forgotten when the provider has answered."""
    ana = town.customer()
    town.settled(ana)
    town.bill(ana)
    town.sync()
    later = town.now + timedelta(minutes=6)
    with town.house.database.write() as session:
        ((delivery, number),) = claims.claim(
            session, town.isp_id, limit=1, now=town.now, lease_until=later
        )
        begin = [claims.Begin(delivery_id=delivery, attempt=number)]
        assert claims.begin_attempts(session, begin, now=town.now, lease_until=later)

    def ends() -> None:
        with town.house.database.write() as session:
            settled = claims.Settled(
                delivery_id=delivery, attempt=number, state="sent", sent_at=town.now
            )
            claims.settle_all(session, [settled])

    timer = threading.Timer(1.0, ends)
    timer.start()
    cli.well_here("forget", SLUG, ana.id, "--yes")
    timer.join()
    with town.house.database.read() as session:
        assert session.scalars(select(Delivery.state)).all() == ["sent"]
        assert session.scalars(select(Account.forgotten_at)).one() is not None


@on_sqlite
def test_papers_and_notices_go_along(town: Town, cli: Cli) -> None:
    """The kept PDFs of their invoices, and their name in what the operator was told."""
    ana, berta = lives(town, cli)
    papers = cli.home / "papers"
    for one in (ana, berta):
        with town.house.database.read() as session:
            invoices = session.execute(
                select(Invoice.isp_id, Invoice.wispro_id)
                .join(Account, Account.id == Invoice.account_id)
                .where(Account.client_id == one.id)
            ).all()
        for isp_id, wispro_id in invoices:
            for version in ("1", "2"):
                town.house.shelf.lay(f"{isp_id}|{wispro_id}|{version}", b"%PDF")
    before = len(list(papers.iterdir()))
    cli.well_here("isp", "operator", SLUG, "noc@interatos.example")
    with town.house.database.write() as session:
        account = session.scalars(select(Account).where(Account.client_id == ana.id)).one()
        session.add(
            OperatorNotice(
                isp_id=town.isp_id,
                channel_id=1,
                kind="channels_closed",
                subject="closed:1",
                details={
                    "count": "2",
                    "names": f"{account.public_id} (a…@clientes.example), 9999 (b…)",
                    "explain": f"alerta explain {SLUG} {account.public_id}",
                },
                state="sent",
                message_id="m",
                not_before=town.now,
                useful_until=town.now,
                created_at=town.now,
            )
        )
    exported = cli.home / "out"
    cli.well_here("export", SLUG, ana.id, "--out", str(exported))
    assert len(list(exported.glob("*.pdf"))) >= 2
    cli.well_here("forget", SLUG, ana.id, "--yes")
    assert 0 < len(list(papers.iterdir())) < before
    with town.house.database.read() as session:
        details = session.scalars(
            select(OperatorNotice.details).where(OperatorNotice.kind == "channels_closed")
        ).one()
    assert details == {"count": "2", "names": "…", "explain": "alerta accounts"}


@on_sqlite
def test_an_invoice_that_changed_hands_keeps_the_other_ones_evidence(town: Town, cli: Cli) -> None:
    """What was sent to a former holder is theirs."""
    ana, berta = lives(town, cli)
    with town.house.database.write() as session:
        accounts = {row.client_id: row.id for row in session.scalars(select(Account))}
        session.execute(
            update(Invoice)
            .where(Invoice.account_id == accounts[berta.id])
            .values(account_id=accounts[ana.id])
        )
        count = select(func.count()).where(Alert.account_id == accounts[berta.id])
        before = session.scalar(count)
        runs = session.scalar(select(func.count()).select_from(SyncRun))
        assert before
        assert runs
    cli.well_here("forget", SLUG, ana.id, "--yes")
    with town.house.database.read() as session:
        assert session.scalar(count) == before
        assert session.scalar(
            select(func.count())
            .select_from(Attempt)
            .join(Delivery, Delivery.id == Attempt.delivery_id)
            .where(Delivery.account_id == accounts[berta.id])
        )
