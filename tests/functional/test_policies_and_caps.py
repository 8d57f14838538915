"""What an ISP's policy, its caps and a customer's own wishes let out, and when."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select, update

from billing.delivery.batch import DeliveryReport
from billing.held import HoldKind
from billing.letter import Outcome
from models.alert import Attempt, Delivery
from tests.support.marks import on_sqlite
from tests.support.town import SLUG, ZONE, Town

EVENTS = "".join(
    f'[[step]]\nkind = "{kind}"\n'
    for kind in ("issued", "paid", "changed", "voided", "cutoff_warning")
)


def policy(town: Town, head: str, *steps: str, events: str = EVENTS) -> None:
    """Give the ISP a policy; a step is "kind anchor days [more]"."""
    lines = [head, events]
    for step in steps:
        kind, anchor, days, *more = step.split(maxsplit=3)
        lines.append(f'[[step]]\nkind = "{kind}"\nanchor = "{anchor}"\ndays = {days}')
        lines += more
    town.house.policies.set(SLUG, "\n".join(lines), author="eva", now=town.now)


def reminders(town: Town) -> list[tuple[date, str, str]]:
    """Return (local date, kind, step) of what asked for money and went, one for each message."""
    return sorted(
        (line.sent_at.astimezone(ZoneInfo(ZONE)).date(), line.kind, line.step)
        for line in town.lines("sent")
        if line.sent_at is not None and line.kind not in {"issued", "paid"}
    )


def days_pass(town: Town, days: int) -> None:
    """Let the daemon work for some days, a round every six hours."""
    for _ in range(days * 4):
        town.wait(hours=6)
        town.go_round()


def test_nobody_is_asked_twice_on_one_day(town: Town) -> None:
    """With one a day, what comes due on the same day for another invoice waits for tomorrow."""
    policy(
        town, "digest_from = 0\n[caps]\nper_day = 1", "overdue first_due 3", "overdue first_due 9"
    )
    ana = town.customer(contracts=2)
    town.settled(ana)
    town.bill(ana, due_in=1)
    town.bill(ana, due_in=1, contract=1)
    days_pass(town, 12)

    went = reminders(town)
    assert len(went) == 4
    assert max(Counter(day for day, _, _ in went).values()) == 1


@on_sqlite
def test_three_a_week_and_not_one_more(town: Town) -> None:
    """What the week has no room for is put off, and skipped with the reason where that is late."""
    policy(
        town,
        "digest_from = 0\n[caps]\nper_week = 3",
        *(f"overdue first_due {days}" for days in range(1, 8)),
    )
    ana = town.customer()
    town.settled(ana)
    town.bill(ana, due_in=1)
    days_pass(town, 12)

    went = [day for day, _, _ in reminders(town)]
    for day in went:
        assert sum(0 <= (day - other).days < 7 for other in went) <= 3
    assert len(went) >= 3
    assert {reason for _, _, _, reason in town.ends() if reason} >= {"superseded"}


@on_sqlite
def test_a_reminder_counts_in_whatever_message_it_goes(town: Town) -> None:
    """Told along with the announcement of another invoice it is that week's reminder all the same.

    Caps bind no announcement, and the announcement was owed first.
    """
    head = 'hours = "09:00-19:00"\n[caps]\nper_week = 1'
    policy(town, head, "due_today first_due 0", "overdue first_due 1")
    ana = town.customer(contracts=2)
    town.settled(ana)
    town.bill(ana, due_in=1)
    town.go_round()
    town.wait(hours=9)
    town.bill(ana, due_in=-1, contract=1)
    town.go_round()  # in the evening: announced in the morning
    town.wait(hours=15)
    town.go_round()
    assert "2 facturas" in town.letters[-1].subject
    days_pass(town, 4)

    assert [kind for _, kind, _ in reminders(town)] == ["due_today"]
    assert ("overdue", "+1d", "planned", "cap_week") in town.ends()


@on_sqlite
def test_every_channel_hears_of_every_invoice(town: Town) -> None:
    """With one reminder a day, the one message about two invoices goes to both addresses whole."""
    policy(town, "[caps]\nper_day = 1", "due_today first_due 0")
    ana = town.customer(contracts=2)
    town.pair(ana, "ana@clientes.example", "ana@trabajo.example")
    town.sync()
    for contract in range(2):
        town.bill(ana, due_in=1, contract=contract)
    town.go_round()
    before = len(town.letters)
    town.wait(days=1)
    town.go_round()

    letters = town.letters[before:]
    assert len({one.recipient for one in letters}) == len(letters) == 2
    assert all("2 facturas" in one.subject for one in letters)


@on_sqlite
def test_what_failed_together_was_not_told_together(town: Town) -> None:
    """Two in one message that the server put off; the second one, later alone, is a second one."""
    policy(town, "[caps]\nper_day = 1", "overdue first_due 3")
    ana = town.customer(contracts=2)
    town.settled(ana)
    _, later = (town.bill(ana, due_in=1, contract=contract) for contract in range(2))
    town.go_round()
    before = len(town.letters)
    town.wait(days=4)
    town.inbox.answer = "451 4.3.0 try again later"
    town.go_round()
    town.inbox.answer = "250 kept"
    town.house.holds.put(
        SLUG, ana.id, invoice=later.id, kind=HoldKind.HOLD, until=town.today, reason="disputed",
        author="eva", now=town.now,
    )  # fmt: skip
    town.wait(minutes=2)
    town.deliver()
    town.house.holds.release(SLUG, ana.id, invoice=later.id, author="eva", now=town.now)
    town.wait(minutes=30)
    town.go_round()

    assert [one.subject.count("facturas") for one in town.letters[before:]] == [0]
    assert town.ends()[-1] == ("overdue", "+3d", "planned", "cap_day")


@on_sqlite
def test_a_country_that_allows_one_channel_a_week_hears_from_one(town: Town) -> None:
    """CO: the second channel stays silent that week, and says why."""
    policy(town, 'preset = "CO"\nhours = "00:00-24:00"', "overdue first_due 3")
    ana = town.customer()
    town.pair(ana, "ana@clientes.example", "ana@trabajo.example")
    town.sync()
    town.bill(ana, due_in=1)
    days_pass(town, 8)

    went = [line for line in town.lines("sent") if line.kind == "overdue"]
    assert len(went) == 1
    others = [line for line in town.lines() if line.kind == "overdue" and line not in went]
    assert [(line.state, line.reason) for line in others] in (
        [("planned", "cap_week")],
        [("skipped", "cap_week")],
    )


@on_sqlite
def test_what_was_paid_is_told_whatever_the_caps_say(town: Town) -> None:
    """Receipts are exempt from caps."""
    policy(town, "[caps]\nper_day = 1\nper_week = 1", "due_today first_due 0")
    ana = town.customer(contracts=2)
    town.settled(ana)
    bills = [town.bill(ana, due_in=1, contract=place) for place in range(2)]
    days_pass(town, 2)
    for bill in bills:
        town.state.pay(bill)
    town.go_round()

    assert town.kinds().count("paid") == 2


@on_sqlite
def test_a_step_goes_only_where_the_policy_sends_it(town: Town) -> None:
    """An SMS-only step leaves the e-mail alone, and the list says so."""
    policy(town, "", 'overdue first_due 3 channels = ["sms"]', "overdue first_due 5")
    ana = town.customer()
    town.settled(ana)
    town.bill(ana, due_in=1)
    days_pass(town, 8)

    assert ("overdue", "+3d", "skipped", "not_in_policy") in town.ends()
    assert [step for _, _, step in reminders(town)] == ["+5d"]


@on_sqlite
def test_what_the_policy_does_not_name_is_not_sent(town: Town) -> None:
    """An ISP that does not want announcements sends none, and each says why."""
    policy(town, "", "due_today first_due 0", events='[[step]]\nkind = "paid"\n')
    ana = town.customer()
    town.settled(ana)
    town.bill(ana, due_in=3)
    days_pass(town, 5)

    assert town.kinds() == ["due_today"]
    assert ("issued", "first_sight", "skipped", "not_in_policy") in town.ends()


@on_sqlite
def test_who_does_not_want_a_step_does_not_get_it(town: Town) -> None:
    """A customer's own wishes: one step off, and hours of their own."""
    ana, eva = town.customer(), town.customer("Eva Díaz")
    town.settled(ana, eva)
    town.house.overrides.set(SLUG, ana.id, off=["due_soon"], hours="18:00-19:00", now=town.now)
    for who in (ana, eva):
        town.bill(who, due_in=6)
    town.go_round()  # at noon
    days_pass(town, 5)

    sent = [(line.name, line.kind) for line in town.lines("sent") if line.kind != "issued"]
    assert {name for name, _ in sent} == {"Eva Díaz"}
    hers = [line for line in town.lines() if line.name != "Eva Díaz"]
    assert {line.reason for line in hers if line.kind == "due_soon"} == {"step_off"}
    hours = [line.sent_at.astimezone(ZoneInfo(ZONE)).hour for line in hers if line.sent_at]
    assert hours == [18]


