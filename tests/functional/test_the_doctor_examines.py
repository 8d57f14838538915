"""What an operator reads of the installation itself: files, clocks, logins, what is overdue."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from unittest import mock

import pytest
from pydantic import SecretStr

from models.alert import Delivery
from models.beat_lease import BeatLease
from tests.support.brokers import OwnValkey, free_port
from tests.support.cli import Cli
from tests.support.disks import small_disk
from tests.support.inbox import Inbox
from tests.support.marks import on_sqlite
from tests.support.telegram import TelegramServer
from tests.support.town import SLUG, TOKEN, Town
from worker.beat import Turn
from worker.doctor import examine
from worker.doctor.finding import Finding
from worker.doctor.here import look_here
from worker.doctor.stores import clock_finding, policy_finding
from worker.house import utc_now


def found(town: Town, slug: str | None = None) -> dict[str, Finding]:
    """Return the findings by what they are about."""
    return {one.what.removeprefix(f"{SLUG}: "): one for one in examine(town.house, slug)}


# -- what it says and how it ends -----------------------------------------------------------------


def test_every_finding_says_what_why_and_what_to_do(town: Town, cli: Cli) -> None:
    """For monitoring: one JSON list, an exit code, and no secret in it."""
    ran = cli.here("doctor", "--json")
    assert ran.code == 1  # nobody works, and no broker runs
    for one in ran.json:
        assert set(one) == {"what", "level", "found", "why", "mend"}
        assert one["level"] in {"ok", "warning", "wrong"}
        assert one["what"]
        assert one["found"]
        assert one["level"] == "ok" or (one["why"] and one["mend"]), one
    assert TOKEN not in ran.text
    assert cli.settings.get("SECRET_KEY", "no key") not in ran.text
    assert {"settings", "database", "broker", "beat", "deliveries", "time zones"} <= {
        one["what"] for one in ran.json
    }
    assert ran.stderr.count("\n") == 1


def test_an_installation_that_works_is_fine(town: Town, cli: Cli, tmp_path: Path) -> None:
    """Exit 0 with warnings, 1 with --strict."""
    cli.well_here("isp", "operator", SLUG, "noc@interatos.example")
    turn = Turn(town.house.database)
    with OwnValkey(tmp_path / "broker") as broker:
        assert turn.is_ours()
        ran = cli.here("doctor", "--json", REDIS_URL=broker.url)
        strict = cli.here("doctor", "--strict", REDIS_URL=broker.url)
    levels = {one["what"]: one["level"] for one in ran.json}
    assert (ran.code, strict.code) == (0, 1), ran.text
    assert "wrong" not in levels.values()
    assert levels["broker persistence"] == "warning"
    assert levels["queues"] == levels["beat"] == "ok"


# -- this machine ---------------------------------------------------------------------------------


def here(town: Town) -> dict[str, Finding]:
    """Return what is found on this machine."""
    zones = ["America/Argentina/Cordoba"]
    return {one.what: one for one in look_here(town.settings, zones, now=utc_now())}


@on_sqlite
def test_files_that_others_can_read(town: Town, tmp_path: Path) -> None:
    """The folder is a warning, a secret is wrong; both with the command that closes them."""
    home = town.settings.home
    assert here(town)["secret files"].ok
    home.chmod(0o755)
    assert here(town)["ALERTA_HOME"].level == "warning"
    assert here(town)["ALERTA_HOME"].mend == f"chmod 700 {home}"
    key = home / "secret.key"
    key.chmod(0o644)
    parents = [one for one in key.parents if not one.stat().st_mode & 0o001]
    with mock.patch.object(Path, "parents", new=()):
        assert here(town)["secret.key"].level == "wrong"
        assert here(town)["secret.key"].mend == f"chmod 600 {key.resolve()}"
    assert parents, "pytest's folder is open to everybody"
    assert "secret.key" not in here(town), "nobody else gets there"


@on_sqlite
def test_settings_are_shown_without_secrets(town: Town) -> None:
    """Addresses without logins, the key not at all; what is a default says so."""
    settings = town.settings.model_copy(
        update={
            "database_url": SecretStr("postgresql://u:hunter2@db:5432/alerta?password=hunter3"),
            "secret_key": SecretStr("swordfish"),
        }
    )
    text = look_here(settings, [], now=utc_now())[0].found
    assert "ALERTA_DATABASE_URL=postgresql://db:5432/alerta" in text
    assert "ALERTA_TICK=0:00:15 (default)" in text
    assert not {"hunter2", "hunter3", "swordfish"} & set(text.replace("=", " ").split())
    assert "hunter" not in text


@on_sqlite
@pytest.mark.parametrize(("kilobytes", "level"), [(32_768, "wrong"), (262_144, "warning")])
def test_a_disk_that_fills(town: Town, tmp_path: Path, kilobytes: int, level: str) -> None:
    """First a warning, then wrong."""
    with small_disk(tmp_path / "disk", kilobytes=kilobytes) as disk:
        settings = town.settings.model_copy(update={"home": disk})
        findings = {one.what: one for one in look_here(settings, [], now=utc_now())}
    assert findings["disk of ALERTA_HOME"].level == level


@on_sqlite
def test_time_zones(town: Town) -> None:
    """Rules of long ago are a warning, a zone that nobody knows is wrong."""
    zone = "America/Argentina/Cordoba"
    later = utc_now() + timedelta(days=5 * 365)
    old = {one.what: one for one in look_here(town.settings, [zone], now=later)}["time zones"]
    assert old.level == "warning"
    gone = {one.what: one for one in look_here(town.settings, [zone, "America/Macondo"], now=later)}
    assert gone["time zones"].level == "wrong"
    assert "America/Macondo" in gone["time zones"].found


# -- clocks ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("seconds", "level"), [(1.0, "ok"), (-9.0, "warning"), (90.0, "wrong")])
def test_clocks_that_differ(seconds: float, level: str) -> None:
    """A little is nothing, much is wrong, either way."""
    judged = clock_finding("a clock", timedelta(seconds=seconds))
    assert judged.level == level
    assert (judged.mend is None) == (level == "ok")


def test_the_clocks_of_the_database_and_of_wispro_are_compared(town: Town) -> None:
    """The town's own clock is months behind theirs, and both say so; a right one is fine."""
    before = found(town)
    for what in ("clock of the database", "Wispro's clock"):
        assert before[what].level == "wrong"
        assert "ahead of ours" in before[what].found
    town.house.clock = utc_now
    after = found(town)
    for what in ("clock of the database", "Wispro's clock"):
        assert after[what].ok, after[what]


