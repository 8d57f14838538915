"""What an outcome means: the waits between tries, what goes once more, when an account rests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from billing import ending as endings
from billing.ending import MAX_TRIES, ending, rest_of
from billing.letter import Fate, Outcome
from billing.values import DeliveryState, Reason

NOW = datetime(2026, 3, 10, 15, tzinfo=UTC)


def test_the_waits_grow_and_end_the_same_morning():
    """Six tries within two hours: a reminder that is a day late says the wrong thing."""
    waits = endings._BACK_OFF
    assert list(waits) == sorted(waits)
    assert len(waits) == MAX_TRIES - 1
    assert sum(waits, timedelta()) <= timedelta(hours=2)


def test_tries_are_counted_and_spent():
    """The fifth failure waits an hour, the sixth is the last."""
    failed = Outcome(fate=Fate.FAILED)
    fifth = ending(failed, tries=5, now=NOW)
    assert (fifth.state, fifth.not_before) == (DeliveryState.PLANNED, NOW + timedelta(hours=1))
    last = ending(failed, tries=6, now=NOW)
    assert (last.state, last.reason) == (DeliveryState.FAILED, Reason.TRIES_SPENT)


def test_what_failed_together_comes_back_apart():
    """A tenth of the wait at most; a pause that was asked for is kept to the second."""
    waits = {
        ending(Outcome(fate=Fate.FAILED), tries=3, now=NOW, salt=n).not_before for n in (0, 50)
    }
    assert waits == {NOW + timedelta(minutes=10), NOW + timedelta(minutes=10, seconds=30)}
    asked = Outcome(fate=Fate.HELD_UP, retry_after=35)
    assert ending(asked, tries=1, now=NOW, salt=50).not_before == NOW + timedelta(seconds=35)


def test_trouble_of_the_provider_spends_no_try():
    """However often: a day later it still waits, two days later it is given up."""
    away = Outcome(fate=Fate.HELD_UP)
    for late, state in ((47, DeliveryState.PLANNED), (48, DeliveryState.FAILED)):
        found = ending(away, tries=99, now=NOW, planned_at=NOW - timedelta(hours=late))
        assert found.state is state


@pytest.mark.parametrize(
    ("once_more", "state"), [(True, DeliveryState.PLANNED), (False, DeliveryState.UNCERTAIN)]
)
def test_what_may_have_arrived_goes_again_only_where_it_replaces_itself(once_more, state):
    """And only once; elsewhere a person decides."""
    found = ending(Outcome(fate=Fate.UNCERTAIN), tries=1, now=NOW, once_more=once_more)
    assert (found.state, found.reason) == (state, Reason.NO_ANSWER)
    assert (found.settled_at is None) == once_more


def test_an_account_in_trouble_rests_longer_each_time():
    """From 15 seconds to 5 minutes, or as long as the provider says, within six hours."""
    rests = [rest_of(Outcome(fate=Fate.HELD_UP), failures=n).total_seconds() for n in range(1, 8)]
    assert rests == [15, 30, 60, 120, 240, 300, 300]
    assert rest_of(Outcome(fate=Fate.HELD_UP, retry_after=7), failures=9) == timedelta(seconds=7)
    assert rest_of(Outcome(fate=Fate.HELD_UP, retry_after=1e9), failures=1) == timedelta(hours=6)
