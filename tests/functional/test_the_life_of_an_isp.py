"""An ISP is changed, switched off and on again, and removed; its customers notice just that."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from billing.isps import IspSetup
from models import claims
from models.account import Account
from models.alert import Delivery
from models.bot import Bot, BotQuestion
from models.invoice import Invoice
from models.isp import Isp
from models.sync_run import SyncRun
from models.tables import Base
from tests.support.cli import Cli
from tests.support.marks import on_sqlite
from tests.support.town import SLUG, TOKEN, Town


def rows(town: Town) -> dict[str, int]:
    """Count the rows of every table that has any."""
    with town.house.database.read() as session:
        counted = {
            table.name: session.scalar(select(func.count()).select_from(table)) or 0
            for table in Base.metadata.sorted_tables
        }
    return {name: count for name, count in counted.items() if count}


# -- off and on -----------------------------------------------------------------------------------


def test_while_it_is_disabled_nothing_is_looked_at_and_nothing_leaves(town: Town, cli: Cli) -> None:
    """What is planned waits, and goes once after it was enabled, as it stands then."""
    ana, berta = town.customer(), town.customer("Berta Blanco")
    town.settled(ana, berta)
    town.bill(ana)
    paid = town.bill(berta)
    town.sync()
    town.house.switching.disable(SLUG, author="eva", reason="moves house", now=town.now)
    ran = cli.well_here("isp", "disable", SLUG)
    assert f"disabled since {town.now.astimezone():%Y-%m-%d}" in ran.stdout
    asked = town.state.served.total()

    town.wait(hours=2)
    assert town.house.sync.due_isps(now=town.now) == []
    assert town.deliver().touched == 0
    assert town.house.delivering.run_batch(town.isp_id, clock=town.clock).sent == 0
    test = ("channels", "test", SLUG, ana.id, "1")
    for words in (("sync", SLUG), ("resync", SLUG, ana.id), test):
        refused = cli.here(*words)
        assert (refused.code, refused.stderr.count("\n")) == (1, 1), refused.text
        assert f"alerta isp enable {SLUG}" in refused.stderr
    assert town.state.served.total() == asked
    assert town.letters == []
    assert {line.reason for line in town.lines("planned")} == {"isp_disabled"}
    assert "ISP is disabled" in cli.well_here("explain", SLUG, ana.id, "--lang", "en").stdout
    (line,) = cli.well_here("isp", "list", "--json").json
    assert (line["enabled"], line["disabled_at"] is None) == (False, False)

    town.state.pay(paid)
    town.house.switching.enable(SLUG, now=town.now)
    assert "enabled already" in cli.well_here("isp", "enable", SLUG).stdout
    for _ in range(2):
        town.go_round()
        town.wait(minutes=31)
    got = {letter.recipient: kind for letter, kind in zip(town.letters, town.kinds(), strict=True)}
    assert got == {ana.email: "issued", berta.email: "paid"}
    assert len(town.letters) == 2


def test_a_batch_that_was_claimed_when_it_was_disabled_stays_inside(town: Town) -> None:
    """A worker that claimed and did not begin finds its claims lost."""
    ana = town.customer()
    town.settled(ana)
    town.bill(ana)
    town.sync()
    later = town.now + timedelta(minutes=6)
    with town.house.database.write() as session:
        claimed = claims.claim(session, town.isp_id, limit=10, now=town.now, lease_until=later)
    assert claimed
    done = town.house.switching.disable(SLUG, author="eva", reason="now", now=town.now)
    assert (done.waiting, done.under_way) == (1, 0)
    with town.house.database.write() as session:
        begun = claims.begin_attempts(
            session,
            [claims.Begin(delivery_id=one, attempt=number) for one, number in claimed],
            now=town.now,
            lease_until=later,
        )
    assert begun == set()


@on_sqlite
def test_what_is_under_way_is_told(town: Town, cli: Cli) -> None:
    """A delivery whose attempt is journaled may arrive, and is left to its outcome."""
    town.settled(ana := town.customer())
    town.bill(ana)
    town.sync()
    later = town.now + timedelta(minutes=6)
    with town.house.database.write() as session:
        claimed = claims.claim(session, town.isp_id, limit=10, now=town.now, lease_until=later)
        begin = [claims.Begin(delivery_id=one, attempt=number) for one, number in claimed]
        assert claims.begin_attempts(session, begin, now=town.now, lease_until=later)
    ran = cli.well_here("isp", "disable", SLUG)
    assert "1 messages are with their provider" in ran.stderr
    refused = cli.here("isp", "remove", SLUG, "--yes")
    assert (refused.code, "right now" in refused.stderr) == (1, True)


@on_sqlite
@pytest.mark.parametrize(
    ("days", "kinds"), [(6, ["due_soon"]), (7, [])], ids=["after-a-few-days", "after-a-week"]
)
def test_the_time_in_between_is_never_made_up_for_in_full(
    town: Town, cli: Cli, days: int, kinds: list[str]
) -> None:
    """After days one message says what matters now; from a week on the first look is silent."""
    ana = town.customer()
    town.settled(ana)
    town.bill(ana, due_in=days + 1)  # due_soon at -5d and -1d come due in between
    town.go_round()
    before = len(town.letters)
    town.house.switching.disable(SLUG, author="eva", reason="now", now=town.now)
    town.wait(days=days)
    new = town.bill(ana, due_in=20) if not kinds else None
    town.house.switching.enable(SLUG, now=town.now)
    for _ in range(3):
        town.go_round()
        town.wait(minutes=31)
    assert town.kinds()[before:] == kinds
    if new is not None:  # history was not announced; what comes due from now on is
        town.wait(days=16)
        town.go_round()
        assert set(town.kinds()[before:]) <= {"due_soon", "digest"}
        assert len(town.letters) == before + 1


def test_enabling_after_long_goes_on_where_it_broke_off(town: Town) -> None:
    """It is off until all of it is done, and what was planned is called off once."""
    customers = [town.customer(f"Kunde{place} Uno") for place in range(3)]
    town.settled(*customers)
    for one in customers:
        town.bill(one)
    town.sync()
    switching = town.house.switching
    switching.disable(SLUG, author="eva", reason="now", now=town.now)
    first = town.now
    town.wait(days=60)
    again = switching.disable(SLUG, author="ivo", reason="again", now=town.now)
    assert (again.changed, again.since) == (False, first)
    assert switching._begin_anew(town.isp_id, now=town.now) == 3  # and then the process dies
    assert town.house.sync.due_isps(now=town.now) == []
    done = switching.enable(SLUG, now=town.now)
    assert (done.anew, done.called_off, done.waiting) == (True, 0, 0)
    assert switching.enable(SLUG, now=town.now).was_off is None
    town.go_round()
    assert town.letters == []
    assert {line.reason for line in town.lines("cancelled")} == {"baseline"}


# -- changed --------------------------------------------------------------------------------------

WRONG = [
    (),
    ("--name", " "),
    ("--base-url", "ftp://x"),
    ("--timezone", "Mars/Olympus"),
    ("--contact-hours", "25:00"),
    ("--locale", "castellano"),
    ("--currency", "pesos"),
    ("--pay-url", "https://x.example/{password}"),
    ("--portal-url", "portal"),
    ("--minimum-amount", "mucho"),
    ("--minimum-amount", "-1"),
    ("--debt-sign", "none"),
    ("--token-file", "/nowhere/token"),
    ("--name", "none\nof this"),
]


@on_sqlite
def test_what_cannot_be_used_changes_nothing(town: Town, cli: Cli) -> None:
    """Each is one line that names the option, and the ISP is as it was."""
    before = cli.well_here("isp", "list", "--json").json
    for words in WRONG:
        refused = cli.here("isp", "set", SLUG, *words)
        assert (refused.code, refused.stdout, refused.stderr.count("\n")) == (1, "", 1), words
    assert cli.here("isp", "set", "nobody", "--name", "x").code == 1
    assert cli.well_here("isp", "list", "--json").json == before
    del town


@on_sqlite
def test_everything_that_was_told_of_an_isp_can_be_changed(town: Town, cli: Cli) -> None:
    """What differs is shown with what comes of it; the same again changes nothing."""
    wanted = {
        "name": "Interatos del Sur",
        "base_url": "https://sur.example/api/v1",
        "locale": "pt_BR",
        "currency": "BRL",
        "portal_url": "https://sur.example/portal",
        "pay_url": "https://sur.example/{public_id}",
        "support": "ayuda@sur.example",
        "minimum_amount": "10.5000",
        "debt_sign": "positive",
        "timezone": "America/Sao_Paulo",
        "contact_hours": "10:00-18:00",
    }
    words = [f"--{key.replace('_', '-')}={value}" for key, value in wanted.items()]
    changed = cli.well_here("isp", "set", SLUG, *words, "--json").json
    assert {one["name"]: one["after"] for one in changed} == wanted
    assert all(one["effect"] for one in changed)
    assert cli.well_here("isp", "set", SLUG, *words, "--json").json == []
    words = ["--support=none", "--pay-url=none", "--json"]
    taken = cli.well_here("isp", "set", SLUG, *words).json
    assert [one["after"] for one in taken] == [None, None]
    with town.house.database.read() as session:
        isp = session.scalars(select(Isp)).one()
        assert {name: str(getattr(isp, name)) for name in wanted} == wanted | {
            "support": "None",
            "pay_url": "None",
        }


@on_sqlite
def test_a_new_token_is_used_at_once_and_shown_nowhere(town: Town, cli: Cli) -> None:
    """An ISP that Wispro refuses is looked at again without waiting for its rest."""
    ana = town.customer()
    town.settled(ana)
    town.state.token = "another-token-of-the-isp"
    town.wait(hours=1)
    assert town.sync().outcome == "failed"
    file = cli.home / "token"
    file.write_text("another-token-of-the-isp\n", "utf-8")
    ran = cli.well_here("isp", "set", SLUG, "--token-file", str(file))
    assert TOKEN not in ran.text
    assert "another-token" not in ran.text
    assert town.sync().outcome == "ok"


@on_sqlite
def test_another_zone_has_open_invoices_decided_anew(town: Town, cli: Cli) -> None:
    """The next step's instant is another one; nothing that went goes again."""
    ana = town.customer()
    town.settled(ana)
    town.bill(ana, due_in=10)
    town.go_round()

    def plan_at() -> object:
        with town.house.database.read() as session:
            return session.scalars(select(Invoice.plan_at)).one()

    before = plan_at()
    (changed,) = cli.well_here("isp", "set", SLUG, "--timezone", "Europe/Madrid", "--json").json
    assert changed["effect"].startswith("days and hours are counted there; 1 open")
    town.wait(minutes=5)
    town.go_round()
    assert plan_at() != before
    assert town.kinds() == ["issued"]


