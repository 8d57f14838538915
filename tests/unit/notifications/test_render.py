"""What an alert says, whatever the letter knows and whoever typed the names."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from email.message import EmailMessage
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po
from hypothesis import given, settings
from hypothesis import strategies as st

from billing.ports import RenderError
from billing.values import AlertKind, Medium
from notifications import palette
from notifications.gsm import BASIC, EXTENDED, segments
from notifications.language import LOCALES, TRANSLATED
from notifications.render import COLUMNS, EXTRACT_OPTIONS, TEMPLATES, render
from tests.unit.notifications.letters import LINK, maximal, minimal, seed

if TYPE_CHECKING:
    from billing.letter import Message

MEDIA = ("subject.txt", "email.html", "email.txt", "chat.html", "push.txt", "sms.txt")
CLOSING = {
    "es_AR": "si ya pagaste, ignor",
    "pt_BR": "se você já pagou, ignore",
    "en": "if you have already paid, please ignore",
}
ASKING = [kind for kind in AlertKind if kind.asks_to_pay]
#: A digest is of days that have passed, whatever today is.
DATED = [kind for kind in ASKING if kind is not AlertKind.DIGEST]
FRIDAY = date(2021, 11, 19)


def email(letter: Any, locale: str = "es_AR") -> Message:
    """Render as an e-mail."""
    return render(letter, medium=Medium.EMAIL, locale=locale)


def test_every_kind_has_its_folder_of_templates() -> None:
    """A new kind without its templates does not pass unnoticed."""
    others = {"layout", "operator", "telegram", "web"}
    folders = {path.name for path in TEMPLATES.iterdir()} - others

    assert folders == {kind.value for kind in AlertKind}
    for kind in AlertKind:
        assert {path.name for path in (TEMPLATES / kind.value).iterdir()} == {*MEDIA, "words.txt"}


@pytest.mark.parametrize("locale", ["es_AR", "pt_BR", "en"])
@pytest.mark.parametrize("medium", list(Medium))
@pytest.mark.parametrize("kind", list(AlertKind))
@pytest.mark.parametrize("make", [minimal, maximal])
def test_every_template_renders(make: Any, kind: AlertKind, medium: Medium, locale: str) -> None:
    """The least and the most that a letter can say fit every template under StrictUndefined."""
    letter = make(kind)

    message = render(letter, medium=medium, locale=locale)

    whole = f"{message.subject}\n{message.text}\n{message.html or ''}"
    assert not re.search(r"\b(null|None|undefined)\b", whole)
    assert not re.search(r"(Hola|Olá) *, *:|Hello *,,| ,|\(\)|: *\.|\{\{|\{%|%\(", message.text)
    assert message.subject
    assert "\n" not in message.subject
    assert (message.html is not None) == (medium in {Medium.EMAIL, Medium.CHAT})
    # no label without its value
    assert not re.search(
        r"^(?!Hola|Olá)[^\n]{1,30}: *\n(?!http)", message.text + "\n", re.MULTILINE
    )


@pytest.mark.parametrize("locale", ["es_AR", "pt_BR", "en"])
@pytest.mark.parametrize("medium", list(Medium))
@pytest.mark.parametrize("kind", [*ASKING, AlertKind.CHANGED])
def test_whatever_asks_to_pay_ends_by_excusing_who_has_paid(
    kind: AlertKind, medium: Medium, locale: str
) -> None:
    """The last word of an alert that asks for money is that one may ignore it."""
    message = render(seed(kind), medium=medium, locale=locale)

    text = message.text.partition("\n-- \n")[0].casefold()
    wanted = CLOSING[locale]
    if medium is Medium.SMS:
        wanted = wanted.replace("ê", "e").replace("á", "a")
    assert wanted in text.strip().splitlines()[-1]
    assert LINK in message.text


@pytest.mark.parametrize("medium", list(Medium))
@pytest.mark.parametrize("kind", [AlertKind.PAID, AlertKind.VOIDED])
def test_a_receipt_asks_for_nothing(kind: AlertKind, medium: Medium) -> None:
    """A paid or voided invoice has no pay link, whatever the letter holds."""
    message = render(seed(kind, pay_url=LINK), medium=medium, locale="es_AR")

    assert LINK not in message.text + (message.html or "")
    assert "ignor" not in message.text


@pytest.mark.parametrize("medium", list(Medium))
@pytest.mark.parametrize("kind", [*ASKING, AlertKind.CHANGED])
def test_an_invoice_that_credit_covers_asks_for_nothing(kind: AlertKind, medium: Medium) -> None:
    """Who has credit is told so, and sees neither link, nor code, nor "no registramos"."""
    message = render(seed(kind, covered_by_credit=True), medium=medium, locale="es_AR")

    whole = message.subject + message.text + (message.html or "")
    assert "saldo a favor" in message.text.casefold()
    assert LINK not in whole
    assert "cid:" not in whole
    assert "registramos" not in whole
    assert "pendiente" not in whole
    assert "ignor" not in whole


@pytest.mark.parametrize("kind", ASKING)
def test_an_invoice_without_balance_asks_for_nothing(kind: AlertKind) -> None:
    """If nothing is due any more, no alert of any kind asks for it."""
    message = email(seed(kind, amount_due=Decimal(0)))

    assert LINK not in message.text
    assert "no tenés que hacer nada" in " ".join(message.text.casefold().split())


WHEN = {
    FRIDAY - timedelta(days=5): "Vence el viernes 19 de noviembre",
    FRIDAY - timedelta(days=2): "Vence el viernes 19 de noviembre",
    FRIDAY - timedelta(days=1): "Vence mañana, viernes 19 de noviembre",
    FRIDAY: "Vence hoy, viernes 19 de noviembre",
    FRIDAY + timedelta(days=1): "Venció el viernes 19 de noviembre",
}


@pytest.mark.parametrize("today", list(WHEN))
@pytest.mark.parametrize("kind", [*DATED, AlertKind.CHANGED])
def test_wording_follows_the_day_of_sending(kind: AlertKind, today: date) -> None:
    """An alert that goes out late does not say "vence" of a day that has passed, in any kind."""
    message = email(seed(kind, today=today))

    unwrapped = " ".join(message.text.split())
    assert WHEN[today] in unwrapped
    for other in set(WHEN.values()) - {WHEN[today]}:
        assert other.partition(",")[0] + "," not in unwrapped
        assert other.partition(" viernes")[0].strip(",") + ":" not in unwrapped
    if today > FRIDAY:
        assert not re.search(r"\bvence\b", unwrapped + message.subject, re.IGNORECASE)


@pytest.mark.parametrize(
    ("today", "subject"),
    [
        (date(2021, 11, 25), "Mañana es el segundo vencimiento"),
        (date(2021, 11, 26), "Hoy es el segundo vencimiento"),
        (date(2021, 11, 27), "El segundo vencimiento fue el viernes 26/11"),
        (date(2021, 11, 20), "El segundo vencimiento es el viernes 26/11"),
    ],
)
def test_the_second_due_date_is_told_by_the_day(today: date, subject: str) -> None:
    """The second due date is a date, never a second amount, and follows today."""
    message = email(seed("second_due_soon", today=today))

    assert message.subject == subject
    assert set(re.findall(r"\$\s[\d.,]*\d", message.text)) == {"$\u00a02.590,00"}


SUBJECTS = {
    AlertKind.ISSUED: "Tu factura A-0001-793 ya está disponible",
    AlertKind.DUE_SOON: "Tu factura vence el viernes 19/11 · $\u00a02.590,00",
    AlertKind.DUE_TODAY: "Hoy vence tu factura A-0001-793",
    AlertKind.SECOND_DUE_SOON: "Mañana es el segundo vencimiento",
    AlertKind.OVERDUE: "No registramos el pago de tu factura A-0001-793",
    AlertKind.CUTOFF_WARNING: "Para no perder el servicio, pagá tu factura A-0001-793",
    AlertKind.PAID: "¡Recibimos tu pago!",
    AlertKind.CHANGED: "Tu factura A-0001-793 cambió",
    AlertKind.VOIDED: "Tu factura A-0001-793 quedó anulada",
    AlertKind.DIGEST: "Tus facturas vencidas · $\u00a07.770,00",
    AlertKind.WELCOME: "Interatos sas: tus avisos te llegan acá",
    AlertKind.TEST: "PRUEBA: mensaje de Interatos sas",
}


@pytest.mark.parametrize("kind", list(AlertKind))
def test_subjects_are_those_of_the_product(kind: AlertKind) -> None:
    """The subjects are the product's table, word for word."""
    assert email(seed(kind)).subject == SUBJECTS[kind]


