"""What a provider lets through of one sending account, and to one recipient. Pure.

Short windows (under a minute) are kept by spacing the messages of all workers evenly; longer ones
are counted in the journal of attempts, so that they outlive a broker that forgets.

The defaults are those of `product.md`, section 6.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

_MINUTE, _HOUR, _DAY = 60, 3600, 86_400
#: A day's allowance is spread: no hour takes more than a fifth of it (product.md, rule 12).
_SHARE_OF_AN_HOUR = 5
_RECIPIENT = "recipient "
FORMS = 'write "30/second", "60/minute; 2000/day" or "30/second; recipient 1/second"'


class LimitsError(ValueError):
    """Limits that cannot be read; the text shows the form."""


@dataclass(frozen=True, slots=True, order=True)
class Quota:
    """At most so many messages in so many seconds."""

    seconds: int
    amount: int

    @property
    def is_short(self) -> bool:
        """Whether it is kept by spacing messages instead of counting them."""
        return self.seconds < _MINUTE


@dataclass(frozen=True, slots=True)
class ProviderLimits:
    """What one sending account may send: in all, and to one recipient."""

    account: tuple[Quota, ...] = ()
    recipient: tuple[Quota, ...] = ()

    @property
    def gap(self) -> float:
        """Seconds between two messages that the short windows ask for; 0 = none."""
        return _gap(self.account)

    @property
    def recipient_gap(self) -> float:
        """Seconds between two messages to one recipient; 0 = none."""
        return _gap(self.recipient)

    @property
    def counted(self) -> tuple[Quota, ...]:
        """The windows that are counted in rows, with the hours that a day is spread over."""
        long = [quota for quota in self.account if not quota.is_short]
        spread = [
            Quota(_HOUR, math.ceil(quota.amount / _SHARE_OF_AN_HOUR))
            for quota in long
            if quota.seconds >= _DAY
        ]
        return tuple(sorted({*long, *spread}))


def _gap(quotas: tuple[Quota, ...]) -> float:
    return max((quota.seconds / quota.amount for quota in quotas if quota.is_short), default=0.0)


def read_limits(text: str) -> ProviderLimits:
    """This function will read limits as an operator writes them.

    Args:
        text: "30/second; 2000 per day; recipient 1/second", in any order; "none" = no limit.

    Raises:
        LimitsError: if it cannot be read.
    """
    if text.strip().lower() == "none":
        return ProviderLimits()
    import limits  # noqa: PLC0415 - it takes long to load, and few commands read limits

    account: list[Quota] = []
    recipient: list[Quota] = []
    for part in text.split(";"):
        words = part.strip().lower()
        kept = recipient if words.startswith(_RECIPIENT) else account
        try:
            read = limits.parse(words.removeprefix(_RECIPIENT))
        except ValueError:
            raise LimitsError(f"limits cannot be read: {FORMS}") from None
        if read.amount < 1 or read.get_expiry() < 1:
            raise LimitsError(f"a limit of nothing sends nothing: {FORMS}")
        kept.append(Quota(read.get_expiry(), read.amount))
    if any(not quota.is_short for quota in recipient):
        raise LimitsError("the limit of one recipient is shorter than a minute: recipient 1/second")
    return ProviderLimits(tuple(account), tuple(recipient))


_TELEGRAM = "30/second; recipient 1/second"
_EMAIL = "60/minute"
_NTFY = "12/minute; 250/day"
_WHATSAPP = "80/second; 250/day; recipient 1 per 6 second"
DEFAULTS: Mapping[str, str] = MappingProxyType(
    {
        "telegram": _TELEGRAM,
        "tgram": _TELEGRAM,
        "email": _EMAIL,
        "mailto": _EMAIL,
        "mailtos": _EMAIL,
        "ntfy": _NTFY,
        "ntfys": _NTFY,
        "whatsapp": _WHATSAPP,
    }
)


def limits_for(scheme: str, text: str | None) -> ProviderLimits:
    """This function will return what holds for a sending account.

    Args:
        scheme: of the channel.
        text: the operator's own limits; None = the defaults of the scheme.

    Raises:
        LimitsError: if the text cannot be read.
    """
    return read_limits(DEFAULTS.get(scheme, "none") if text is None else text)