# -- logins ---------------------------------------------------------------------------------------


@on_sqlite
def test_a_mail_server_is_logged_in_to_and_gets_no_message(town: Town) -> None:
    """The right password, a wrong one, and nobody at home."""
    with Inbox(password="right") as closed:
        town.house.isps.set_transport(SLUG, "email", closed.url, now=town.now)
        assert found(town)["email login"].found.endswith("not encrypted, login accepted")
        wrong = closed.url.replace("right", "hunter2")
        town.house.isps.set_transport(SLUG, "email", wrong, now=town.now)
        refused = found(town)["email login"]
        assert closed.letters == []
    assert refused.level == "wrong"
    assert "refused login" in refused.found
    assert "hunter2" not in str(refused)
    gone = f"mailto://127.0.0.1:{free_port()}?from=avisos@interatos.example"
    town.house.isps.set_transport(SLUG, "email", gone, now=town.now)
    assert "does not answer as a mail server" in found(town)["email login"].found


@on_sqlite
def test_a_bot_is_asked_for_its_name(town: Town, telegram: TelegramServer) -> None:
    """`getMe` and nothing else; a token that is refused is said."""
    town.house.isps.set_transport(SLUG, "telegram", f"tgram://{_token()}", now=town.now)
    town.house.chat._api = telegram.url
    bot = telegram.bot(_token())
    assert "@interatos_bot answers" in found(town)["telegram login"].found
    telegram.bots.pop(bot.token)
    assert "refused" in found(town)["telegram login"].found


def _token() -> str:
    return "123456789:" + "A" * 35


# -- what is overdue ------------------------------------------------------------------------------


def test_deliveries_that_nobody_sends(town: Town) -> None:
    """Ten minutes late is wrong; so is what somebody claimed and never ended."""
    ana = town.customer()
    town.settled(ana)
    town.bill(ana)
    town.sync()
    assert found(town)["deliveries"].ok
    town.wait(minutes=11)
    late = found(town)["deliveries"]
    assert (late.level, late.found) == ("wrong", "1 due, the oldest for 11 min")
    with town.house.database.write() as session:
        one = session.get_one(Delivery, town.lines()[0].id)
        one.state, one.lease_until = "sending", town.now - timedelta(minutes=6)
    assert "claimed by somebody who is gone" in found(town)["deliveries"].found


def test_a_beat_that_stopped(town: Town) -> None:
    """Who ticked last, and since when nobody does."""
    assert "never ticked" in found(town)["beat"].found
    turn = Turn(town.house.database)
    assert turn.is_ours()
    assert found(town)["beat"].ok
    with town.house.database.write() as session:
        row = session.get_one(BeatLease, "beat")
        row.until = row.seen_at - timedelta(seconds=1)
    stopped = found(town)["beat"]
    assert (stopped.level, "last ticked" in stopped.found) == ("wrong", True)
    assert os.uname().nodename in stopped.found


@pytest.mark.parametrize(
    ("policy", "level"),
    [("noeviction", "ok"), ("volatile-lru", "warning"), ("allkeys-lru", "wrong")],
)
def test_what_a_full_broker_does(policy: str, level: str) -> None:
    """Some evict what has an end anyway, some whatever they like."""
    assert policy_finding(policy).level == level
