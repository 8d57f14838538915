"""`alerta preview`: what is shown is what is sent, and showing it changes nothing."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.support.cli import Cli
from tests.support.marks import on_sqlite
from tests.support.town import SLUG, Town


@pytest.fixture
def today(make_town: Callable[..., Town]) -> Town:
    """Give the test a town of today: the command reads the real clock."""
    town = make_town(now=datetime.now(UTC))
    town.add_isp()
    return town


def shown(cli: Cli, *words: str) -> list[str]:
    """Return the lines that the command prints."""
    return cli.well_here("preview", *words).stdout.splitlines()


def refusal(cli: Cli, *words: str) -> str:
    """Return the one line of a refusal."""
    ran = cli.here("preview", *words)
    assert (ran.code, ran.stdout) == (1, "")
    assert len(ran.stderr.splitlines()) == 1
    return ran.stderr


def of(client: Any) -> tuple[str, ...]:
    """Name a customer."""
    return ("--isp", SLUG, "--account", client.id)


@pytest.mark.rule(number=16)
@pytest.mark.parametrize(("due_in", "kind"), [(20, "issued"), (3, "due_soon"), (0, "due_today")])
def test_what_is_shown_is_what_was_sent(today: Town, cli: Cli, due_in: int, kind: str) -> None:
    """Subject, text and HTML of a real customer's alert are those of the message that left."""
    ana = today.customer()
    today.settled(ana)
    today.bill(ana, due_in=due_in, number="A-0001-801")
    today.go_round()
    assert today.kinds() == [kind]
    (sent,) = today.letters

    lines = shown(cli, kind, *of(ana))

    assert lines[0].replace("\u00a0", " ") == sent.subject  # the reader of headers drops it
    assert lines[2:] == sent.text.splitlines()
    out = cli.home / "mail.html"
    cli.well_here("preview", kind, *of(ana), "--invoice", "A-0001-801", "--out", str(out))
    as_sent = re.sub('cid:[^"]+', "", sent.html).split()
    as_shown = re.sub('data:[^"]+', "", out.read_text(encoding="utf-8")).split()
    assert as_shown == as_sent


@on_sqlite
def test_showing_asks_nobody_and_writes_nothing(today: Town, cli: Cli) -> None:
    """Wispro may be down, and no row is added."""
    ana = today.customer()
    today.settled(ana)
    today.bill(ana, due_in=3)
    today.sync()
    today.break_wispro("http_500")
    before, rows = today.lines(), today.copies()

    for kind in ("due_soon", "overdue", "paid", "changed", "voided", "cutoff_warning"):
        assert "Ana" in "".join(shown(cli, kind, *of(ana)))

    assert (today.lines(), today.copies()) == (before, rows)
    assert today.letters == []


@pytest.mark.rule(number=16)
@on_sqlite
def test_a_customer_is_shown_their_own_language_and_latest_invoice(today: Town, cli: Cli) -> None:
    """Account, then ISP; the option wins. Without a number the latest that fits is taken."""
    ana = today.customer()
    today.house.pairing.pair(SLUG, ana.id, [str(ana.email)], now=today.now, locale="pt_BR")
    paid = today.bill(ana, due_in=2, number="A-1")
    today.bill(ana, due_in=5, number="A-2")
    today.state.pay(paid)
    today.sync()

    assert "A-2" in "".join(shown(cli, "due_soon", *of(ana)))
    assert shown(cli, "paid", *of(ana))[0] == "Recebemos seu pagamento!"
    assert "A-1" in "".join(shown(cli, "paid", *of(ana)))
    assert "Hello Ana" in "".join(shown(cli, "paid", *of(ana), "--locale", "en"))


@on_sqlite
def test_the_digest_lists_the_old_debts(today: Town, cli: Cli) -> None:
    """The whole total, as if Wispro had just confirmed them all; nobody without debts has one."""
    ana, bea = today.customer("Ana"), today.customer("Bea")
    for place in range(2):
        today.bill(ana, due_in=place - 40, number=f"A-{place}")
    today.settled(ana, bea)

    assert "$\u00a05.180,00" in shown(cli, "digest", *of(ana))[0]
    assert "no old debts" in refusal(cli, "digest", *of(bea))
    assert "not about one invoice" in refusal(cli, "digest", *of(ana), "--invoice", "A-0")


