"""A link to pair by, to be scanned: in the terminal, as a picture, on a sheet to print."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

import segno
from markupsafe import Markup

from notifications.clean import NAME_LENGTH, SUPPORT_LENGTH, clean_text
from notifications.language import resolve
from notifications.palette import LIGHT
from notifications.qr import QUIET_ZONE
from notifications.render import environment

#: Pixels of the picture's side, about: enough for a sheet of paper.
_DRAWN_PX = 900


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """What the sheet says; `expires_at` is aware, `timezone` the wall that it is read on."""

    link: str = field(repr=False)
    bot: str
    isp_name: str
    first_name: str
    support: str | None
    expires_at: datetime
    timezone: str
    locale: str


def in_terminal(link: str) -> str:
    """Return the code in half blocks, two modules a character high; dark terminals read it too."""
    out = io.StringIO()
    _code(link).terminal(out, border=2, compact=True)
    return out.getvalue()


def as_png(link: str) -> bytes:
    """Return the code as a PNG of whole-pixel modules, black on white."""
    code = _code(link)
    width, _ = code.symbol_size(scale=1, border=QUIET_ZONE)
    out = io.BytesIO()
    code.save(
        out,
        kind="png",
        scale=max(1, round(_DRAWN_PX / width)),
        border=QUIET_ZONE,
        dark="#000000",
        light="#ffffff",
    )
    return out.getvalue()


def as_svg(link: str) -> str:
    """Return the code as an SVG document, black on white."""
    out = io.BytesIO()
    _code(link).save(out, kind="svg", border=QUIET_ZONE, scale=8, dark="#000000", light="#ffffff")
    return out.getvalue().decode("utf-8")


def as_sheet(sheet: Sheet) -> str:
    """Return one page of HTML to print, in the customer's language; it loads nothing."""
    language = resolve(sheet.locale)
    last = sheet.expires_at.astimezone(ZoneInfo(sheet.timezone))
    drawing = _code(sheet.link).svg_inline(
        border=QUIET_ZONE, omitsize=True, dark="#000000", light="#ffffff"
    )
    page: str = (
        environment(language.tag)
        .get_template("telegram/sheet.html")
        .render(
            lang=language.bcp47,
            light=LIGHT,
            qr=Markup(drawing),  # noqa: S704 - drawn by us
            link=sheet.link,
            bot=sheet.bot,
            isp_name=clean_text(sheet.isp_name, limit=NAME_LENGTH),
            first_name=clean_text(sheet.first_name, limit=NAME_LENGTH),
            support=clean_text(sheet.support, limit=SUPPORT_LENGTH),
            expires=f"{language.weekday_short(last.date())}, {last:%H:%M}",
        )
    )
    return page


def _code(link: str) -> segno.QRCode:
    return segno.make(link, error="m", micro=False, boost_error=False)
