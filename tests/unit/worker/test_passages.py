"""Places at a provider: never more of them in one of its seconds than it lets through."""

from __future__ import annotations

import heapq

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from worker.passages import OwnPlaces, holding, places_of


@pytest.mark.parametrize(
    ("gap", "places"), [(1 / 30, 30), (1 / 80, 80), (0.5, 2), (0.51, 0), (1.0, 0), (6.0, 0), (0, 0)]
)
def test_what_is_slower_than_two_a_second_is_kept_by_spacing(gap: float, places: int) -> None:
    """A provider that lets one pass in a second needs no places."""
    assert places_of(gap) == places


@given(
    ways=st.lists(st.tuples(st.floats(0, 1.5), st.floats(0, 1)), min_size=1, max_size=60),
    places=st.integers(2, 6),
    lanes=st.integers(1, 9),
    number=st.integers(1, 2),
)
@settings(deadline=None)
def test_however_late_messages_are_no_second_counts_too_many(
    ways: list[tuple[float, float]], places: int, lanes: int, number: int
) -> None:
    """Each is on its way for as long as it likes, and is counted at any moment of it."""
    now = [0.0]
    own = OwnPlaces(places, clock=lambda: now[0])
    counted: list[float] = []
    free = [(0.0, lane) for lane in range(lanes)]
    under_way: list[tuple[float, str]] = []
    for place, (takes, share) in enumerate(ways):
        ready, lane = heapq.heappop(free)
        now[0] = max(now[0], ready)
        while True:
            while under_way and under_way[0][0] <= now[0]:
                ended, name = heapq.heappop(under_way)
                at, now[0] = now[0], ended
                own.leave(name, number)
                now[0] = at
            wait = own.enter(f"{place}", number)
            if wait <= 0:
                break
            ends = under_way[0][0] if under_way else now[0] + wait
            now[0] = min(now[0] + wait, max(ends, now[0] + 0.001))
        heapq.heappush(under_way, (now[0] + takes, f"{place}"))
        heapq.heappush(free, (now[0] + takes, lane))
        counted += [now[0] + takes * share] * number

    counted.sort()
    for first in counted:
        assert sum(first <= at < first + 1 for at in counted) <= max(places, number)


def test_what_waits_too_long_goes_all_the_same() -> None:
    """Its attempt is journaled: a place that never comes free must not keep it for ever."""
    slept: list[float] = []
    now = [0.0]

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        now[0] += 5

    with holding(lambda *_: 60.0, lambda *_: None, 1, clock=lambda: now[0], sleep=sleep):
        assert slept == [0.01, 0.01]


def test_a_place_is_let_go_of_whatever_happens() -> None:
    """An error on the way does not keep the place."""
    now = [0.0]
    own = OwnPlaces(2, clock=lambda: now[0])
    for _ in range(2):
        with pytest.raises(OSError, match="gone"), holding(own.enter, own.leave, 1):
            raise OSError("gone")
    assert 1.0 < own.enter("next", 1) < 1.01
    now[0] += 1.01
    assert own.enter("next", 1) == 0.0
