"""Every alert as a customer reads it, kept as files.

    GOLDEN=update python -m pytest tests/unit/notifications/test_golden.py

writes them anew; the diff of the commit is then the change that customers see.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from billing.answers import AnswerKind
from billing.values import AlertKind, Medium, NoticeKind
from notifications.cases import Case, cases_of
from notifications.render import render
from notifications.samples import sample_letter
from tests.unit.notifications.letters import seed

if TYPE_CHECKING:
    from billing.letter import Letter, Message

FOLDER = Path(__file__).parent / "golden"
LOCALES = ("es_AR", "pt_BR", "en")


def as_text(message: Message) -> str:
    """Return all that a message says; the HTML of an e-mail has its own file."""
    body = message.html if message.medium is Medium.CHAT else message.text
    return f"{message.locale} · {message.subject}\n{'-' * 72}\n{body}\n"


def check(name: str, text: str) -> None:
    """Compare with the file of this name, or write it."""
    path = FOLDER / name
    if os.environ.get("GOLDEN") == "update":
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == text


CASES = [(kind, case) for kind in AlertKind for case in cases_of(kind) if case is not Case.PLAIN]


def every_file() -> Iterator[str]:
    """Name every golden file that a test compares with, those of the other files included."""
    for locale in LOCALES:
        yield from (f"telegram/{kind.value}.{locale}.txt" for kind in AnswerKind)
        yield f"telegram/sheet.{locale}.txt"
    yield "operator/sync_held/email.es_AR.html"
    yield "operator/operator_digest/email.es_AR.html"
    for notice in NoticeKind:
        for locale in LOCALES:
            yield from (f"operator/{notice.value}/{one.value}.{locale}.txt" for one in Medium)
    for kind in AlertKind:
        yield f"{kind.value}/email.es_AR.html"
        for locale in LOCALES:
            yield from (f"{kind.value}/{medium.value}.{locale}.txt" for medium in Medium)
    for kind, case in CASES:
        yield from (f"{kind.value}/{case.value}.{locale}.txt" for locale in LOCALES)
    for name in SEED_SCREEN:
        yield from (f"seed/{name}.{medium.value}.txt" for medium in SCREEN_MEDIA)


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("medium", list(Medium))
@pytest.mark.parametrize("kind", list(AlertKind))
def test_the_seeds_invoice_reads_as_agreed(kind: AlertKind, medium: Medium, locale: str) -> None:
    """The unpaid invoice of the seed says the same words today as when we agreed on them."""
    message = render(seed(kind), medium=medium, locale=locale)

    check(f"{kind.value}/{medium.value}.{locale}.txt", as_text(message))


@pytest.mark.parametrize("kind", list(AlertKind))
def test_the_html_of_an_email_is_as_agreed(kind: AlertKind) -> None:
    """The HTML changes only when somebody meant it."""
    message = render(seed(kind), medium=Medium.EMAIL, locale="es_AR")

    check(f"{kind.value}/email.es_AR.html", message.html or "")


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize(("kind", "case"), CASES)
def test_every_case_reads_as_agreed(kind: AlertKind, case: Case, locale: str) -> None:
    """What is special about an invoice is told in all media at once: one file shows them."""
    letter = sample_letter(kind, case)
    messages = [render(letter, medium=medium, locale=locale) for medium in Medium]

    assert not any("null" in part for one in messages for part in (one.subject, one.text))
    text = "\n".join(f"[{one.medium.value}]\n{as_text(one)}" for one in messages)

    check(f"{kind.value}/{case.value}.{locale}.txt", text)


@pytest.mark.parametrize("kind", [kind for kind in AlertKind if Case.UNNUMBERED in cases_of(kind)])
def test_the_null_of_the_seed_goes_by_its_month_in_every_kind(kind: AlertKind) -> None:
    """Name, amount and due date are written as the product says, whatever the alert is about."""
    message = render(sample_letter(kind, Case.UNNUMBERED), medium=Medium.EMAIL, locale="es_AR")

    text = message.text.replace("\u00a0", " ")
    for words in ("Factura de octubre 2021", "$ 2.590,00", "19/11/2021"):
        assert words in text
        assert words in (message.html or "").replace("\u00a0", " ")


def test_no_golden_file_is_orphaned() -> None:
    """A file that no test compares with would show an alert that nobody sends any more."""
    kept = {path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*") if path.is_file()}

    assert kept == set(every_file())


SCREEN_MEDIA = (Medium.EMAIL, Medium.SMS)
SEED_SCREEN = {
    # the six invoices of the seed's screenshot, "Nº null" included
    "23185": seed("paid", invoice_number="23185", due_date=date(2021, 11, 27)),
    "null": seed("overdue", invoice_number="null", today=date(2021, 11, 22)),
    "20927": seed("paid", invoice_number="20927", due_date=date(2021, 11, 9)),
    "23184": seed("paid", invoice_number="23184", due_date=date(2021, 10, 9)),
    "18943": seed("paid", invoice_number="18943", due_date=date(2021, 9, 8)),
    "18154": seed("paid", invoice_number="18154", due_date=date(2021, 8, 9), amount_total=2190),
}


@pytest.mark.parametrize("name", sorted(SEED_SCREEN))
@pytest.mark.parametrize("medium", SCREEN_MEDIA)
def test_every_invoice_of_the_seeds_screen_reads_as_agreed(name: str, medium: Medium) -> None:
    """The invoices that the old app showed, one of them as "Nº null", have words of their own."""
    letter: Letter = SEED_SCREEN[name]

    message = render(letter, medium=medium, locale="es_AR")

    check(f"seed/{name}.{medium.value}.txt", as_text(message))
    assert "null" not in message.text
