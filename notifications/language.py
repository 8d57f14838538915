"""Which language a message speaks, and its words, amounts and dates.

Spanish (voseo) is the text in the templates; `locales/<language>/` translate it. Catalogs are
compiled in memory, so that nobody forgets a build step.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from babel import Locale, localedata
from babel.dates import format_date
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_currency, format_decimal, get_currency_symbol
from babel.support import NullTranslations, Translations

if TYPE_CHECKING:
    from datetime import date
    from decimal import Decimal

LOCALES = Path(__file__).parent / "locales"
DEFAULT = "es_AR"
TRANSLATED = ("pt_BR", "en")
NBSP = "\u00a0"

# A Spanish locale without a country takes the one whose money it is.
_HOME = {
    "ARS": "AR", "BOB": "BO", "CLP": "CL", "COP": "CO", "CRC": "CR", "DOP": "DO", "GTQ": "GT",
    "HNL": "HN", "MXN": "MX", "NIO": "NI", "PEN": "PE", "PYG": "PY", "UYU": "UY", "VES": "VE",
}  # fmt: skip

_SHORT = {"es": "dd/MM/y", "pt": "dd/MM/y", "en": "MMM d, y"}
_WEEKDAY_SHORT = {"es": "EEEE d/MM", "pt": "EEEE, d/MM", "en": "EEEE, MMM d"}
_WEEKDAY = {"es": "EEEE d 'de' MMMM", "pt": "EEEE, d 'de' MMMM", "en": "EEEE, MMMM d"}
_WEEKDAY_YEAR = {
    "es": "EEEE d 'de' MMMM 'de' y",
    "pt": "EEEE, d 'de' MMMM 'de' y",
    "en": "EEEE, MMMM d, y",
}
_MONTH_YEAR = {"es": "MMMM y", "pt": "MMMM 'de' y", "en": "MMMM y"}


@dataclass(frozen=True, slots=True)
class Language:
    """One locale, ready to speak: `tag` as stored ("es_AR"), `catalog` of its words."""

    tag: str
    locale: Locale
    catalog: NullTranslations

    @property
    def code(self) -> str:
        """The language alone: "es", "pt" or "en"."""
        return self.locale.language

    @property
    def bcp47(self) -> str:
        """As mail headers and HTML want it: "es-AR"."""
        return self.tag.replace("_", "-")

    def money(self, amount: Decimal, currency: str) -> str:
        """Return the amount with its symbol and a no-break space: `$ 2.590,00`.

        CLDR writes a bare `$` only where it is the money of the locale's country (or dollars, in
        English), and elsewhere `US$` or the ISO code; a test holds it to that. Decimals are the
        currency's own (none for CLP and PYG).
        """
        symbol = get_currency_symbol(currency, locale=self.locale)
        number = format_currency(amount, currency, format="#,##0.00", locale=self.locale)
        return f"{symbol}{NBSP}{number.strip()}"

    def number(self, value: int) -> str:
        """Return a whole number as it is grouped: `1.204`, or `1,204` in English."""
        return format_decimal(value, locale=self.locale)

    def short(self, day: date) -> str:
        """Return `19/11/2021`, or `Nov 19, 2021` in English, where 11/19 would be read twice."""
        return self._format(day, _SHORT)

    def weekday(self, day: date, *, today: date) -> str:
        """Return `viernes 19 de noviembre`, with the year where it is not this one."""
        return self._format(day, _WEEKDAY if day.year == today.year else _WEEKDAY_YEAR)

    def weekday_short(self, day: date) -> str:
        """Return `viernes 19/11`."""
        return self._format(day, _WEEKDAY_SHORT)

    def month(self, day: date) -> str:
        """Return `octubre`."""
        return format_date(day, "MMMM", locale=self.locale)

    def month_year(self, day: date) -> str:
        """Return `octubre 2021`."""
        return self._format(day, _MONTH_YEAR)

    def _format(self, day: date, patterns: dict[str, str]) -> str:
        return format_date(day, patterns[self.code], locale=self.locale)


@cache
def resolve(locale: str | None, currency: str = "") -> Language:
    """Return the language for a stored locale name: es* Spanish, pt* Brazilian, en* English.

    Anything else, and nothing, is es_AR. A bare "es" takes the country of the currency.
    """
    wanted = (locale or "").replace("-", "_").strip()
    code, _, rest = wanted.partition("_")
    code = code.lower()
    if code == "pt":
        tag = "pt_BR"
    elif code == "en":
        tag = "en"
    elif code == "es":
        territory = rest.rpartition("_")[2].upper()
        tag = f"es_{territory}"
        if territory in {"", "419"} or not localedata.exists(tag):
            tag = f"es_{_HOME.get(currency, 'AR')}"
    else:
        tag = DEFAULT
    return Language(tag=tag, locale=Locale.parse(tag), catalog=catalog(tag))


@cache
def catalog(tag: str) -> NullTranslations:
    """Return the translations of a locale; Spanish needs none."""
    if tag not in TRANSLATED:
        return NullTranslations()
    source = LOCALES / tag / "LC_MESSAGES" / "messages.po"
    with source.open("rb") as lines:
        entries = read_po(lines, locale=tag)
    compiled = io.BytesIO()
    write_mo(compiled, entries)
    compiled.seek(0)
    return Translations(compiled)
