"""What the templates of the operator's notices may see: strings, nothing else."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from billing.values import Medium
from notifications.clean import NAME_LENGTH, clean_text
from notifications.gsm import to_gsm
from notifications.palette import DARK, LIGHT, TONE_OF_NOTICE, TONES_DARK, TONES_LIGHT

if TYPE_CHECKING:
    from billing.letter import Notice
    from notifications.language import Language

#: Everything that some kind reads; what was not given is empty.
_DETAILS = (
    "run", "reason", "changed", "open", "planned", "usual", "decision", "failures", "invoice",
    "explain", "bot", "count", "unreadable", "names", "more", "silent", "token", "accounts",
    "account", "waiting", "spent", "budget", "hours",
)  # fmt: skip
#: Numbers that may be large: written as the language groups them.
_NUMBERS = ("sent", "failed", "uncertain", "closed", "holds", "looks", "looks_bad")
_DETAIL_LENGTH = 200
#: Kinds of sending account under the names that people know, in every language.
_ACCOUNTS = {"email": "e-mail", "mailto": "e-mail", "mailtos": "e-mail", "telegram": "Telegram"}


def notice_primitives(notice: Notice, *, medium: Medium, language: Language) -> dict[str, Any]:
    """Return the values that templates are filled with: cleaned texts, instants as on the wall."""

    def text(value: str | None, limit: int = _DETAIL_LENGTH) -> str:
        cleaned = clean_text(value, limit=limit)
        return clean_text(to_gsm(cleaned), limit=limit) if medium is Medium.SMS else cleaned

    def wall(value: str | None) -> str:
        try:
            instant = datetime.fromisoformat(value or "").astimezone(ZoneInfo(notice.timezone))
        except ValueError:
            return ""
        return f"{language.weekday_short(instant.date())}, {instant:%H:%M}"

    def month(value: str | None) -> str:
        try:
            return language.month_year(date.fromisoformat(value or ""))
        except ValueError:
            return ""

    def number(value: str | None) -> str:
        plain = text(value)
        return text(language.number(int(plain))) if plain.isdecimal() else plain

    def counts(value: str | None) -> list[tuple[str, str, str]]:
        """Read "name:number:ids …", ids separated by commas; what cannot be read is left out."""
        parts = [(*one.split(":"), "", "")[:3] for one in text(value, 2 * _DETAIL_LENGTH).split()]
        return [(one[0], number(one[1]), one[2].replace(",", ", ")) for one in parts if one[1]]

    given = notice.details
    account = text(given.get("account"))
    run = text(given.get("run"))
    sync = f"alerta sync {notice.isp_slug}"
    return {
        "kind": notice.kind.value,
        "lang": language.bcp47,
        "isp_name": text(notice.isp_name, NAME_LENGTH),
        "slug": notice.isp_slug,
        "has_qr": False,
        "stop_url": "",
        "since": wall(given.get("since")),
        "until": wall(given.get("until")),
        "looked": wall(given.get("looked")),
        **_days(notice, language),
        "by_kind": [(kind, many) for kind, many, _ in counts(given.get("by_kind"))],
        "by_reason": counts(given.get("by_reason")),
        "month": month(given.get("month")),
        "account_name": _ACCOUNTS.get(account, account),
        "told_at": wall(notice.told_at.isoformat()),
        "approve": text(given.get("approve")) or (f"{sync} --approve {run}" if run else ""),
        "reject": text(given.get("reject")) or (f"{sync} --reject {run}" if run else ""),
        **{name: text(given.get(name)) for name in _DETAILS},
        **{name: number(given.get(name)) for name in _NUMBERS},
    }


def _days(notice: Notice, language: Language) -> dict[str, Any]:
    """Return the days that a digest tells of, in words."""
    nothing = {"first_day": "", "last_day": "", "one_day": False, "yesterday": False}
    try:
        first = date.fromisoformat(notice.details["first"])
        last = date.fromisoformat(notice.details["last"])
        today = notice.told_at.astimezone(ZoneInfo(notice.timezone)).date()
    except (KeyError, ValueError):
        return nothing
    return {
        "first_day": language.weekday_short(first),
        "last_day": language.weekday_short(last),
        "one_day": first == last,
        "yesterday": first == last == today - timedelta(days=1),
    }


def notice_colours(notice: Notice) -> dict[str, Any]:
    """Return the colours of the e-mail, both modes."""
    tone = TONE_OF_NOTICE[notice.kind]
    return {
        "light": LIGHT,
        "dark": DARK,
        "tone": TONES_LIGHT[tone],
        "tone_dark": TONES_DARK[tone],
    }