# -- removed --------------------------------------------------------------------------------------


def test_a_removed_isp_leaves_nothing_and_takes_nothing_of_another(
    town: Town, cli: Cli, inbox: object
) -> None:
    """Every table is walked: what was there before it came is there, and nothing else."""
    del inbox
    before = rows(town)
    other = "otro"
    setup = IspSetup(slug=other, name="Otro", base_url=town.sandbox.base_url, token=TOKEN)
    other_id = town.house.isps.add(setup, now=town.now)
    bot = "tgram://123456789:AAbot-token-of-the-isp-that-nobody-sees"
    town.house.isps.set_transport(other, "telegram", bot, now=town.now)
    ana, berta = town.customer(), town.customer("Berta Blanco")
    town.settled(ana)
    kept = rows(town)
    assert kept != before

    town.house.isps.set_transport(other, "email", town.inbox.url, now=town.now)
    town.house.isps.set_budget(other, "sms", 5, now=town.now)
    town.house.pairing.pair(other, berta.id, ["berta@clientes.example"], now=town.now)
    cli.well_here("isp", "operator", other, "noc@otro.example")
    cli.well_here("policy", "set", other, str(default_policy(cli)), "--yes")
    town.bill(berta)
    with town.house.database.write() as session:
        session.add(Bot(bot_id=123456789, username="otro_bot", created_at=town.now))
        session.flush()
        session.add(
            BotQuestion(
                bot_id=123456789,
                chat_digest="d",
                chat_sealed=town.house.vault.seal("1"),
                asked_at=town.now,
                verb="hi",
            )
        )
    town.house.sync.run(other_id, clock=town.clock, trigger="hand", due_only=False)
    town.bill(berta)
    town.house.sync.run(other_id, clock=town.clock, trigger="hand", due_only=False)
    town.deliver()
    cli.well_here("hold", other, berta.id, "--reason", "se discute", "--until", "2026-12-31")
    assert town.letters

    asked = cli.here("isp", "remove", other)
    assert (asked.code, "alerta evidence otro" in asked.stderr) == (1, True)
    cli.terminal = True
    assert cli.here("isp", "remove", other, stdin="interatos\n").code == 1
    assert (
        "is removed, with 1 accounts"
        in cli.well_here("isp", "remove", other, stdin="otro\n").stdout
    )
    # The SMTP account is everybody's who sends over it; its row holds a keyed hash and a count.
    # Who removed it stays on record, with the tries that were refused.
    record = {"audit": 3, "audit_end": 3}
    assert rows(town) == kept | {"isp": 1, "transport": 1, "provider": 1} | record
    assert cli.here("isp", "remove", other, "--yes").code == 1
    town.bill(ana)
    town.go_round()
    assert [letter.recipient for letter in town.letters][-1] == ana.email


def default_policy(cli: Cli) -> object:
    """Write the default policy to a file."""
    path = cli.home / "policy.toml"
    path.write_text(cli.well_here("policy", "show", SLUG).stdout, "utf-8")
    return path


def test_removing_goes_on_where_it_broke_off(town: Town) -> None:
    """Half a removed ISP is switched off: nobody there gets anything."""
    customers = [town.customer(f"Kunde{place} Uno") for place in range(25)]
    town.settled(*customers)
    for one in customers:
        town.bill(one)
    town.sync()

    class DiesError(Exception):
        pass

    def die(_: int) -> None:
        raise DiesError

    removing = town.house.removing
    with pytest.raises(DiesError):
        removing.remove(SLUG, author="eva", now=town.now, progress=die)
    with town.house.database.read() as session:
        assert session.scalar(select(func.count()).select_from(Account)) == 5
    assert town.deliver().touched == 0
    assert removing.remove(SLUG, author="eva", now=town.now) == 5
    with town.house.database.read() as session:
        for table in (Isp, Account, Delivery, SyncRun):
            assert session.scalar(select(func.count()).select_from(table)) == 0