@pytest.mark.parametrize("number", [None, "", "null", "None", "NULL", " - "])
def test_an_invoice_without_a_number_goes_by_its_month(number: str | None) -> None:
    """The month of the period, else of issue, else of the due date stands for the number."""
    none = {"period_date": None, "issued_date": None}
    period = email(seed("overdue", invoice_number=number, period_date=date(2021, 9, 1)))
    issued = email(seed("overdue", invoice_number=number, period_date=None))
    due = email(seed("overdue", invoice_number=number, **none))
    bare = email(seed("overdue", invoice_number=number, **none, due_date=None))

    assert period.subject.endswith("tu factura de septiembre")
    assert "Factura de septiembre 2021" in period.text
    assert issued.subject.endswith("tu factura de octubre")
    assert due.subject.endswith("tu factura de noviembre")
    assert bare.subject.endswith("tu factura")


@pytest.mark.parametrize("medium", [Medium.EMAIL, Medium.CHAT, Medium.PUSH])
@pytest.mark.parametrize("kind", DATED)
def test_both_due_dates_are_told_where_there_is_room(kind: AlertKind, medium: Medium) -> None:
    """Who is reminded of the first date learns of the second, once; an SMS has no room for it."""
    second = date(2021, 11, 26)
    message = render(seed(kind, second_due_date=second), medium=medium, locale="es_AR")

    text = " ".join(message.text.casefold().split())
    assert "viernes 26" in text
    if medium is Medium.PUSH:
        assert text.count("viernes 26/11") == 1


