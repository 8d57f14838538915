"""How well a channel works."""

from datetime import UTC, datetime, timedelta

import pytest

from billing.channel_health import MOST_TRIES, WITHIN, Condition, Try, health_of
from billing.letter import Fate

NOW = datetime(2026, 3, 10, 15, 0, tzinfo=UTC)
#: d = delivered, f = failed, r = rejected, u = uncertain, b = broke off, h = held up.
FATES = {
    "d": Fate.DELIVERED,
    "f": Fate.FAILED,
    "r": Fate.REJECTED,
    "u": Fate.UNCERTAIN,
    "b": None,
    "h": Fate.HELD_UP,
}


def tries(text, *, last_at=NOW):
    """The last letter is the last try, an hour after the one before it."""
    return [
        Try(last_at - timedelta(hours=hours), FATES[letter])
        for hours, letter in enumerate(reversed(text))
    ]


def health(text, *, closed=False, last_at=NOW):
    return health_of(tries(text, last_at=last_at), closed=closed, delivered_at=None, now=NOW)


@pytest.mark.parametrize(
    ("text", "condition", "numbers"),
    [
        ("", Condition.UNTRIED, (0, 0, 0)),
        ("h", Condition.UNTRIED, (0, 0, 0)),
        ("d", Condition.GOOD, (1, 0, 0)),
        ("f", Condition.SHAKY, (0, 1, 0)),
        ("ddddddddddf", Condition.SHAKY, (10, 1, 0)),  # the last one did not arrive
        ("fddddd", Condition.GOOD, (5, 1, 0)),  # one in six
        ("fdddd", Condition.SHAKY, (4, 1, 0)),  # one in five
        ("udddd", Condition.SHAKY, (4, 0, 1)),
        ("bdddd", Condition.SHAKY, (4, 0, 1)),
        ("hhhhhd", Condition.GOOD, (1, 0, 0)),  # nobody's fault here
        ("dh", Condition.GOOD, (1, 0, 0)),
        ("f" + "d" * MOST_TRIES, Condition.GOOD, (MOST_TRIES, 0, 0)),
        ("f" * 30 + "d" * 17, Condition.GOOD, (17, 3, 0)),
        ("f" * 30 + "d" * 16, Condition.SHAKY, (16, 4, 0)),
    ],
)
def test_a_channel_is_judged_by_its_last_tries(text, condition, numbers):
    """Good, shaky from one lost in five on or while the last one did not arrive, or untried."""
    found = health(text)

    assert found.condition is condition
    assert (found.delivered, found.failed, found.uncertain) == numbers


def test_what_is_older_than_a_month_says_nothing():
    """On the thirtieth day it counts, a second later no more."""
    assert health("f", last_at=NOW - WITHIN).condition is Condition.SHAKY
    late = NOW - WITHIN - timedelta(seconds=1)
    assert health("f", last_at=late).condition is Condition.UNTRIED


def test_a_closed_channel_is_closed_whatever_it_did():
    """The numbers stay, for whoever asks why."""
    found = health("dddr", closed=True)

    assert (found.condition, found.delivered, found.failed) == (Condition.CLOSED, 3, 1)
