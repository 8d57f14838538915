"""The digest of one day: what is due soon, today and overdue, in one message."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from billing.letter import Debt, Letter, Message
from billing.values import AlertKind, Medium
from notifications.cases import Case
from notifications.context import colours
from notifications.gsm import segments
from notifications.palette import TONES_LIGHT, Tone
from notifications.render import COLUMNS, render
from notifications.samples import sample_letter
from tests.unit.notifications.letters import LINK, maximal

FRIDAY = date(2021, 11, 19)
PORTAL = "https://interatos.wispro.co/"


def daily(*due_in: int | None, **more: Any) -> Letter:
    """Return the digest of Friday with an invoice of $ 1000 for each of these days from then."""
    debts = tuple(
        Debt(
            amount=Decimal(1000),
            invoice_number=f"F-{place}",
            due_date=None if days is None else FRIDAY + timedelta(days=days),
            pay_url=f"{LINK}-{place}",
        )
        for place, days in enumerate(due_in)
    )
    total = Decimal(1000 * len(debts))
    given: dict[str, Any] = {
        "today": FRIDAY,
        "debts": debts,
        "amount_due": total,
        "amount_total": total,
        "received": Decimal(0),
        "due_date": debts[0].due_date,
    }
    return sample_letter(AlertKind.DIGEST, Case.DAILY, **(given | more))


def said(letter: Letter, medium: Medium = Medium.EMAIL, locale: str = "es_AR") -> Message:
    """Render it."""
    return render(letter, medium=medium, locale=locale)


@pytest.mark.parametrize(
    ("due_in", "subject", "headline"),
    [
        ((5, 8, 9), "Tenés 3 facturas por pagar · $ 3.000,00", "Tenés 3 facturas por pagar"),
        (
            (0, 5, 8),
            "Una vence hoy: tenés 3 facturas por pagar · $ 3.000,00",
            "Tenés 3 facturas: una vence hoy",
        ),
        (
            (-3, 0, 0, 1),
            "2 vencen hoy y una ya venció: tenés 4 facturas por pagar · $ 4.000,00",
            "Tenés 4 facturas: 2 vencen hoy y una ya venció",
        ),
        (
            (-9, -3, 5),
            "2 ya vencieron: tenés 3 facturas por pagar · $ 3.000,00",
            "Tenés 3 facturas: 2 ya vencieron",
        ),
        ((0, 0), "Hoy vencen tus 2 facturas · $ 2.000,00", "Hoy vencen tus 2 facturas"),
        ((-9, -3), "Tenés 2 facturas vencidas · $ 2.000,00", "Tenés 2 facturas vencidas"),
        ((None, None), "Tenés 2 facturas por pagar · $ 2.000,00", "Tenés 2 facturas por pagar"),
        ((0,), "Hoy vence tu factura · $ 1.000,00", "Tu factura vence hoy"),
        ((-3,), "Tenés una factura vencida · $ 1.000,00", "Tenés una factura vencida"),
        ((5,), "Tenés una factura por pagar · $ 1.000,00", "Tenés una factura por pagar"),
    ],
)
def test_what_cannot_wait_comes_first(
    due_in: tuple[int | None, ...], subject: str, headline: str
) -> None:
    """The subject has the count and the total, and before them what is due today or overdue."""
    message = said(daily(*due_in))

    assert message.subject.replace("\u00a0", " ") == subject
    assert headline.upper() in " ".join(message.text.split())


@pytest.mark.parametrize("medium", list(Medium))
@pytest.mark.parametrize("locale", ["es_AR", "pt_BR", "en"])
@pytest.mark.parametrize("due_in", [(-9, -3), (-3, 0, 5), (0, 0), (5, 8), (None, None), (5,)])
def test_every_mixture_renders_in_every_language(
    due_in: tuple[int | None, ...], locale: str, medium: Medium
) -> None:
    """No mixture leaves a hole or a double sentence."""
    message = said(daily(*due_in), medium, locale)

    whole = f"{message.subject} {message.text}"
    assert not re.search(r"\b(None|null)\b|\(\)| ,| \.(?!\w)|\.\.|%\(", whole)
    if locale != "es_AR":
        assert not re.search(r"\b(tenés|vence[n]? hoy|venció|vencidas? |factura)\b", whole)


def test_each_row_follows_today() -> None:
    """Overdue, today, tomorrow and later: each in its own words, each with its own link."""
    text = " ".join(said(daily(-10, 0, 1, 8)).text.replace("\u00a0", " ").split())

    assert "Factura F-0, venció el 09/11/2021: $ 1.000,00" in text
    assert "Factura F-1, vence hoy, viernes 19/11: $ 1.000,00" in text
    assert "Factura F-2, vence mañana, sábado 20/11: $ 1.000,00" in text
    assert "Factura F-3, vence el sábado 27/11: $ 1.000,00" in text
    assert all(f"{LINK}-{place}" in text for place in range(4))
    assert PORTAL in text
    later = said(daily(-10, 0, 1, 8, today=FRIDAY + timedelta(days=30))).text
    assert not re.search(r"\bvence\b", later, re.IGNORECASE)


def test_a_row_tells_its_service_its_month_and_what_was_received() -> None:
    """Who has several contracts sees which is which; a partial payment shows what it left."""
    text = " ".join(
        said(sample_letter(AlertKind.DIGEST, Case.DAILY)).text.replace("\u00a0", " ").split()
    )

    assert "Factura de octubre 2021 (Plan 6 megas), vence hoy" in text
    assert "$ 1.590,00 Recibimos $ 1.000,00, este es el saldo pendiente." in text


@pytest.mark.parametrize("medium", list(Medium))
@pytest.mark.parametrize("due_in", [(-9, -3), (-3, 0, 5), (5, 8)])
def test_it_accuses_nobody_and_excuses_who_has_paid(
    due_in: tuple[int, ...], medium: Medium
) -> None:
    """Payments are missed only where something is overdue, and the last word is the excuse."""
    message = said(daily(*due_in), medium)

    body = message.text.partition("\n-- \n")[0].casefold().strip()
    assert body.splitlines()[-1].endswith(
        ("si ya pagaste, ignorá este aviso.", "ignora este aviso.")
    )
    assert "no pagaste" not in body
    if medium in {Medium.EMAIL, Medium.CHAT}:
        assert ("no registramos el pago" in " ".join(body.split())) == (due_in[0] < 0)


def test_a_short_one_takes_one_message() -> None:
    """Count, total, what cannot wait and the portal fit 160 characters."""
    for due_in in ((-3, 0, 5), (0, 5), (5, 8)):
        assert segments(said(daily(*due_in), Medium.SMS).text) == 1


@pytest.mark.parametrize("locale", ["es_AR", "pt_BR", "en"])
def test_the_longest_one_still_fits(locale: str) -> None:
    """Ten long rows, credit and more behind them: a chat's caption and a lock screen hold it."""
    long = maximal(AlertKind.DIGEST, daily=True, today=FRIDAY - timedelta(days=30))
    rows = tuple(replace(debt, service="Plan de fibra de 300 megas " * 9) for debt in long.debts)
    letter = replace(long, debts=rows)

    assert len(said(letter, Medium.CHAT, locale).text) < 1024
    assert len(said(letter, Medium.PUSH, locale).text.splitlines()) <= 3
    for line in said(letter, Medium.EMAIL, locale).text.splitlines():
        assert len(line) <= COLUMNS or line.startswith("http")


def test_it_is_red_only_where_something_is_overdue() -> None:
    """A digest of what is due soon does not look like a reproach."""
    assert colours(daily(0, 5))["tone"] == TONES_LIGHT[Tone.SOON]
    assert colours(daily(-1, 5))["tone"] == TONES_LIGHT[Tone.LATE]


def test_credit_that_covers_all_asks_for_nothing() -> None:
    """Several invoices are spoken of in the plural, and nobody is asked for anything."""
    message = said(daily(0, 5, covered_by_credit=True))

    assert message.subject == "Tu saldo a favor cubre tus facturas"
    assert LINK not in message.text + (message.html or "")
    assert "ignor" not in message.text
