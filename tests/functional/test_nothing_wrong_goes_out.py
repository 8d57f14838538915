"""Nothing wrong goes out: who paid, who is covered, who left, and whose invoice it is."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

import pytest

from billing.naming import PairingError
from tests.support.marks import on_sqlite
from tests.support.town import SLUG, Town


@pytest.mark.rule(number=4)
def test_who_pays_between_planning_and_sending_is_not_asked(town: Town) -> None:
    """A reminder whose invoice was paid a moment ago is cancelled by the last-second look."""
    ana = town.customer()
    town.settled(ana)
    invoice = town.bill(ana)
    assert town.sync().deliveries == 1

    town.state.pay(invoice)
    report = town.deliver()

    assert report.cancelled == 1
    assert town.ends() == [
        ("issued", "first_sight", "cancelled", "paid"),
        ("paid", "seen", "sent", None),
    ]
    assert town.kinds() == ["paid"]


@pytest.mark.rule(number=4)
def test_without_a_fresh_look_nobody_is_asked_to_pay(town: Town) -> None:
    """While Wispro does not answer, a reminder is put off; when it does, it goes once."""
    ana = town.customer()
    town.settled(ana)
    town.bill(ana, due_in=1)
    town.sync()
    town.wait(minutes=6)  # the look of the sync counts for five
    town.break_wispro("http_500", path="invoicing/invoices/")

    report = town.deliver()

    assert (report.sent, report.deferred, town.letters) == (0, 1, [])
    assert town.ends()[-1] == ("due_soon", "-1d", "planned", "stale_data")

    town.mend_wispro()
    assert town.deliver().sent == 0  # not at once: it waits its five minutes
    town.wait(minutes=5)
    assert town.deliver().sent == 1
    assert town.deliver().touched == 0
    assert town.kinds() == ["due_soon"]
    assert town.lines("sent")[0].reason is None


@pytest.mark.rule(number=4)
@pytest.mark.parametrize("fault", ["body_401", "body_404", "broken_json", "http_502_html"])
@on_sqlite
def test_a_strange_answer_at_the_last_second_sends_nothing(town: Town, fault: str) -> None:
    """Whatever Wispro says instead of the invoice, it is no permission to ask for money."""
    ana = town.customer()
    town.settled(ana)
    town.bill(ana, due_in=1)
    town.sync()
    town.break_wispro(fault, path=r"invoicing/invoices/.+|current_account")

    assert town.deliver().sent == 0
    assert town.ends()[-1] == ("due_soon", "-1d", "planned", "stale_data")
    assert [copy.state for copy in town.copies()] == ["pending"]


@on_sqlite
def test_a_balance_that_contradicts_itself_sends_nothing(town: Town) -> None:
    """Where the three numbers of the current account do not fit together, nobody is asked."""
    ana = town.customer()
    town.settled(ana)
    town.bill(ana, due_in=1)
    town.sync()
    town.break_wispro("amounts_null", path="current_account")

    assert town.deliver().sent == 0
    assert town.ends()[-1] == ("due_soon", "-1d", "planned", "stale_data")


@pytest.mark.rule(number=8)
def test_who_is_covered_by_credit_is_not_asked(town: Town) -> None:
    """A reminder is skipped where the customer's credit covers what is open."""
    ana = town.customer(credit=Decimal(5000))
    town.settled(ana)
    town.bill(ana, due_in=1)
    town.go_round()

    assert town.ends()[-1] == ("due_soon", "-1d", "skipped", "credit_covers")
    assert town.letters == []


@pytest.mark.rule(number=8)
@on_sqlite
def test_a_covered_invoice_is_announced_without_a_bill(town: Town) -> None:
    """A new invoice that credit covers is announced, and asks for nothing."""
    ana = town.customer(credit=Decimal(5000))
    town.settled(ana)
    town.bill(ana)
    town.go_round()

    (letter,) = town.letters
    assert town.kinds() == ["issued"]
    assert "pagos.interatos.example" not in letter.everything
    assert letter.qr is None