def test_overdue_never_accuses() -> None:
    """We do not know that somebody did not pay, only that we have no record of it."""
    for medium in Medium:
        message = render(seed("overdue"), medium=medium, locale="es_AR")
        assert "no registramos el pago" in message.text.casefold()
        assert "no pagaste" not in message.text.casefold()


def test_a_partial_payment_shows_the_balance_and_what_was_received() -> None:
    """Who has paid a part reads "saldo pendiente" and the part."""
    letter = seed("overdue", amount_due=Decimal(1590), received=Decimal(1000))

    for medium in Medium:
        message = render(letter, medium=medium, locale="es_AR")
        text = " ".join(message.text.replace("\u00a0", " ").split())
        assert "Recibimos $ 1.000,00 y queda un saldo pendiente de $ 1.590,00." in text
        assert "Total a pagar" not in text


@pytest.mark.parametrize("kind", [one for one in AlertKind if one.shows_debt])
def test_credit_that_is_not_enough_lowers_what_is_asked(kind: AlertKind) -> None:
    """Who has credit reads how much of it was counted, and is asked for the rest (rule 8)."""
    whole = seed(kind)
    asked = whole.amount_due - Decimal(500)
    letter = replace(whole, amount_due=asked, credit=Decimal(500), received=Decimal(0))

    for medium in Medium:
        text = " ".join(
            render(letter, medium=medium, locale="es_AR").text.replace("\u00a0", " ").split()
        )
        if kind is AlertKind.DIGEST:
            assert "suman $ 7.770,00; con tu saldo a favor quedan $ 7.270,00." in text
        else:
            assert "Descontando tu saldo a favor de $ 500,00, quedan $ 2.090,00." in text
        assert "queda un saldo pendiente" not in text


