"""What an operator is told, kept as files like the alerts of customers."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest

from billing.letter import Notice
from billing.values import Medium, NoticeKind
from notifications.gsm import BASIC, EXTENDED
from notifications.render import COLUMNS, TEMPLATES, render_notice
from tests.unit.notifications.test_golden import LOCALES, as_text, check
from tests.unit.notifications.test_render import tags

MEDIA = {"subject.txt", "email.html", "email.txt", "chat.html", "push.txt", "sms.txt", "words.txt"}
DETAILS = {
    NoticeKind.SYNC_HELD: {
        "run": "12",
        "reason": "share",
        "changed": "640",
        "open": "1890",
        "planned": "310",
        "usual": "24",
        "approve": "alerta sync interatos --approve 12",
        "reject": "alerta sync interatos --reject 12",
    },
    NoticeKind.SYNC_RESUMED: {"run": "12", "decision": "approved", "planned": "310"},
    NoticeKind.WISPRO_TROUBLE: {
        "reason": "not_authorized",
        "since": "2026-03-10T06:05:00+00:00",
        "failures": "5",
    },
    NoticeKind.WISPRO_BACK: {"since": "2026-03-10T06:05:00+00:00"},
    NoticeKind.ODD_DATES: {
        "invoice": "A-0001-793",
        "reason": "reversed",
        "explain": "alerta explain interatos 793 --invoice A-0001-793",
    },
    NoticeKind.BOT_TROUBLE: {
        "reason": "token_refused",
        "bot": "interatos_bot",
        "since": "2026-03-10T06:05:00+00:00",
    },
    NoticeKind.CHANNELS_CLOSED: {
        "count": "12",
        "unreadable": "2",
        "names": "793 (a…@example.org), 801 (telegram …345)",
        "more": "10",
        "silent": "3",
        "explain": "alerta explain interatos 793",
    },
    NoticeKind.SECRET_UNREADABLE: {"token": "yes", "accounts": "email, ntfy", "account": "email"},
    NoticeKind.PROVIDER_RESTING: {
        "account": "email",
        "since": "2026-03-10T06:05:00+00:00",
        "reason": "email: 535 at AUTH, authentication failed",
        "waiting": "214",
    },
    NoticeKind.PROVIDER_RECOVERED: {"account": "telegram", "since": "2026-03-10T06:05:00+00:00"},
    NoticeKind.SMS_BUDGET: {
        "reason": "spent",
        "spent": "4999",
        "budget": "5000",
        "month": "2026-03-01",
    },
    NoticeKind.NO_LOOKS: {
        "reason": "nobody",
        "since": "2026-03-10T06:05:00+00:00",
        "hours": "8",
    },
    NoticeKind.LOOKS_BACK: {
        "since": "2026-03-10T06:05:00+00:00",
        "until": "2026-03-10T14:50:00+00:00",
    },
    NoticeKind.NO_SENDS: {
        "reason": "not_tried",
        "since": "2026-03-10T12:05:00+00:00",
        "hours": "2",
        "waiting": "214",
    },
    NoticeKind.SENDS_BACK: {"since": "2026-03-10T14:05:00+00:00", "reason": "sent"},
    NoticeKind.OPERATOR_DIGEST: {
        "first": "2026-03-09",
        "last": "2026-03-09",
        "sent": "1204",
        "by_kind": "issued:804 due_soon:311 overdue:72 paid:17",
        "failed": "3",
        "by_reason": "rejected:2:793,801 tries_spent:1:55",
        "uncertain": "2",
        "closed": "5",
        "holds": "1",
        "looks": "46",
        "looks_bad": "2",
        "looked": "2026-03-10T10:52:00+00:00",
        "spent": "1200",
        "budget": "5000",
    },
}


def notice(kind: NoticeKind, **given: str) -> Notice:
    """Return what Interatos is told at noon of a Tuesday; `given` are details that win."""
    return Notice(
        kind=kind,
        isp_name="Interatos sas",
        isp_slug="interatos",
        timezone="America/Argentina/Cordoba",
        told_at=datetime(2026, 3, 10, 15, 0, tzinfo=UTC),
        details=DETAILS[kind] | given,
    )


def bare(kind: NoticeKind) -> Notice:
    """Return a notice that knows nothing."""
    return Notice(
        kind=kind, isp_name="", isp_slug="interatos", timezone="UTC",
        told_at=datetime(2026, 3, 10, 15, 0, tzinfo=UTC), details={},
    )  # fmt: skip


def said(message: object) -> str:
    """Return a text without the breaks of its lines."""
    return " ".join(str(message).split())


def test_every_kind_has_its_words() -> None:
    """A new kind of notice without its words does not pass unnoticed."""
    names = {path.name for path in (TEMPLATES / "operator").iterdir()}

    assert names == MEDIA | {f"{kind.value}.txt" for kind in NoticeKind}


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("medium", list(Medium))
@pytest.mark.parametrize("kind", list(NoticeKind))
def test_a_notice_reads_as_agreed(kind: NoticeKind, medium: Medium, locale: str) -> None:
    """What the operator is told is the same today as when we agreed on it."""
    message = render_notice(notice(kind), medium=medium, locale=locale)

    check(f"operator/{kind.value}/{medium.value}.{locale}.txt", as_text(message))


@pytest.mark.parametrize("kind", [NoticeKind.SYNC_HELD, NoticeKind.OPERATOR_DIGEST])
def test_the_html_of_a_notice_is_as_agreed(kind: NoticeKind) -> None:
    """The HTML changes only when somebody meant it."""
    message = render_notice(notice(kind), medium=Medium.EMAIL, locale="es_AR")

    check(f"operator/{kind.value}/email.es_AR.html", message.html or "")


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("medium", list(Medium))
@pytest.mark.parametrize("kind", list(NoticeKind))
def test_a_notice_without_details_is_still_one(
    kind: NoticeKind, medium: Medium, locale: str
) -> None:
    """Nothing that is missing stops a notice or leaves a hole in it."""
    message = render_notice(bare(kind), medium=medium, locale=locale)

    whole = f"{message.subject}\n{message.text}\n{message.html or ''}"
    assert "interatos" in message.subject + message.text
    assert not re.search(r"\b(null|None|undefined)\b|\(\)| ,|\{\{|\{%|%\(", whole)


@pytest.mark.parametrize("medium", list(Medium))
def test_a_held_run_comes_with_its_numbers_and_both_commands(medium: Medium) -> None:
    """Whoever reads it knows what happened, what does not go out, and what to type."""
    message = render_notice(notice(NoticeKind.SYNC_HELD), medium=medium, locale="es_AR")

    text = said(message.text)
    assert "640 de 1890" in text
    assert "alerta sync interatos --approve 12" in text
    assert "alerta sync interatos --reject 12" in text
    assert "pausa" in text.casefold()
    if medium in {Medium.EMAIL, Medium.CHAT}:
        assert "no sale ningún aviso" in text
        assert "alerta sync interatos --approve 12" in (message.html or "")


def test_the_commands_are_made_of_the_run_where_none_are_given() -> None:
    """A caller that names the run only is understood."""
    held = notice(NoticeKind.SYNC_HELD, approve="", reject="", run="7")

    text = render_notice(held, medium=Medium.EMAIL, locale="en").text

    assert "alerta sync interatos --approve 7" in text
    assert "alerta sync interatos --reject 7" in text


@pytest.mark.parametrize(
    ("decision", "words"),
    [
        ("approved", "Se aprobó la lectura 12"),
        ("rejected", "Se rechazó la lectura 12"),
        ("superseded", "la 12 quedó sin efecto"),
    ],
)
def test_the_end_of_a_pause_says_who_ended_it(decision: str, words: str) -> None:
    """The operator's own decision and a later clean look read differently."""
    resumed = notice(NoticeKind.SYNC_RESUMED, decision=decision)

    assert words in said(render_notice(resumed, medium=Medium.CHAT, locale="es_AR").text)