@pytest.mark.rule(number=9)
def test_what_was_received_is_said(town: Town) -> None:
    """After a partial payment the reminder names the rest, and what was received."""
    ana = town.customer()
    town.settled(ana)
    invoice = town.bill(ana, due_in=6)
    town.go_round()
    town.state.pay(invoice, Decimal(1000))
    town.wait(days=1)
    town.go_round()

    reminder = town.letters[-1]
    assert town.kinds() == ["issued", "due_soon"]
    assert "saldo pendiente" in reminder.everything.lower()
    assert "1.590,00" in reminder.text.replace("\xa0", " ")
    assert "1.000,00" in reminder.text.replace("\xa0", " ")


def test_a_voided_invoice_is_not_chased(town: Town) -> None:
    """What was voided before it was sent does not go, and nobody hears of an unannounced void."""
    ana = town.customer()
    town.settled(ana)
    invoice = town.bill(ana, due_in=1)
    town.sync()
    town.state.set_state(invoice, "void")
    town.deliver()
    town.go_round()

    assert town.ends()[-1] == ("due_soon", "-1d", "cancelled", "void")
    assert town.letters == []


def test_an_announced_void_is_told_once(town: Town) -> None:
    """Whoever was told about an invoice is told, once, that it was voided."""
    ana = town.customer()
    town.settled(ana)
    invoice = town.bill(ana)
    town.go_round()
    town.state.set_state(invoice, "void")
    for _ in range(3):
        town.go_round()

    assert town.kinds() == ["issued", "voided"]


def test_who_left_hears_nothing_more(town: Town) -> None:
    """What was planned for a customer who was unpaired since is cancelled."""
    ana = town.customer()
    town.settled(ana)
    town.bill(ana)
    town.sync()
    town.house.pairing.unpair(SLUG, ana.id, now=town.now)
    town.deliver()
    town.bill(ana)
    town.wait(hours=1)
    town.go_round()

    assert town.ends() == [("issued", "first_sight", "cancelled", "unpaired")]
    assert town.letters == []


def test_who_comes_back_begins_silently(town: Town) -> None:
    """Whoever is paired again is not told what happened in between."""
    ana = town.customer()
    town.settled(ana)
    town.house.pairing.unpair(SLUG, ana.id, now=town.now)
    town.bill(ana)
    town.wait(days=1)
    town.settled(ana)
    town.go_round()
    assert town.letters == []

    town.bill(ana)
    town.go_round()
    assert town.kinds() == ["issued"]


@pytest.mark.rule(number=14)
def test_a_refused_address_is_not_tried_again(town: Town) -> None:
    """A mailbox that does not exist ends the delivery and disables the channel."""
    ana = town.customer()
    town.settled(ana)
    town.bill(ana)
    town.sync()
    town.inbox.answer = "550 5.1.1 no such user"
    assert town.deliver().failed == 1
    town.inbox.answer = "250 kept"
    town.bill(ana)
    town.wait(days=1)
    town.go_round()

    assert town.ends()[0] == ("issued", "first_sight", "failed", "rejected")
    assert town.letters == []


@pytest.mark.rule(number=12)
def test_mail_trouble_is_tried_again_and_arrives_once(town: Town) -> None:
    """While the mail server says "later", the alert waits; afterwards it arrives once."""
    ana = town.customer()
    town.settled(ana)
    town.bill(ana)
    town.sync()
    town.inbox.answer = "451 4.3.0 try again later"
    assert town.deliver().deferred == 1
    town.inbox.answer = "250 kept"
    for _ in range(4):
        town.wait(minutes=1)
        town.deliver()

    assert town.kinds() == ["issued"]
    assert [(line.state, line.attempts) for line in town.lines()] == [("sent", 2)]


@pytest.mark.rule(number=10)
def test_a_moved_due_date_makes_no_second_copy(town: Town) -> None:
    """A step that left for the old date is not repeated for the new one within 72 hours."""
    ana = town.customer()
    town.settled(ana)
    invoice = town.bill(ana, due_in=5)
    town.go_round()
    assert town.kinds() == ["due_soon"]

    later = town.today + timedelta(days=6)
    town.wait(hours=1)
    town.state.change_invoice(invoice, first_due_date=f"{later}")
    town.go_round()
    town.wait(days=1)
    town.go_round()

    assert town.kinds() == ["due_soon", "changed"]
    assert ("due_soon", "-5d", "skipped", "superseded") in town.ends()