def test_a_part_that_was_paid_and_credit_are_told_apart() -> None:
    """What was received leaves a balance, and credit lowers what is asked of it."""
    letter = seed("overdue", amount_due=Decimal(1090), received=Decimal(1000), credit=Decimal(500))

    for medium in Medium:
        text = " ".join(
            render(letter, medium=medium, locale="es_AR").text.replace("\u00a0", " ").split()
        )
        have = "tenes" if medium is Medium.SMS else "tenés"
        assert f"Recibimos $ 1.000,00 y {have} $ 500,00 a favor: quedan $ 1.090,00." in text
    facts = email(letter).text.replace("\u00a0", " ")
    assert (
        "Saldo pendiente: $ 1.590,00\nSaldo a favor: $ 500,00\nTotal a pagar: $ 1.090,00" in facts
    )


@pytest.mark.parametrize("medium", list(Medium))
def test_a_digest_says_what_was_received(medium: Medium) -> None:
    """A part that was paid is not ignored where room is short either (rule 9)."""
    text = render(seed("digest"), medium=medium, locale="es_AR").text.replace("\u00a0", " ")
    assert "ecibimos $ 600,00" in text


def test_the_pdf_is_named_only_where_it_travels() -> None:
    """No message promises an attachment that it has not."""
    assert "PDF" in email(seed("issued")).text
    assert "PDF" not in email(seed("issued", has_pdf=False)).text


def test_a_change_tells_before_and_after() -> None:
    """A changed invoice says what it was and what it is."""
    text = " ".join(email(seed("changed")).text.replace("\u00a0", " ").split())

    assert "El vencimiento pasó del 10/11/2021 al 19/11/2021." in text
    assert "El importe pasó de $ 2.190,00 a $ 2.590,00." in text


def test_the_provider_keeps_its_own_spelling() -> None:
    """A name with a small first letter is not corrected at the start of a sentence."""
    assert "iPlan emitió" in email(seed("issued", isp_name="iPlan")).text


@pytest.mark.parametrize("medium", list(Medium))
def test_text_in_another_language_stays_in_it(medium: Medium) -> None:
    """No word of Spanish is left in an English or a Brazilian message."""
    spanish = re.compile(r"\b(tu|factura|venció|pagaste|importe|vencimiento|el)\b", re.IGNORECASE)
    for kind in AlertKind:
        for locale in ("en", "pt_BR"):
            message = render(maximal(kind), medium=medium, locale=locale)
            assert not spanish.search(message.subject)
            assert not spanish.search(message.text)


@pytest.mark.parametrize("kind", list(AlertKind))
def test_plain_text_fits_72_columns(kind: AlertKind) -> None:
    """Only a link may be longer than a line."""
    for make in (seed, maximal):
        for line in email(make(kind)).text.splitlines():
            assert len(line) <= COLUMNS or line.startswith("http")


@pytest.mark.parametrize("locale", ["es_AR", "pt_BR", "en"])
@pytest.mark.parametrize("kind", list(AlertKind))
def test_a_short_message_is_gsm(kind: AlertKind, locale: str) -> None:
    """One character outside of GSM-7 would halve the room; ñ is inside."""
    message = render(maximal(kind, isp_name="Peñón 🛰 Ñandú"), medium=Medium.SMS, locale=locale)

    assert set(message.text) <= BASIC | EXTENDED
    assert "Peñón".replace("ó", "o") in message.text


@pytest.mark.parametrize(
    "kind", [AlertKind.ISSUED, AlertKind.DUE_SOON, AlertKind.DUE_TODAY, AlertKind.PAID]
)
def test_the_common_alerts_take_one_short_message(kind: AlertKind) -> None:
    """With a link of ordinary length the reminders cost one segment."""
    message = render(seed(kind), medium=Medium.SMS, locale="es_AR")

    assert segments(message.text) == 1


@pytest.mark.parametrize("kind", list(AlertKind))
def test_a_push_has_three_lines_at_most(kind: AlertKind) -> None:
    """A lock screen shows a title and little more."""
    assert len(render(maximal(kind), medium=Medium.PUSH, locale="es_AR").text.splitlines()) <= 3


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))