@on_sqlite
def test_a_receipt_is_shown_with_what_it_takes_back(today: Town, cli: Cli) -> None:
    """The preview of a receipt knows of the reminder that was sent."""
    ana = today.customer()
    today.settled(ana)
    invoice = today.bill(ana, due_in=1)
    today.go_round()
    today.state.pay(invoice)
    today.sync()

    assert "aviso anterior" in "".join(shown(cli, "paid", *of(ana), "--medium", "sms"))


@on_sqlite
def test_who_cannot_be_shown_anything_is_named(today: Town, cli: Cli) -> None:
    """An unknown customer or invoice, one who is not paired, and one without invoices."""
    ana, bea = today.customer("Ana"), today.customer("Bea")
    today.settled(ana, bea)
    assert "we know no invoice of Ana" in refusal(cli, "due_soon", *of(ana))
    today.bill(ana, due_in=3, number="A-1")
    today.sync()

    assert "no account of ours" in refusal(
        cli, "due_soon", "--isp", SLUG, "--account", "nobody-at-all"
    )
    assert "Ana has no invoice 'A-9'" in refusal(cli, "due_soon", *of(ana), "--invoice", "A-9")
    assert "Bea has no invoice 'A-1'" in refusal(cli, "due_soon", *of(bea), "--invoice", "A-1")
    assert "nowhere" in refusal(cli, "due_soon", "--isp", "nowhere", "--account", "1")
    today.house.pairing.unpair(SLUG, ana.id, now=today.now)
    assert "Ana is not paired" in refusal(cli, "due_soon", *of(ana))


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ((), "name a kind"),
        (("due_soon", "--html", "x"), "name a kind"),
        (("due_soon", "--isp", "interatos"), "together"),
        (("due_soon", "--invoice", "7"), "together"),
        (("due_soon", "--locale", "xx"), "'xx' is not spoken here"),
        (("due_soon", "--case", "daily"), "plain, unnumbered"),
        (("due_soon", "--case", "credit", "--isp", "i", "--account", "7"), "--case is for samples"),
        (("--all",), "--all --html DIR"),
        (("overdue", "--all", "--html", "x"), "--all --html DIR"),
        (("overdue", "--medium", "sms", "--out", "x.html"), "has no HTML"),
        (("overdue", "--out", "/dev/null/x.txt"), "--out: cannot write"),
        (("--all", "--html", "/dev/null/x"), "--html: cannot make"),
    ],
)
@on_sqlite
def test_what_makes_no_sense_is_refused(cli: Cli, words: tuple[str, ...], why: str) -> None:
    """One line says what is wrong with the options."""
    assert why in refusal(cli, *words)


@on_sqlite
def test_an_sms_comes_with_its_segments(cli: Cli) -> None:
    """The text alone is on stdout; what it costs is a remark, a warning where it is more."""
    one = cli.well_here("preview", "due_soon", "--medium", "sms")
    two = cli.well_here("preview", "overdue", "--medium", "sms", "--locale", "es-AR")

    assert one.stderr.startswith("1 segment, ")
    assert two.stderr.startswith("warning: 2 segments, ")
    assert "segment" not in one.stdout + two.stdout
    assert len(two.stdout.splitlines()) == 3  # a long line is not broken


@on_sqlite
def test_everything_goes_on_one_page(today: Town, cli: Cli, tmp_path: Path) -> None:
    """The seed's invoices in three languages; a customer's own in theirs, as far as they go."""
    ana = today.customer()
    today.settled(ana)
    today.bill(ana, due_in=3, number="A-0001-801")
    today.sync()

    cli.well_here("preview", "--all", "--html", str(tmp_path / "a" / "b"))
    cli.well_here("preview", "--all", "--html", str(tmp_path / "ana"), *of(ana))

    seeds = (tmp_path / "a" / "b" / "index.html").read_text(encoding="utf-8")
    assert seeds.count('data-locale="pt_BR"') == seeds.count('data-locale="en"') > 100
    hers = (tmp_path / "ana" / "index.html").read_text(encoding="utf-8")
    assert 'data-kind="overdue"' in hers
    assert 'data-kind="digest"' not in hers
    assert 'data-locale="en"' not in hers
    assert "A-0001-801" in hers