def test_trouble_is_told_in_words_and_in_the_isps_own_time() -> None:
    """A code of ours becomes a sentence, words stay, an instant is that of the ISP's wall."""
    known = notice(NoticeKind.WISPRO_TROUBLE)
    other = notice(NoticeKind.WISPRO_TROUBLE, reason="the door fell off", since="some day")

    text = said(render_notice(known, medium=Medium.CHAT, locale="es_AR").text)
    assert "Wispro rechaza el token." in text
    assert "martes 10/03, 03:05" in text
    text = said(render_notice(other, medium=Medium.CHAT, locale="es_AR").text)
    assert "The door fell off." in text
    assert "some day" not in text


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"count": "1", "unreadable": "", "more": ""}, "El proveedor lo rechaza para siempre."),
        ({"count": "1", "unreadable": "1", "more": ""}, "La dirección guardada no se puede leer."),
        ({"unreadable": "12"}, "Se cerraron 12 canales"),
        ({"silent": "1"}, "Un cliente se quedó sin ningún canal abierto"),
        ({"silent": ""}, "Los avisos siguen por los otros canales"),
        ({}, "793 (a…@example.org), 801 (telegram …345) y 10 más"),
    ],
)
def test_channels_that_closed_are_told_as_they_are(given: dict[str, str], words: str) -> None:
    """One or many, refused or unreadable, and who is left without any."""
    told = render_notice(
        notice(NoticeKind.CHANNELS_CLOSED, **given), medium=Medium.EMAIL, locale="es_AR"
    )
    assert words in said(told.text)
    assert ("rechaza" in told.text) == (given.get("unreadable") not in {"1", "12"})