def tags(html: str | None) -> list[tuple[str, dict[str, str | None]]]:
    """Return the tags that a reader of this HTML finds."""
    parser = _Tags()
    parser.feed(html or "")
    return parser.seen


@pytest.mark.parametrize("kind", list(AlertKind))
def test_chat_uses_the_few_tags_that_telegram_knows(kind: AlertKind) -> None:
    """b, i, a and code: Telegram refuses a message with any other."""
    html = render(maximal(kind), medium=Medium.CHAT, locale="es_AR").html

    assert {tag for tag, _ in tags(html)} <= {"b", "i", "a", "code"}
    assert len(re.sub(r"<[^>]+>", "", html or "")) < 1024  # it travels as the caption of the QR


@pytest.mark.parametrize("kind", list(AlertKind))
def test_an_email_loads_nothing_from_elsewhere(kind: AlertKind) -> None:
    """No remote picture, no tracking, no script; the only picture comes with the message."""
    html = email(maximal(kind)).html or ""

    for tag, attributes in tags(html):
        assert tag not in {"script", "link", "iframe", "object", "form", "video"}
        source = attributes.get("src")
        assert source is None or source.startswith("cid:")
        href = (attributes.get("href") or LINK).removesuffix("/")
        assert re.sub(r"-\d+$", "", href) in {LINK, "https://interatos.wispro.co"}
    assert "url(" not in html
    assert "@import" not in html


def test_an_email_has_one_big_button() -> None:
    """One button, at least 44 pixels high, and the Outlook twin of it."""
    html = email(seed("due_soon")).html or ""

    buttons = [attributes for tag, attributes in tags(html) if tag == "a"]
    assert len(buttons) == 1
    assert buttons[0]["href"] == LINK
    style = buttons[0]["style"] or ""
    padding = int(re.search(r"padding:(\d+)px", style)[1])  # type: ignore[index]
    line = int(re.search(r"line-height:(\d+)px", style)[1])  # type: ignore[index]
    assert 2 * padding + line >= 44
    assert f'<v:roundrect href="{LINK}"' in html


HOSTILE = [
    "Ana\r\nBcc: everyone@example.org",
    "<script>alert(1)</script>",
    "\u202eana\u202c",
    "a\ud800b",
    "{{ 7 * 7 }}{% raw %}",
    "%(name)s %s",
    "\x00\x1b[31mAna",
    '"><img src=x onerror=alert(1)>',
    "Ana\u2028\u2029\x85",
]


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("medium", list(Medium))
def test_a_hostile_name_is_only_a_strange_name(text: str, medium: Medium) -> None:
    """Nobody's name breaks out of a header or of the HTML, or stops the alert."""
    letter = seed("overdue", first_name=text, isp_name=text, invoice_number=text, support=text)

    message = render(letter, medium=medium, locale="es_AR")

    whole = message.subject + message.text + (message.html or "")
    assert "\n" not in message.subject
    assert "\r" not in whole
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", whole)
    whole.encode()
    found = {tag for tag, _ in tags(message.html)}
    assert not found & {"script"}
    assert all(a.get("src", "cid:") != "x" for _, a in tags(message.html))
    assert "49" not in message.subject


texts = st.text(st.characters(codec=None), max_size=60) | st.sampled_from(HOSTILE)