@pytest.mark.rule(number=10)
def test_a_planned_reminder_for_the_old_date_does_not_go(town: Town) -> None:
    """A reminder that waits for its hour ends when the due date moves away."""
    ana = town.customer()
    town.settled(ana)
    invoice = town.bill(ana, due_in=1)
    town.sync()
    town.state.change_invoice(invoice, first_due_date=f"{town.today + timedelta(days=20)}")
    town.go_round()

    assert ("due_soon", "-1d", "skipped", "superseded") in town.ends()
    assert town.letters == []


@pytest.mark.rule(number=5)
def test_nobody_is_called_late_on_first_sight(town: Town) -> None:
    """An overdue invoice that we see for the first time is not called overdue for 48 hours."""
    ana = town.customer()
    town.settled(ana)
    town.bill(ana, due_in=-4)
    town.go_round()
    assert town.kinds() == ["issued"]
    assert "no registramos el pago" not in town.letters[0].everything.lower()

    town.wait(hours=47)
    town.go_round()
    assert town.kinds() == ["issued"]

    town.wait(hours=1)
    town.go_round()
    assert town.kinds() == ["issued", "overdue"]
    assert "no pagaste" not in town.letters[1].everything.lower()


@pytest.mark.rule(number=3)
def test_after_an_outage_only_the_latest_step_goes(town: Town) -> None:
    """Days without the daemon cost one message, not one per missed step."""
    ana = town.customer()
    town.settled(ana)
    town.bill(ana, due_in=6)
    town.go_round()
    town.wait(days=13)  # +7d now
    for _ in range(3):
        town.go_round()

    assert town.kinds() == ["issued", "overdue"]
    assert [end for end in town.ends() if end[2] == "skipped"] == [
        (kind, step, "skipped", "missed")
        for kind, step in (
            ("due_soon", "-5d"),
            ("due_soon", "-1d"),
            ("due_today", "0d"),
            ("overdue", "+3d"),
        )
    ]


def test_a_whole_month_sends_each_step_once(town: Town) -> None:
    """Over a month without a payment, each step arrives exactly once and in its order."""
    ana = town.customer()
    town.settled(ana)
    town.bill(ana, due_in=10)
    begun = town.now
    for day in (0, 1, 5, 6, 9, 10, 11, 13, 14, 17, 18, 19, 20, 24, 25):
        town.now = begun + timedelta(days=day)
        town.go_round()

    assert town.kinds() == [
        "issued",
        "due_soon",
        "due_soon",
        "due_today",
        "overdue",
        "overdue",
        "second_due_soon",
        "overdue",
    ]
    assert {line.state for line in town.lines()} == {"sent"}


@pytest.mark.rule(number=7)
@on_sqlite
def test_no_alert_leaves_the_contact_hours(make_town: Callable[..., Town]) -> None:
    """What comes due in the evening leaves when the window opens in the morning."""
    town = make_town()
    town.add_isp(contact_hours="09:00-19:00")
    ana = town.customer()
    town.settled(ana)
    town.wait(hours=8)  # 20:00 in Córdoba
    town.bill(ana)
    town.go_round()
    assert town.letters == []
    town.wait(hours=12, minutes=59)
    town.go_round()
    assert town.letters == []
    town.wait(minutes=1)
    town.go_round()
    assert town.kinds() == ["issued"]


@pytest.mark.parametrize("shared", ["national_id", "email", "both"])
def test_two_customers_who_share_an_id_see_only_their_own(town: Town, shared: str) -> None:
    """A shared national id or e-mail never shows one customer another's invoices."""
    same = {"national_id": "30.555.666", "email": "familia@clientes.example"}
    given = same if shared == "both" else {shared: same[shared]}
    ana, bruno = town.customer("Ana Álvarez", **given), town.customer("Bruno Benítez", **given)
    town.pair(ana, "ana@clientes.example")
    town.pair(bruno, "bruno@clientes.example")
    town.sync()
    mine = town.bill(ana)
    town.go_round()

    assert [letter.recipient for letter in town.letters] == ["ana@clientes.example"]
    assert [copy.invoice_id for copy in town.copies(ana)] == [mine.id]
    assert town.copies(bruno) == []

    yours = town.bill(bruno)
    town.go_round()
    assert [copy.invoice_id for copy in town.copies(bruno)] == [yours.id]
    assert [copy.invoice_id for copy in town.copies(ana)] == [mine.id]
    assert len(town.inbox.to("bruno@clientes.example")) == 1