def test_a_second_warning_counts_from_the_day_of_the_first(town: Town) -> None:
    """Steps of a cut-off go by the day on which the contract became alerted."""
    policy(town, "", "cutoff_warning cutoff 3")
    ana = town.customer()
    town.settled(ana)
    town.bill(ana, due_in=2)
    town.go_round()
    town.state.set_contract_state(town.state.contracts[ana.contracts[0]], "alerted")
    days_pass(town, 6)

    steps = [line.step for line in town.lines("sent") if line.kind == "cutoff_warning"]
    assert steps == ["alerted", "cutoff+3d"]


@pytest.mark.rule(number=19)
@on_sqlite
def test_a_changed_policy_goes_on_from_here(town: Town) -> None:
    """Steps that the new policy lacks end; those that it adds go when their time comes."""
    ana = town.customer()
    town.settled(ana)
    town.bill(ana, due_in=6)
    due = town.today + timedelta(days=6)
    days_pass(town, 2)
    before = len(town.letters)
    policy(town, "", "due_soon first_due -3", "overdue first_due 2")
    days_pass(town, 8)

    assert [(due - day).days for day, _, _ in reminders(town)] == [5, 3, -2]
    assert len(town.letters) - before == 2


def test_what_is_on_its_way_counts_already(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """While one worker calls the provider, another does not take the day for empty."""
    policy(town, "digest_from = 0\n[caps]\nper_day = 1", "overdue first_due 3")
    ana = town.customer(contracts=2)
    town.settled(ana)
    for contract in range(2):
        town.bill(ana, due_in=1, contract=contract)
    town.go_round()
    town.wait(days=4)
    town.sync()
    send = town.house.messenger.send
    meanwhile: list[DeliveryReport] = []

    def slowly(*given: Any) -> Outcome:
        if not meanwhile:
            with town.house.database.write() as session:
                waiting = update(Delivery).where(Delivery.state == "sending", not_journaled)
                session.execute(waiting.values(state="planned"))
            meanwhile.append(town.house.delivering.run_batch(town.isp_id, clock=town.clock))
        return send(*given)

    journaled = select(Attempt.id).where(Attempt.delivery_id == Delivery.id)
    not_journaled = ~journaled.exists()
    monkeypatch.setattr(town.house.messenger, "send", slowly)
    town.deliver()

    assert [(one.sent, one.deferred) for one in meanwhile] == [(0, 1)]
    assert len(reminders(town)) == 1
