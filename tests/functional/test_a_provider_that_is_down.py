"""A provider is down for an hour, or a day: others go on, and what is left goes as it may."""

from __future__ import annotations

import pytest

from tests.support.marks import on_sqlite
from tests.support.telegram import TelegramServer
from tests.support.town import SLUG, Town

DOWN, WELL = "421 4.3.2 shutting down", "250 kept"
BOT = "123456789:AAbot-token-of-the-isp-that-nobody-sees"


@pytest.mark.rule(number=12)
@on_sqlite
def test_an_hour_without_mail_costs_telegram_nothing_and_loses_nothing(
    telegram: TelegramServer, town: Town
) -> None:
    """The bot sends all of its own at once; the mail server is asked seldom; then all mail goes.

    Four a minute and no more, the oldest first, each once.
    """
    bot = telegram.bot(BOT)
    telegram.per_second = telegram.burst = 1000  # no second of this town passes
    town.house.isps.set_transport(SLUG, "telegram", f"tgram://{BOT}", now=town.now)
    town.house.isps.set_limits(SLUG, "email", "4/minute")
    by_mail = [town.customer(f"M{place} Paz") for place in range(9)]
    by_bot = [town.customer(f"T{place} Paz") for place in range(9)]
    for client in by_mail:
        town.pair(client)
    for place, client in enumerate(by_bot):
        town.pair(client, f"telegram:{1000 + place}")
    town.sync()
    town.break_wispro("body_404", path="download_pdf")  # drawing them is not the point here
    for client in by_mail + by_bot:
        town.bill(client)
    town.sync()
    town.inbox.answer = DOWN
    tried = 0
    for minute in range(0, 60, 3):
        report = town.deliver()
        tried += report.deferred
        if minute == 0:
            assert len({one.chat_id for one in bot.sent}) == 9
        assert report.failed == report.uncertain == 0
        town.wait(minutes=3)
    assert town.letters == []
    assert tried < 2 * 9, "each was put off once, and then one asked for all"

    town.inbox.answer = WELL
    arrived = []
    for _ in range(9):
        before = len(town.letters)
        town.deliver()
        arrived.append(len(town.letters) - before)
        town.wait(minutes=1)
    assert max(arrived) <= 4
    assert sum(arrived) == 9
    assert len({one.recipient for one in town.letters}) == 9
    assert {line.state for line in town.lines()} == {"sent"}


@pytest.mark.rule(number=3)
@on_sqlite
def test_a_day_without_mail_ends_with_what_is_still_worth_telling(town: Town) -> None:
    """Yesterday's "mañana vence" is not sent today: "hoy vence" is, alone."""
    ana = town.customer()
    town.settled(ana)
    town.bill(ana, due_in=7, second_due_date=None)
    for _ in range(6):
        town.go_round()
        town.wait(days=1)
    assert town.kinds() == ["issued", "due_soon"]
    town.wait(days=-1, hours=12)  # midnight before the last reminder but one
    town.inbox.answer = DOWN
    for _ in range(40):
        town.wait(hours=1)
        town.deliver()
    assert len(town.letters) == 2

    town.inbox.answer = WELL
    for _ in range(4):
        town.wait(minutes=15)
        town.deliver()

    assert town.kinds() == ["issued", "due_soon", "due_today"]
    assert "Hoy vence" in town.letters[-1].subject
    missed = [(line.state, line.reason) for line in town.lines() if line.step == "-1d"]
    assert missed == [("skipped", "superseded")]