def test_an_invoice_without_contract_is_nobodys_if_the_id_is_shared(town: Town) -> None:
    """Where neither contract nor national id proves whose it is, an invoice is stored nowhere."""
    given = {"national_id": "30.555.666"}
    ana, bruno = town.customer("Ana Álvarez", **given), town.customer("Bruno Benítez", **given)
    town.settled(ana, bruno)
    town.bill(ana, contract_id=None)
    report = town.sync()

    assert report.foreign == 2
    assert (town.copies(), town.lines()) == ([], [])


@on_sqlite
def test_an_invoice_without_contract_is_the_sole_holders(town: Town) -> None:
    """An invoice that names no contract belongs to the only client with its national id."""
    ana = town.customer()
    town.settled(ana)
    town.bill(ana, contract_id=None)
    town.go_round()

    assert town.kinds() == ["issued"]


@pytest.mark.parametrize(
    ("shared", "named"),
    [
        ({"email": "familia@clientes.example"}, "familia@clientes.example"),
        ({"national_id": "30555666"}, "30555666"),
        ({"custom_id": "0042"}, "0042"),
    ],
)
@on_sqlite
def test_an_ambiguous_name_is_refused_with_the_candidates(
    town: Town, shared: dict[str, str], named: str
) -> None:
    """Whoever names two customers at once is shown both, and pairs neither."""
    ana, bruno = town.customer("Ana Álvarez", **shared), town.customer("Bruno Benítez", **shared)

    with pytest.raises(PairingError) as caught:
        town.pair(ana, by=named)

    for client in (ana, bruno):
        assert client.id in str(caught.value)
        assert f"public:{client.public_id}" in str(caught.value)
        assert client.name in str(caught.value)
    assert town.sync().accounts == 0


@on_sqlite
def test_a_number_that_is_one_public_id_and_another_custom_id_is_ambiguous(town: Town) -> None:
    """A bare number is looked up as every id that it may be."""
    ana = town.customer("Ana Álvarez")
    bruno = town.customer("Bruno Benítez", custom_id=str(ana.public_id))

    with pytest.raises(PairingError, match="2 clients match"):
        town.pair(ana, by=str(ana.public_id))
    assert town.pair(ana, by=f"public:{ana.public_id}").client.client_id == ana.id
    assert town.pair(bruno, by=f"custom:{bruno.custom_id}").client.client_id == bruno.id


def test_an_invoice_that_vanishes_is_believed_after_two_whole_reads(town: Town) -> None:
    """One 404 changes nothing; after the second, nothing more is sent about the invoice."""
    ana = town.customer()
    town.settled(ana)
    invoice = town.bill(ana, due_in=6)
    town.go_round()
    town.state.remove(invoice)

    town.sync()
    assert [(copy.state, copy.vanished) for copy in town.copies()] == [("pending", False)]
    town.sync()
    assert [(copy.state, copy.vanished) for copy in town.copies()] == [("pending", True)]
    town.wait(days=5)
    town.go_round()
    assert town.kinds() == ["issued"]


def test_a_payment_taken_back_is_asked_for_again_once_its_steps_come(town: Town) -> None:
    """After paid → pending the receipt stands, and later steps go again, none of them twice."""
    ana = town.customer()
    town.settled(ana)
    invoice = town.bill(ana, due_in=6)
    town.go_round()
    payment = town.state.pay(invoice)
    town.go_round()
    assert town.kinds() == ["issued", "paid"]
    town.state.void_payment(payment)
    town.go_round()
    assert town.kinds() == ["issued", "paid"]
    town.wait(days=1)
    for _ in range(3):
        town.go_round()
    assert town.kinds() == ["issued", "paid", "due_soon"]
