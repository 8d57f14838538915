"""The small pages: cleaning, short messages, languages, QR codes, what a channel carries."""

from __future__ import annotations

import struct
from datetime import date
from decimal import Decimal
from io import BytesIO

import pytest
import segno
import zxingcpp
from babel import localedata
from babel.numbers import get_territory_currencies
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from billing.values import Medium
from notifications import qr
from notifications.capabilities import KNOWN, PUSH, SMS, capabilities_of, medium_of
from notifications.clean import clean_text, clean_url
from notifications.gsm import BASIC, EXTENDED, segments, to_gsm
from notifications.language import resolve

NBSP = "\u00a0"


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("  Ana   María ", "Ana María"),
        ("Ana\r\nBcc: x@example.org", "Ana Bcc: x@example.org"),
        ("\u202eanA\u202c\u200b", "anA"),
        ("a\ud800b\x00", "ab"),
        (None, ""),
        ("null", ""),
        (" NONE ", ""),
        ("-", ""),
        ("¡¿…", ""),
        ("Nonell", "Nonell"),
        ("José Ñandú 李", "José Ñandú 李"),
    ],
)
def test_a_line_of_text_is_one_line(typed: str | None, shown: str) -> None:
    """Breaks become spaces, invisible characters go, placeholders count as nothing."""
    assert clean_text(typed, limit=40) == shown


def test_a_long_text_is_cut_with_an_ellipsis() -> None:
    """At the limit it stays, beyond it is cut to the limit."""
    assert clean_text("a" * 40, limit=40) == "a" * 40
    assert clean_text("a" * 41, limit=40) == "a" * 39 + "…"


@pytest.mark.parametrize(
    ("typed", "link"),
    [
        ("https://interatos.wispro.co/p?a=1&b=2#x", "https://interatos.wispro.co/p?a=1&b=2#x"),
        (" HTTPS://Interatos.wispro.co/á ", "https://interatos.wispro.co/%C3%A1"),
        ("http://pagos.ñandú.com.ar:8080/", "http://pagos.xn--and-6ma2c.com.ar:8080/"),
        ("https://x.example/%20a", "https://x.example/%20a"),
        ("javascript:alert(1)", None),
        ("https://bank.example@evil.example/", None),
        ("https://x.example/a b", None),
        ("https://x.example/\nX: y", None),
        ("https:///nowhere", None),
        ("https://x.example:port/", None),
        ('https://x"onload=.example/', None),
        ("https://x.example/" + "a" * 2000, None),
        ("mailto:ana@example.org", None),
        ("", None),
        (None, None),
    ],
)
def test_only_a_plain_link_is_a_link(typed: str | None, link: str | None) -> None:
    """A payment alert carries an http(s) link that is what it looks like, or none."""
    assert clean_url(typed) == link


@given(st.text())
def test_a_link_is_ascii_without_quotes_or_spaces(text: str) -> None:
    """Whatever was typed, what is left is safe in an attribute and a header."""
    link = clean_url(f"https://example.org/{text}")

    assert link is None or (link.isascii() and not set(link) & set(' "<>\r\n\t\\'))


def test_gsm_keeps_what_the_alphabet_has() -> None:
    """Accents go, ñ and the signs of the alphabet stay, the rest is spelled or left out."""
    assert to_gsm("Ñandú, ñandú: ¡ignorá el débito! ₲ 5 · “ok” 🛰 ção") == (
        'Ñandu, ñandu: ¡ignora el debito! Gs. 5 - "ok"  cao'
    )


@given(st.text())
def test_gsm_text_is_gsm(text: str) -> None:
    """Nothing outside of the alphabet is left."""
    assert set(to_gsm(text)) <= BASIC | EXTENDED


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("a" * 160, 1), ("a" * 161, 2), ("a" * 306, 2), ("a" * 307, 3), ("€" * 80, 1),
        ("€" * 81, 2), ("á" * 70, 1), ("á" * 71, 2), ("á" * 135, 3), ("", 1),
    ],
)  # fmt: skip
def test_segments_are_counted_as_operators_do(text: str, count: int) -> None:
    """160 and 153 characters of GSM-7, 70 and 67 of UCS-2, two places for the extension."""
    assert segments(text) == count


@pytest.mark.parametrize(
    ("stored", "currency", "tag"),
    [
        ("es_AR", "ARS", "es_AR"), ("es-cl", "CLP", "es_CL"), ("es_MX", "MXN", "es_MX"),
        ("es", "CLP", "es_CL"), ("es_419", "MXN", "es_MX"), ("es", "XTS", "es_AR"),
        ("es_XX", "ARS", "es_AR"), ("pt", "BRL", "pt_BR"), ("pt_PT", "BRL", "pt_BR"),
        ("en_US", "USD", "en"), ("EN", "ARS", "en"), ("qu_PE", "PEN", "es_AR"),
        ("", "ARS", "es_AR"), (None, "ARS", "es_AR"), ("../../etc", "ARS", "es_AR"),
    ],
)  # fmt: skip
def test_a_stored_locale_finds_its_language(stored: str | None, currency: str, tag: str) -> None:
    """es* speaks Spanish, pt* Brazilian, en* English, and whatever else es_AR."""
    assert resolve(stored, currency).tag == tag


