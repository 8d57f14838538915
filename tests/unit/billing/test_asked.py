"""What people write to a bot, and what is understood."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.asked import LONGEST_PAUSE, USUAL_PAUSE, Asked, Verb, understand


@pytest.mark.parametrize(
    ("text", "verb"),
    [
        ("/facturas", Verb.INVOICES),
        ("  /Facturas  ", Verb.INVOICES),
        ("FACTURAS", Verb.INVOICES),
        ("/faturas", Verb.INVOICES),
        ("/invoices", Verb.INVOICES),
        ("/facturas@interatos_bot", Verb.INVOICES),
        ("/saldo", Verb.BALANCE),
        ("/balance", Verb.BALANCE),
        ("/seguir", Verb.RESUME),
        ("/continuar", Verb.RESUME),
        ("/resume", Verb.RESUME),
        ("/ayuda", Verb.HELP),
        ("/ajuda", Verb.HELP),
        ("/help", Verb.HELP),
        ("STOP", Verb.STOP),
        ("Sair", Verb.STOP),
        ("baja", Verb.STOP),
        ("", Verb.UNKNOWN),
        (None, Verb.UNKNOWN),
        ("hola, ¿cuánto debo?", Verb.UNKNOWN),
        ("factura mal hecha", Verb.UNKNOWN),
        ("/facturas2", Verb.UNKNOWN),
        ("/", Verb.UNKNOWN),
    ],
)
def test_a_command_is_known_in_three_languages_with_and_without_its_slash(
    text: str | None, verb: Verb
) -> None:
    """A whole word is a command, a sentence is a person who talks."""
    assert understand(text).verb is verb


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("/pausar", USUAL_PAUSE),
        ("/pausar 3", 3),
        ("/pausar 3 días", 3),
        ("/pausar tres", USUAL_PAUSE),
        ("/pausar 0", 1),
        ("/pausar 30", 30),
        ("/pausar 31", LONGEST_PAUSE),
        ("/pausar 99999999999999999999", LONGEST_PAUSE),
        ("/pausar -3", USUAL_PAUSE),
        ("/pausar ٣", USUAL_PAUSE),
        ("pause 10", 10),
    ],
)
def test_a_pause_has_from_one_day_to_thirty(text: str, days: int) -> None:
    """Whatever is written, it ends."""
    assert understand(text) == Asked(verb=Verb.PAUSE, days=days)


@pytest.mark.parametrize(
    ("text", "locale"),
    [
        ("/idioma es", "es"),
        ("/idioma Español", "es"),
        ("/idioma pt", "pt_BR"),
        ("/idioma pt-BR", "pt_BR"),
        ("/idioma português", "pt_BR"),
        ("/language English", "en"),
        ("/language en_US", "en"),
        ("/idioma", None),
        ("/idioma quechua", None),
    ],
)
def test_a_language_is_named_by_code_or_by_name(text: str, locale: str | None) -> None:
    """Of the three there are; any other asks again."""
    assert understand(text) == Asked(verb=Verb.LANGUAGE, locale=locale)


@pytest.mark.parametrize(
    ("text", "everything"),
    [("/baja", False), ("/baja todo", True), ("/sair tudo", True), ("/stop all", True),
     ("/baja por favor", False)],
)  # fmt: skip
def test_who_leaves_may_leave_everything(text: str, *, everything: bool) -> None:
    """More words never make a leave into something else."""
    assert understand(text) == Asked(verb=Verb.STOP, all_channels=everything)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("/start AbC-_123", "AbC-_123"),
        ("/start  AbC ", "AbC"),
        ("/start@interatos_bot AbC", "AbC"),
        ("/start " + "a" * 64, "a" * 64),
        ("/start " + "a" * 65, ""),
        ("/start AbC DeF", ""),
        ("/start ñandú", ""),
        ("/start", None),
    ],
)
def test_a_code_is_taken_as_it_was_typed(text: str, code: str | None) -> None:
    """Case and signs count; what cannot be a code is a wrong one, nothing is no code at all."""
    assert understand(text) == Asked(verb=Verb.START, code=code)


@given(st.text(max_size=5000))
def test_nothing_that_can_be_written_breaks_it(text: str) -> None:
    """Every message means something, and keeps within its bounds."""
    for asked in (understand(text), understand(f"/pausar {text}"), understand(f"/start {text}")):
        assert 1 <= asked.days <= LONGEST_PAUSE
        assert len(asked.code or "") <= 64
