"""What a template may see: a letter turned into strings, booleans and counts, nothing else."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from billing.values import AlertKind, Medium
from notifications import qr
from notifications.clean import (
    NAME_LENGTH,
    NUMBER_LENGTH,
    SUPPORT_LENGTH,
    clean_text,
    clean_url,
)
from notifications.gsm import to_gsm
from notifications.palette import DARK, LIGHT, TONE_OF, TONES_DARK, TONES_LIGHT, Tone

if TYPE_CHECKING:
    from datetime import date

    from billing.letter import Debt, Letter
    from notifications.language import Language

#: The inline picture of the e-mail; the HTML refers to it as `cid:…`.
QR_CONTENT_ID = "qr@alerta-internet"


class When(StrEnum):
    """Where a date lies, seen from today."""

    NONE = "none"
    PAST = "past"
    TODAY = "today"
    TOMORROW = "tomorrow"
    FUTURE = "future"


def when(day: date | None, today: date) -> When:
    """Return where `day` lies from `today`."""
    if day is None:
        return When.NONE
    ahead = (day - today).days
    if ahead < 0:
        return When.PAST
    return {0: When.TODAY, 1: When.TOMORROW}.get(ahead, When.FUTURE)


def asks_to_pay(letter: Letter) -> bool:
    """Whether this letter asks for money: never when credit covers it or nothing is due."""
    kind_asks = letter.kind.asks_to_pay or letter.kind is AlertKind.CHANGED
    return kind_asks and not letter.covered_by_credit and letter.amount_due > 0


def pay_link(letter: Letter) -> str | None:
    """Return the link to pay by, or None where nothing is asked or the link is not a plain one."""
    return clean_url(letter.pay_url) if asks_to_pay(letter) else None


def primitives(letter: Letter, *, medium: Medium, language: Language) -> dict[str, Any]:
    """Return the values that templates are filled with.

    Every text from a record is cleaned here, every date and amount is written out in the language
    of the message. In a short message everything is in GSM-7 characters from the start, so that a
    name which has no likeness there counts as missing.
    """

    def text(value: str | None, limit: int) -> str:
        cleaned = clean_text(value, limit=limit)
        return clean_text(to_gsm(cleaned), limit=limit) if medium is Medium.SMS else cleaned

    def day(value: date | None) -> str:
        return language.short(value) if value else ""

    def weekday(value: date | None) -> str:
        return language.weekday(value, today=letter.today) if value else ""

    def weekday_short(value: date | None) -> str:
        return language.weekday_short(value) if value else ""

    asks = asks_to_pay(letter)
    second = letter.second_due_date
    if second is not None and letter.due_date is not None and second <= letter.due_date:
        second = None
    shown_month = letter.period_date or letter.issued_date or letter.due_date
    link = pay_link(letter)
    moved_due = letter.previous_due_date not in {None, letter.due_date}
    moved_amount = letter.previous_amount not in {None, letter.amount_total}
    paid = letter.kind is AlertKind.PAID
    shown = (letter.received or letter.amount_total) if paid else letter.amount_due
    if letter.kind is AlertKind.VOIDED:
        shown = letter.amount_total
    amount = language.money(shown, letter.currency)

    def debt(one: Debt) -> dict[str, str]:
        month = one.period_date or one.due_date
        return {
            "service": text(one.service, NUMBER_LENGTH),
            "due": when(one.due_date, letter.today).value,
            "due_short": weekday_short(one.due_date),
            "received": language.money(one.received, letter.currency) if one.received > 0 else "",
            "number": text(one.invoice_number, NUMBER_LENGTH),
            "month_year": language.month_year(month) if month else "",
            "due_date": day(one.due_date),
            "amount": language.money(one.amount, letter.currency),
            "pay_url": clean_url(one.pay_url) or "",
        }

    return {
        "kind": letter.kind.value,
        "lang": language.bcp47,
        "isp_name": text(letter.isp_name, NAME_LENGTH),
        "first_name": text(letter.first_name, NAME_LENGTH),
        "invoice_number": text(letter.invoice_number, NUMBER_LENGTH),
        "support": text(letter.support, SUPPORT_LENGTH),
        "asks": asks,
        "covered": letter.covered_by_credit
        and (letter.kind.asks_to_pay or letter.kind is AlertKind.CHANGED),
        "partial": asks and letter.received > 0,
        "comes": [one.value for one in letter.comes],
        "corrects": paid and letter.corrects_reminder,
        "pay_url": link or "",
        "portal_url": clean_url(letter.portal_url) or "",
        "stop_url": clean_url(letter.stop_url) or "",
        "link_host": _host(link or clean_url(letter.portal_url)),
        "has_qr": link is not None and qr.why_not(link) is None,
        "has_pdf": letter.has_pdf,
        "amount": amount,
        "amount_px": _amount_px(amount),
        "total": language.money(letter.amount_total, letter.currency),
        "received": language.money(letter.received, letter.currency) if letter.received > 0 else "",
        "issued_date": day(letter.issued_date),
        "month": language.month(shown_month) if shown_month else "",
        "month_year": language.month_year(shown_month) if shown_month else "",
        "period": language.month_year(letter.period_date) if letter.period_date else "",
        "due": when(letter.due_date, letter.today).value,
        "due_date": day(letter.due_date),
        "due_weekday": weekday(letter.due_date),
        "due_short": weekday_short(letter.due_date),
        "second": when(second, letter.today).value,
        "second_date": day(second),
        "second_weekday": weekday(second),
        "second_short": weekday_short(second),
        "debts": [debt(one) for one in letter.debts] if asks else [],
        "several": len(letter.debts) > 1,
        "daily": letter.daily,
        "more": letter.more_debts,
        "credit": language.money(letter.credit, letter.currency)
        if asks and letter.credit > 0
        else "",
        "balance": language.money(letter.amount_due + letter.credit, letter.currency),
        "previous_due": day(letter.previous_due_date) if moved_due else "",
        "previous_amount": language.money(letter.previous_amount, letter.currency)
        if letter.previous_amount is not None and moved_amount
        else "",
    }


def colours(letter: Letter) -> dict[str, Any]:
    """Return the colours of the e-mail: the shared ones and the tone of this letter, both modes."""
    tone = TONE_OF[letter.kind]
    if letter.daily and not any(
        when(one.due_date, letter.today) is When.PAST for one in letter.debts
    ):
        tone = Tone.SOON
    if letter.kind.asks_to_pay and not asks_to_pay(letter):
        tone = Tone.GOOD
    return {
        "light": LIGHT,
        "dark": DARK,
        "tone": TONES_LIGHT[tone],
        "tone_dark": TONES_DARK[tone],
        "qr_px": qr.SHOWN_PX,
        "qr_cid": QR_CONTENT_ID,
    }


def _host(link: str | None) -> str:
    """Return the host that a button leads to, so that a reader can tell before pressing."""
    return (urlsplit(link).hostname or "") if link else ""


def _amount_px(amount: str) -> int:
    """Return a type size at which the amount stays on one line of a phone 320 pixels wide."""
    for longest, size in ((11, 38), (13, 32), (15, 27), (18, 22)):
        if len(amount) <= longest:
            return size
    return 18
