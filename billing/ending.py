"""What the outcome of a send means for its delivery, and for the account it left over. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from billing.letter import Fate, Outcome
from billing.values import DeliveryState, Reason

#: engine.md, rule 13: longer than the hard limit of a task, so that no live worker is overtaken.
LEASE = timedelta(seconds=360)
#: Tries before a delivery fails for good; the waits between them add up to about 1 h 45 min.
MAX_TRIES = 6
_BACK_OFF = tuple(timedelta(minutes=minutes) for minutes in (1, 3, 10, 30, 60))
#: Kinds of channel on which a message that is sent again takes the place of itself, by its
#: Message-ID (product.md, section 2). One that may have arrived goes once more there; elsewhere it
#: waits for a person.
REPLACED_BY_ITSELF = frozenset({"email", "mailto", "mailtos"})
#: How long such a message waits: what was held up in the provider's queue has arrived by then.
ONCE_MORE_AFTER = timedelta(minutes=10)
#: The longest pause that a provider may ask of us.
LONGEST_PAUSE = timedelta(hours=6)
#: How long a message that is never to blame itself waits for its provider.
LONGEST_TROUBLE = timedelta(days=2)
#: An account in trouble is tried again after this, doubled each time, up to the longest.
_FIRST_REST, _LONGEST_REST = timedelta(seconds=15), timedelta(minutes=5)
#: A tenth more or less, so that what failed together does not come back together.
_JITTER = 0.1


@dataclass(frozen=True, slots=True)
class Ending:
    """How a delivery stands after a send."""

    state: DeliveryState
    reason: Reason | None = None
    not_before: datetime | None = None
    sent_at: datetime | None = None
    settled_at: datetime | None = None


def ending(
    outcome: Outcome,
    *,
    tries: int,
    now: datetime,
    planned_at: datetime | None = None,
    once_more: bool = False,
    salt: int = 0,
) -> Ending:
    """This function will say what a send that came to this outcome is from now on.

    Args:
        outcome: as the door told it.
        tries: how often it failed by its own fault, this time included.
        now: the present.
        planned_at: when it was first meant to go; None = just now.
        once_more: what may have arrived can be sent again under the same id, and was not yet.
        salt: spreads the waits of different deliveries, by a tenth at most.
    """
    match outcome.fate:
        case Fate.DELIVERED:
            return Ending(DeliveryState.SENT, sent_at=now, settled_at=now)
        case Fate.REJECTED:
            return Ending(DeliveryState.FAILED, Reason.REJECTED, settled_at=now)
        case Fate.UNCERTAIN if once_more:
            again = now + ONCE_MORE_AFTER
            return Ending(DeliveryState.PLANNED, Reason.NO_ANSWER, not_before=again)
        case Fate.UNCERTAIN:
            return Ending(DeliveryState.UNCERTAIN, Reason.NO_ANSWER, settled_at=now)
        case Fate.HELD_UP if now - (planned_at or now) < LONGEST_TROUBLE:
            wait = _FIRST_REST
        case Fate.HELD_UP:
            return Ending(DeliveryState.FAILED, Reason.TRIES_SPENT, settled_at=now)
        case Fate.FAILED if tries >= MAX_TRIES:
            return Ending(DeliveryState.FAILED, Reason.TRIES_SPENT, settled_at=now)
        case Fate.FAILED:
            wait = _BACK_OFF[min(max(tries, 1), len(_BACK_OFF)) - 1]
    again = now + (asked_pause(outcome) or wait * (1 + _JITTER * (salt % 100) / 100))
    return Ending(DeliveryState.PLANNED, Reason.PROVIDER_TROUBLE, not_before=again)


def asked_pause(outcome: Outcome) -> timedelta | None:
    """This function will return the pause that a provider asked for, within reason."""
    if outcome.retry_after is None:
        return None
    asked = timedelta(seconds=max(outcome.retry_after, 0))
    return min(max(asked, timedelta(seconds=1)), LONGEST_PAUSE)


def rest_of(outcome: Outcome, *, failures: int) -> timedelta:
    """This function will say how long a sending account in trouble rests.

    Args:
        outcome: of the send that showed the trouble.
        failures: how many in a row, this one included.
    """
    grown: timedelta = _FIRST_REST * 2 ** min(max(failures, 1) - 1, 10)
    return asked_pause(outcome) or min(grown, _LONGEST_REST)


def short(text: str | None) -> str | None:
    """This function will cut a text to what the column of a detail holds."""
    return text[:500] if text else None