def test_a_budget_is_told_before_it_is_spent() -> None:
    """At four fifths there is time to decide; the month is named."""
    told = render_notice(
        notice(NoticeKind.SMS_BUDGET, reason="nearly"), medium=Medium.EMAIL, locale="es_AR"
    )
    assert "queda poco" in told.subject
    assert "marzo 2026" in told.text.casefold()
    assert "alerta isp budget interatos sms" in told.text


@pytest.mark.parametrize("kind", list(NoticeKind))
def test_a_notice_keeps_to_its_medium(kind: NoticeKind) -> None:
    """GSM-7 in an SMS, few tags in a chat, 72 columns in an e-mail, nothing from elsewhere."""
    strange = notice(kind, run="1 <b>2</b> 🛰", reason='"><img src=x> ó')
    short = render_notice(strange, medium=Medium.SMS, locale="es_AR")
    chat = render_notice(strange, medium=Medium.CHAT, locale="es_AR")
    mail = render_notice(strange, medium=Medium.EMAIL, locale="es_AR")

    assert set(short.text) <= BASIC | EXTENDED
    assert {tag for tag, _ in tags(chat.html)} <= {"b", "i", "a", "code"}
    assert all(len(line) <= COLUMNS for line in mail.text.splitlines())
    assert not {"img", "script", "link", "a"} & {tag for tag, _ in tags(mail.html)}


@pytest.mark.parametrize(
    ("given", "subject"),
    [
        ({}, "Interatos sas, ayer: 1.204 enviados, 3 fallaron, 2 inciertos, 5 canales cerrados"),
        (
            {"sent": "1", "failed": "1", "uncertain": "1", "closed": "1"},
            "Interatos sas, ayer: 1 enviado, 1 falló, 1 incierto, 1 canal cerrado",
        ),
        (
            {"sent": "", "failed": "", "uncertain": "", "closed": "", "first": "2026-03-07"},
            "Interatos sas, del sábado 7/03 al lunes 9/03: ningún aviso enviado",
        ),
        (
            {
                "failed": "",
                "uncertain": "",
                "closed": "",
                "first": "2026-03-08",
                "last": "2026-03-08",
            },
            "Interatos sas, el domingo 8/03: 1.204 enviados",
        ),
    ],
    ids=["many", "one each", "several days", "not yesterday"],
)
def test_a_mornings_digest_says_in_its_subject_what_matters(
    given: dict[str, str], subject: str
) -> None:
    """Numbers as they are grouped there, one of a kind as one, days by their names."""
    told = render_notice(
        notice(NoticeKind.OPERATOR_DIGEST, **given), medium=Medium.EMAIL, locale="es_AR"
    )
    assert told.subject == subject
    assert ("alerta alerts interatos --state failed" in told.text) == (
        given.get("failed", "3") > ""
    )


def test_a_digest_that_cannot_be_read_leaves_out_what_it_does_not_understand() -> None:
    """Half a count, a kind from another program, a number that is none: never a failed message."""
    odd = notice(
        NoticeKind.OPERATOR_DIGEST, by_kind="issued: nonsense new_kind:7 :", by_reason="x", sent="?"
    )
    text = render_notice(odd, medium=Medium.EMAIL, locale="es_AR").text
    assert "new_kind: 7" in text
    assert "nonsense" not in text


def test_a_silence_while_a_run_is_held_comes_with_both_commands() -> None:
    """Nobody has to look for what to type; a silence of another reason has a look to make."""
    held = notice(NoticeKind.NO_LOOKS, reason="held", run="12")
    text = said(render_notice(held, medium=Medium.CHAT, locale="es_AR").text)
    assert "La lectura 12 quedó en espera de tu decisión" in text
    assert "alerta sync interatos --approve 12" in text
    other = said(
        render_notice(notice(NoticeKind.NO_LOOKS), medium=Medium.CHAT, locale="es_AR").text
    )
    assert "--approve" not in other