@settings(max_examples=120, deadline=None)
@given(
    kind=st.sampled_from(list(AlertKind)),
    medium=st.sampled_from(list(Medium)),
    locale=st.sampled_from(["es_AR", "es_CL", "pt_BR", "en", "", "xx"]),
    currency=st.sampled_from(["ARS", "CLP", "PYG", "MXN", "BRL", "USD", "XTS"]),
    names=st.tuples(texts, texts, texts, texts, texts),
    amount=st.decimals(min_value=0, max_value=10**12, places=2),
    days=st.tuples(*[st.none() | st.dates(date(2000, 1, 1), date(2100, 1, 1))] * 4),
)
def test_no_record_stops_or_breaks_an_alert(
    kind: AlertKind,
    medium: Medium,
    locale: str,
    currency: str,
    names: tuple[str, ...],
    amount: Decimal,
    days: tuple[date | None, ...],
) -> None:
    """Whatever stands in a record, every alert renders, on lines of our own making."""
    letter = minimal(
        kind,
        isp_name=names[0],
        first_name=names[1],
        invoice_number=names[2],
        support=names[3],
        pay_url=names[4],
        currency=currency,
        amount_due=amount,
        amount_total=amount,
        due_date=days[0],
        second_due_date=days[1],
        issued_date=days[2],
        period_date=days[3],
    )

    message = render(letter, medium=medium, locale=locale)

    whole = f"{message.subject} {message.text} {message.html or ''}"
    whole.encode()
    mail = EmailMessage()
    mail["Subject"] = message.subject  # refuses a line break
    given_words = " ".join(names).casefold()
    for word in ("null", "none"):
        shown = re.search(rf"\b{word}\b", message.subject + " " + message.text, re.IGNORECASE)
        assert shown is None or word in given_words
    chat = {"b", "i", "a", "code"}
    if medium is Medium.CHAT:
        assert {tag for tag, _ in tags(message.html)} <= chat


def test_an_unusable_amount_is_a_render_error() -> None:
    """What cannot be written out names its template instead of leaving a hole."""
    with pytest.raises(RenderError, match="overdue/sms"):
        render(seed("overdue", amount_due=Decimal("NaN")), medium=Medium.SMS, locale="es_AR")


@pytest.mark.parametrize("tag", TRANSLATED)
def test_every_sentence_is_translated(tag: str) -> None:
    """Each text of the templates has a translation that nobody marked as doubtful, and no other."""
    options = dict.fromkeys(("**.txt", "**.html"), EXTRACT_OPTIONS)
    methods = [("**.txt", "jinja2.ext:babel_extract"), ("**.html", "jinja2.ext:babel_extract")]
    wanted = {
        message
        for _, _, message, _, _ in extract_from_dir(TEMPLATES, methods, options_map=options)
        if isinstance(message, str)
    }
    with (LOCALES / tag / "LC_MESSAGES" / "messages.po").open("rb") as lines:
        catalog = read_po(lines, locale=tag)

    assert len(wanted) > 90
    assert {entry.id for entry in catalog if entry.id} == wanted
    for entry in catalog:
        if entry.id:
            assert entry.string
            assert not entry.fuzzy
            placeholders = re.findall(r"%\(\w+\)s", str(entry.id))
            assert sorted(placeholders) == sorted(re.findall(r"%\(\w+\)s", str(entry.string)))


def _luminance(colour: str) -> float:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """Return the contrast ratio of WCAG 2.2, section 1.4.3."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize(
    ("ground", "tones"),
    [(palette.LIGHT, palette.TONES_LIGHT), (palette.DARK, palette.TONES_DARK)],
    ids=["light", "dark"],
)
def test_every_text_can_be_read(
    ground: palette.Ground, tones: dict[palette.Tone, palette.Shades]
) -> None:
    """Each pair of text and ground reaches 4.5 to 1, and the bar 3 to 1 (WCAG AA)."""
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    pairs = [
        (ground.text, ground.page),
        (ground.text, ground.card),
        (ground.muted, ground.page),
        (ground.muted, ground.card),
        (ground.button_text, ground.button),
    ]
    for shades in tones.values():
        pairs += [(shades.text, shades.soft), (ground.text, shades.soft)]
        pairs.append((shades.text, ground.card))  # what cannot wait, in the rows of a digest

    assert [pair for pair in pairs if contrast(*pair) < 4.5] == []
    bars = [shades.bar for shades in tones.values()]
    assert [bar for bar in bars if contrast(bar, ground.card) < 3] == []


def test_the_email_uses_no_colour_of_its_own() -> None:
    """Colours live in the palette, where their contrast is checked."""
    source = (TEMPLATES / "layout" / "email.html").read_text(encoding="utf-8")

    assert set(re.findall(r"#[0-9a-fA-F]{6}\b", source)) <= {"#ffffff", "#000000"}
