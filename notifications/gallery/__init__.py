"""Every message side by side, on one page that stands by itself.

Letters go through the function that renders what is sent. The page loads nothing from anywhere: its
style, its script and every picture are inside it, and its own policy forbids anything else.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from babel import Locale
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from billing.letter import Letter
from billing.values import AlertKind, Medium
from notifications import qr
from notifications.cases import Case, cases_of
from notifications.context import pay_link
from notifications.gsm import segments
from notifications.language import resolve
from notifications.palette import DARK, LIGHT, TONES_DARK, TONES_LIGHT, Tone
from notifications.render import render, upfirst
from notifications.samples import page_of, sample_letter

#: The languages of the templates, each in the country where it is at home.
LOCALES = ("es_AR", "pt_BR", "en")
_FOLDER = Path(__file__).parent
_KINDS = {
    AlertKind.ISSUED: "Factura nueva",
    AlertKind.DUE_SOON: "Vence pronto",
    AlertKind.DUE_TODAY: "Vence hoy",
    AlertKind.SECOND_DUE_SOON: "Segundo vencimiento",
    AlertKind.OVERDUE: "Pago sin registrar",
    AlertKind.CUTOFF_WARNING: "Antes del corte",
    AlertKind.PAID: "Pago recibido",
    AlertKind.CHANGED: "Factura cambiada",
    AlertKind.VOIDED: "Factura anulada",
    AlertKind.DIGEST: "Resumen",
    AlertKind.WELCOME: "Bienvenida",
    AlertKind.TEST: "Prueba",
}
_CASES = {
    Case.PLAIN: "",
    Case.UNNUMBERED: "sin número",
    Case.TWO_DATES: "con segundo vencimiento",
    Case.PARTIAL: "pago parcial",
    Case.CREDIT: "saldo a favor",
    Case.PART_CREDIT: "saldo a favor que no alcanza",
    Case.CORRECTS: "después de un recordatorio",
    Case.DAILY: "del día",
}
_MEDIA = {
    Medium.EMAIL: "Correo",
    Medium.CHAT: "Chat",
    Medium.PUSH: "Notificación",
    Medium.SMS: "SMS",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One letter of the gallery, in the locales that it is shown in."""

    letter: Letter
    locales: Sequence[str]
    case: Case = Case.PLAIN


@dataclass(frozen=True, slots=True, kw_only=True)
class _Figure:
    """One message as the page shows it; `page` is the e-mail, `chat` the text with its tags."""

    medium: str
    medium_name: str
    locale: str
    subject: str
    text: str
    has_pdf: bool
    page: str = ""
    chat: str = ""
    qr: str = ""
    segments: int = 1
    characters: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Section:
    """One letter: all its messages."""

    kind: str
    name: str
    case: str
    figures: Sequence[_Figure]


def samples(locales: Sequence[str] = LOCALES) -> list[Shown]:
    """Return the seed's invoices as every kind of alert, in every case."""
    return [
        Shown(letter=sample_letter(kind, case), locales=locales, case=case)
        for kind in AlertKind
        for case in cases_of(kind)
    ]


def gallery(shown: Sequence[Shown], *, title: str, media: Iterable[Medium] = Medium) -> str:
    """Return the page.

    Args:
        shown: the letters, those of a kind together.
        title: what they are of.
        media: the forms to show.

    Raises:
        RenderError: if a template cannot be filled.
    """
    media = tuple(media)
    sections = [_section(one, media) for one in shown]
    locales = list(dict.fromkeys(f.locale for one in sections for f in one.figures))
    env = Environment(loader=FileSystemLoader(_FOLDER), undefined=StrictUndefined, autoescape=True)
    script = (_FOLDER / "gallery.js").read_text(encoding="utf-8")
    return env.get_template("page.html").render(
        title=title,
        sections=sections,
        kinds=[(kind, next(names).name) for kind, names in groupby(sections, lambda s: s.kind)],
        locales=[(tag, _language(tag)) for tag in locales],
        media=[(medium.value, _MEDIA[medium]) for medium in media],
        count=sum(len(one.figures) for one in sections),
        style=Markup((_FOLDER / "gallery.css").read_text(encoding="utf-8")),  # noqa: S704 - ours
        script=Markup(script),  # noqa: S704 - ours
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        light=LIGHT,
        dark=DARK,
        warn=TONES_LIGHT[Tone.SOON],
        warn_dark=TONES_DARK[Tone.SOON],
    )


def _language(tag: str) -> str:
    return upfirst(Locale.parse(tag).get_display_name("es") or tag)


def _section(one: Shown, media: Sequence[Medium]) -> _Section:
    kind = one.letter.kind
    return _Section(
        kind=kind.value,
        name=_KINDS[kind],
        case=_case(one),
        figures=[_figure(one.letter, medium, locale) for medium in media for locale in one.locales],
    )


def _case(one: Shown) -> str:
    is_digest = one.letter.kind is AlertKind.DIGEST
    old_debts = is_digest and one.case is Case.PLAIN
    return "deudas viejas" if old_debts else _CASES[one.case]


def _figure(letter: Letter, medium: Medium, locale: str) -> _Figure:
    message = render(letter, medium=medium, locale=locale)
    picture = qr.png(pay_link(letter)) if medium is Medium.CHAT else None
    is_sms = medium is Medium.SMS
    return _Figure(
        medium=medium.value,
        medium_name=_MEDIA[medium],
        locale=resolve(locale, letter.currency).tag,
        subject=message.subject,
        text=message.text,
        has_pdf=letter.has_pdf and not is_sms,
        page=page_of(message, letter) if medium is Medium.EMAIL else "",
        # A template wrote the tags and escaped everything that came from a record.
        chat=Markup(message.html or "") if medium is Medium.CHAT else "",  # noqa: S704
        qr="data:image/png;base64," + base64.b64encode(picture).decode() if picture else "",
        segments=segments(message.text) if is_sms else 1,
        characters=len(message.text),
    )
