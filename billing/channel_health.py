"""How well a channel works, by what became of its last messages. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from billing.letter import Fate

#: What counts: an older failure was mended or forgotten, and twenty show a habit. Our own choice.
WITHIN = timedelta(days=30)
MOST_TRIES = 20
#: A channel is shaky from one lost message in so many on. Our own choice.
_ONE_IN = 5


class Condition(StrEnum):
    """What support reads of a channel's health."""

    GOOD = "good"
    SHAKY = "shaky"
    CLOSED = "closed"
    UNTRIED = "untried"  # nothing was sent to it lately


@dataclass(frozen=True, slots=True)
class Try:
    """One try of a message of its own; `fate` is None where it broke off."""

    at: datetime
    fate: Fate | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """How a channel did lately.

    Args:
        condition: in a word.
        delivered: tries that its provider took.
        failed: tries that certainly did not arrive.
        uncertain: tries that may have arrived.
        delivered_at: when one arrived last, however long ago; None = never.
    """

    condition: Condition
    delivered: int = 0
    failed: int = 0
    uncertain: int = 0
    delivered_at: datetime | None = None


def health_of(
    tries: Sequence[Try], *, closed: bool, delivered_at: datetime | None, now: datetime
) -> Health:
    """This function will say how well a channel works.

    What the sending account or its provider held up says nothing about the channel and does not
    count. It is shaky while its last try did not arrive for certain, or one in five did not.

    Args:
        tries: of this channel, in any order; those older than `WITHIN`, and more than the last
            `MOST_TRIES`, do not count.
        closed: nothing goes there.
        delivered_at: as in `Health`.
        now: the present.
    """
    counted = sorted(
        (one for one in tries if one.fate is not Fate.HELD_UP and now - one.at <= WITHIN),
        key=lambda one: one.at,
    )[-MOST_TRIES:]
    delivered = sum(one.fate is Fate.DELIVERED for one in counted)
    uncertain = sum(one.fate in {None, Fate.UNCERTAIN} for one in counted)
    lost = len(counted) - delivered
    if closed:
        condition = Condition.CLOSED
    elif not counted:
        condition = Condition.UNTRIED
    elif counted[-1].fate is not Fate.DELIVERED or lost * _ONE_IN >= len(counted):
        condition = Condition.SHAKY
    else:
        condition = Condition.GOOD
    return Health(
        condition=condition,
        delivered=delivered,
        failed=lost - uncertain,
        uncertain=uncertain,
        delivered_at=delivered_at,
    )
