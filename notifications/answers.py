"""What a bot answers, written out: one template of a few HTML tags for each kind of answer."""

from __future__ import annotations

import html
import re
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import TemplateError

from billing.answers import Answer
from billing.letter import Debt
from billing.ports import RenderError
from notifications.clean import (
    NAME_LENGTH,
    NUMBER_LENGTH,
    SUPPORT_LENGTH,
    clean_text,
    clean_url,
)
from notifications.context import when
from notifications.language import Language, resolve
from notifications.render import environment, tidy

#: Telegram counts what is left of a message without its tags.
LONGEST = 4096
_TAG = re.compile(r"<[^>]+>")


def render_answer(answer: Answer, *, locale: str) -> str:
    """Fill the template of an answer; invoices that do not fit are counted instead.

    Args:
        answer: what to say; its texts may hold anything.
        locale: the customer's, as stored.

    Raises:
        RenderError: if the template fails; the text names kind and cause.
    """
    language = resolve(locale, answer.currency)
    name = f"telegram/{answer.kind.value}.html"
    try:
        template = environment(language.tag).get_template(name)
        for listed in range(len(answer.debts), -1, -1):
            text = tidy(template.render(**_primitives(answer, listed=listed, language=language)))
            if _length(text) <= LONGEST:
                return text
    except (TemplateError, ArithmeticError, LookupError, TypeError, ValueError) as error:
        cause = type(error).__name__
        raise RenderError(f"{name} ({language.tag}) cannot be filled: {cause}") from error
    raise RenderError(f"{name} ({language.tag}) is longer than {LONGEST} characters")


def _primitives(answer: Answer, *, listed: int, language: Language) -> dict[str, Any]:
    """Return what the templates may see: strings, counts and truths."""
    count = len(answer.debts) + answer.more_debts
    as_of = answer.as_of.astimezone(ZoneInfo(answer.timezone)) if answer.as_of else None

    def money(amount: Any) -> str:
        return language.money(amount, answer.currency)

    def debt(one: Debt) -> dict[str, str]:
        month = one.period_date or one.due_date
        return {
            "number": clean_text(one.invoice_number, limit=NUMBER_LENGTH),
            "month_year": language.month_year(month) if month else "",
            "due": when(one.due_date, answer.today).value,
            "due_short": language.weekday_short(one.due_date) if one.due_date else "",
            "due_date": language.short(one.due_date) if one.due_date else "",
            "amount": money(one.amount),
            "received": money(one.received) if one.received > 0 else "",
            "pay_url": clean_url(one.pay_url) or "",
        }

    return {
        "isp_name": clean_text(answer.isp_name, limit=NAME_LENGTH),
        "support": clean_text(answer.support, limit=SUPPORT_LENGTH),
        "first_name": clean_text(answer.first_name, limit=NAME_LENGTH),
        "named": clean_text(answer.named, limit=NAME_LENGTH),
        "debts": [debt(one) for one in answer.debts[:listed]],
        "more": count - listed,
        "several": count > 1,
        "count": count,
        "total": money(answer.total),
        "overdue": money(answer.overdue) if answer.overdue > 0 else "",
        "all_overdue": answer.overdue > 0 and answer.overdue == answer.total,
        "as_of": f"{language.weekday_short(as_of.date())}, {as_of:%H:%M}" if as_of else "",
        "until": language.weekday(answer.until, today=answer.today) if answer.until else "",
        "paused": answer.paused,
        "others": ", ".join(clean_text(one, limit=SUPPORT_LENGTH) for one in answer.others),
    }


def _length(text: str) -> int:
    return len(html.unescape(_TAG.sub("", text)).encode("utf-16-le")) // 2
