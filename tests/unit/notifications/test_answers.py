"""What a bot answers, kept as files; `GOLDEN=update` writes them anew."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from billing.answers import Answer, AnswerKind
from billing.asked import Verb, understand
from billing.letter import Debt
from billing.ports import RenderError
from notifications.answers import LONGEST, render_answer
from notifications.language import TRANSLATED
from notifications.render import TEMPLATES
from tests.unit.notifications.test_golden import LOCALES, check
from tests.unit.notifications.test_render import tags

OVERDUE = Debt(
    amount=Decimal(2590),
    invoice_number="A-0001-793",
    due_date=date(2026, 3, 1),
    pay_url="https://pagos.interatos.example/1",
)
PARTIAL = Debt(
    amount=Decimal(1590),
    received=Decimal(1000),
    invoice_number="null",
    period_date=date(2026, 3, 1),
    due_date=date(2026, 3, 11),
    pay_url="javascript:alert(1)",
)
FULL = Answer(
    kind=AnswerKind.HELP,
    isp_name="Interatos sas",
    today=date(2026, 3, 10),
    timezone="America/Argentina/Cordoba",
    currency="ARS",
    support="WhatsApp 3546 55-5000",
    first_name="Ana",
    debts=(OVERDUE, PARTIAL),
    more_debts=2,
    total=Decimal(9360),
    overdue=Decimal(2590),
    as_of=datetime(2026, 3, 10, 15, 0, tzinfo=UTC),
    until=date(2026, 3, 17),
    paused=True,
    others=("a…@clientes.example", "ntfy …ab"),
)
#: The same kinds where little is known.
BARE = Answer(
    kind=AnswerKind.HELP, isp_name="", today=date(2026, 3, 10), timezone="UTC", currency="ARS"
)


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("kind", list(AnswerKind))
def test_an_answer_reads_as_agreed(kind: AnswerKind, locale: str) -> None:
    """At its fullest and at its barest, in each language: one file shows both."""
    full = render_answer(replace(FULL, kind=kind), locale=locale)
    bare = render_answer(replace(BARE, kind=kind, named="Eva Blanco"), locale=locale)

    check(f"telegram/{kind.value}.{locale}.txt", f"{full}\n{'-' * 72}\n{bare}\n")
    whole = full + bare
    assert {tag for tag, _ in tags(whole)} <= {"b", "i", "a", "code"}
    assert not re.search(r"null|None|javascript|\{\{|\{%|%\(|\(\)", whole)


def test_every_kind_has_its_template() -> None:
    """A new kind of answer without its words does not pass unnoticed."""
    names = {path.name for path in (TEMPLATES / "telegram").iterdir()}

    assert names == {f"{kind.value}.html" for kind in AnswerKind} | {"layout.html", "sheet.html"}


@pytest.mark.parametrize("locale", LOCALES)
def test_every_command_that_is_named_is_understood(locale: str) -> None:
    """Who types what the help says gets what it says, in the language in which it says it."""
    text = "\n".join(render_answer(replace(FULL, kind=kind), locale=locale) for kind in AnswerKind)

    commands = set(re.findall(r"(?<![<\w/.])/[a-z]+", text))
    assert len(commands) == 7
    assert Verb.UNKNOWN not in {understand(command).verb for command in commands}


@pytest.mark.parametrize("tag", TRANSLATED)
def test_nobody_is_told_the_commands_of_another_language(tag: str) -> None:
    """A command in Spanish would work, and be a riddle."""
    text = render_answer(FULL, locale=tag)

    assert "/baja" not in text
    assert "/seguir" not in text


def test_what_a_record_holds_is_text_and_nothing_else() -> None:
    """A name that is markup stays a name."""
    strange = replace(
        FULL, first_name="<b>A&na</b>", isp_name="I<i>", named="<a href='x'>", others=("<x>",)
    )
    for kind in AnswerKind:
        text = render_answer(replace(strange, kind=kind), locale="es_AR")
        assert {tag for tag, _ in tags(text)} <= {"b", "i"}
        assert "<x>" not in text


def test_invoices_that_do_not_fit_are_counted() -> None:
    """Telegram takes 4096 characters: the oldest are listed, and the number of the others."""
    long = replace(OVERDUE, pay_url="https://pagos.interatos.example/" + "x" * 900)
    answer = replace(FULL, kind=AnswerKind.INVOICES, debts=(long,) * 8, more_debts=0)

    text = render_answer(answer, locale="es_AR")

    listed = text.count("Factura A-0001-793")
    assert 1 < listed < 8
    assert f"Hay {8 - listed} facturas más." in text
    assert len(re.sub(r"<[^>]+>", "", text)) <= LONGEST


def test_an_unusable_amount_is_a_render_error() -> None:
    """What cannot be written out names its template and nothing of the customer."""
    answer = replace(FULL, kind=AnswerKind.BALANCE, overdue=Decimal("NaN"))
    with pytest.raises(RenderError, match="telegram/balance"):
        render_answer(answer, locale="es_AR")