@pytest.mark.parametrize(
    ("locale", "currency", "written"),
    [
        ("es_AR", "ARS", "$ 2.590,00"), ("es_CL", "CLP", "$ 2.590"), ("es_PY", "PYG", "Gs. 2.590"),
        ("es_MX", "MXN", "$ 2,590.00"), ("es_PE", "PEN", "S/ 2,590.00"),
        ("es_UY", "UYU", "$ 2.590,00"), ("es_EC", "USD", "$ 2.590,00"),
        ("pt_BR", "BRL", "R$ 2.590,00"),
        # a bare $ only where nobody can take it for another money
        ("es_AR", "USD", "US$ 2.590,00"), ("es_AR", "CLP", "CLP 2.590"),
        ("en", "ARS", "ARS 2,590.00"), ("pt_BR", "ARS", "ARS 2.590,00"),
        ("en", "USD", "$ 2,590.00"), ("en", "CLP", "CLP 2,590"),
    ],
)  # fmt: skip
def test_money_is_written_as_at_home(locale: str, currency: str, written: str) -> None:
    """Symbol, no-break space, the locale's separators, the currency's decimals."""
    amount = resolve(locale, currency).money(Decimal(2590), currency)

    assert amount == written.replace(" ", NBSP)


MONIES = [
    "ARS", "BOB", "BRL", "CLP", "COP", "CRC", "DOP", "GTQ", "HNL", "MXN", "NIO", "PEN", "PYG",
    "USD", "UYU", "VES",
]  # fmt: skip


@pytest.mark.parametrize("currency", MONIES)
def test_a_bare_dollar_sign_is_never_foreign_money(currency: str) -> None:
    """Nobody reads pesos as dollars, or one country's pesos as another's."""
    for tag in localedata.locale_identifiers():
        territory = tag.partition("_")[2]
        if tag in {"pt_BR", "en"} or (tag.startswith("es_") and len(territory) == 2):
            amount = resolve(tag, currency).money(Decimal(1), currency)
            local = get_territory_currencies(territory) if territory else ["USD"]
            assert not amount.startswith("$") or currency in local


def test_dates_are_written_out() -> None:
    """The product's three forms, the year only where it is another one."""
    day, today = date(2021, 11, 19), date(2021, 11, 1)
    spanish, english = resolve("es_AR"), resolve("en")

    assert spanish.short(day) == "19/11/2021"
    assert spanish.weekday(day, today=today) == "viernes 19 de noviembre"
    assert spanish.weekday(day, today=date(2022, 1, 3)) == "viernes 19 de noviembre de 2021"
    assert spanish.weekday_short(day) == "viernes 19/11"
    assert spanish.month_year(day) == "noviembre 2021"
    assert english.short(day) == "Nov 19, 2021"
    assert resolve("pt").weekday(day, today=today) == "sexta-feira, 19 de novembro"


def test_a_code_is_whole_pixels_with_its_quiet_zone() -> None:
    """Level M, four modules of white around, at least three device pixels per CSS pixel."""
    link = "https://interatos.wispro.co/pagar/8f3c2a"
    png = qr.png(link)

    assert png is not None
    width, height = struct.unpack(">II", png[16:24])
    modules = segno.make(link, error="m", micro=False, boost_error=False).symbol_size(border=4)[0]
    assert width == height
    assert width % modules == 0
    assert width >= 2.7 * qr.SHOWN_PX
    assert len(png) < 4096


@given(path=st.text("abcdefghijklmnopqrstuvwxyz0123456789-._~/?=&%ñ", max_size=150))
@example(path="a" * (qr.MAX_BYTES - 13))
@settings(max_examples=40, deadline=None)
def test_a_phone_reads_the_link_off_the_code(path: str) -> None:
    """Another program decodes what we draw, as large as it is and as small as a mail shows it."""
    link = f"https://e.co/{path}"
    picture = Image.open(BytesIO(qr.png(link) or b"")).convert("L")

    for side in (picture.width, 2 * qr.SHOWN_PX):
        shown = picture.resize((side, side), Image.Resampling.BILINEAR)
        (found,) = zxingcpp.read_barcodes(shown)
        assert found.text == link


def test_a_link_too_long_for_a_readable_code_goes_without() -> None:
    """251 bytes still give modules of 2.6 CSS pixels, 252 do not; the reason is told."""
    longest = "https://e.co/" + "a" * (qr.MAX_BYTES - 13)
    code = segno.make(longest, error="m", micro=False, boost_error=False)

    assert code.version == 11
    assert qr.SHOWN_PX / code.symbol_size(border=4)[0] > 2.6
    assert qr.png(longest) is not None
    assert qr.why_not(longest) is None
    assert segno.make(longest + "a", error="m", boost_error=False).version == 12
    assert qr.png(longest + "a") is None
    assert "252 bytes" in (qr.why_not(longest + "a") or "")
    assert qr.png("") is None
    assert qr.png(None) is None


def test_channels_carry_what_they_can() -> None:
    """The table of the product: e-mail and Telegram take both, ntfy one, short messages none."""
    assert KNOWN["email"].attachments == 2
    assert KNOWN["telegram"].attachments == 2
    assert KNOWN["ntfy"].attachments == 1
    assert KNOWN["ntfy"].takes_click
    for scheme in ("whatsapp", "twilio", "sns"):
        can = capabilities_of(scheme, plugin_takes_files=False)
        assert not can.takes_pdf
        assert not can.takes_qr
        assert not can.attachments
    assert capabilities_of("discord", plugin_takes_files=True).takes_pdf
    assert not capabilities_of("gotify", plugin_takes_files=False).takes_pdf
    assert not capabilities_of("mailgun", plugin_takes_files=True).takes_qr


def test_every_schema_has_one_medium() -> None:
    """A schema in two lists would have its form decided by their order."""
    assert not PUSH & SMS
    assert not (PUSH | SMS) & set(KNOWN)
    assert medium_of("twilio") is Medium.SMS
    assert medium_of("gotify") is Medium.PUSH
    assert medium_of("mailgun") is Medium.EMAIL
    assert medium_of("whatever") is Medium.CHAT
