"""Be polite to Wispro."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import pytest
from structlog.testing import capture_logs

from worker.pace import Pacer, Rate, SharedPacer


class Time:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def clock(self) -> float:
        """Return the seconds so far."""
        return self.now

    def sleep(self, seconds: float) -> None:
        """Let them pass at once."""
        assert seconds > 0
        self.now += seconds


class Window:
    """A shared bucket: never more than the rate in any window; or out of reach."""

    def __init__(self, time: Time) -> None:
        self._time = time
        self.passed: list[float] = []
        self.reachable = True
        self.asked = 0

    def take(self, isp_id: int, rate: Rate) -> bool | None:
        """Take a token."""
        assert isp_id == 7
        self.asked += 1
        if not self.reachable:
            return None
        recent = [at for at in self.passed if at >= self._time.now - rate.seconds]
        if len(recent) >= rate.amount:
            return False
        self.passed.append(self._time.now)
        return True


@pytest.fixture
def time() -> Time:
    """Give the test a clock."""
    return Time()


@pytest.fixture
def window(time: Time) -> Window:
    """Give the test a shared bucket."""
    return Window(time)


def shared(
    time: Time, take: Callable[[int, Rate], bool | None], per_second: float, children: int = 1
) -> SharedPacer:
    """Return a pacer of ISP 7 on the test's clock."""
    return SharedPacer(7, per_second, take, children=children, clock=time.clock, sleep=time.sleep)


def test_requests_leave_evenly_spaced():
    """Two a second: the third waits a whole second, also after a pause."""
    now = [0.0]
    slept: list[float] = []
    pacer = Pacer(2.0, clock=lambda: now[0], sleep=slept.append)
    for _ in range(3):
        pacer()
    assert slept == [0.5, 1.0]
    now[0] = 10.0
    pacer()
    assert slept == [0.5, 1.0]


@pytest.mark.parametrize(
    ("per_second", "amount", "seconds"),
    [
        (2.0, 2, 1),
        (0.5, 1, 2),
        (2.5, 5, 2),
        (0.3, 3, 10),
        (0.01, 1, 100),
        (1000.0, 1000, 1),
        (1 / 3, 1, 3),
    ],
)
def test_a_rate_is_whole_requests_in_whole_seconds(
    per_second: float, amount: int, seconds: int
) -> None:
    """The rates that operators set are kept exactly, in the shortest window that can."""
    assert Rate.of(per_second) == Rate(amount, seconds)


@pytest.mark.parametrize("per_second", [0.0001, 0.013, 0.777, 1.999, 3.14159, 999.99])
def test_an_odd_rate_is_kept_nearly(per_second: float) -> None:
    """No rate becomes none at all, and none is off by more than a twentieth."""
    rate = Rate.of(per_second)
    assert rate.amount >= 1
    assert float(Fraction(rate.amount, rate.seconds)) == pytest.approx(per_second, rel=0.05)


def test_two_leave_together_after_a_rest_and_the_third_waits_for_both() -> None:
    """A look by hand is two requests; one that came by itself, or in a row, brings nobody along."""
    time = Time()
    pacer = Pacer(2.0, pairs=True, clock=time.clock, sleep=time.sleep)

    def left(calls: int) -> list[float]:
        """Return when so many calls in a row left."""
        began, instants = time.now, []
        for _ in range(calls):
            pacer()
            instants.append(time.now - began)
        return instants

    assert left(5) == [0, 0, 1, 1.5, 2]
    time.now += 0.6  # less than a rest
    assert left(2) == [0, 0.5]
    time.now += 1
    assert left(1) == [0]
    time.now += 0.6  # the second came by itself, so the third is no second
    assert left(2) == [0, 0.5]


@pytest.mark.parametrize("per_second", [0.3, 0.5, 1.0, 2.0, 2.5, 20.0])
def test_a_pair_is_within_the_rate(time: Time, window: Window, per_second: float) -> None:
    """Whoever rests in between never sends more than the rate allows, shared bucket or not."""
    rate = Rate.of(per_second)
    for reachable in (True, False):
        window.reachable = reachable
        pacer = shared(time, window.take, per_second)
        left = []
        for number in range(60):
            pacer()
            left.append(time.now)
            if number % 7 == 0:
                time.now += 1.7 / per_second
        for begin in left:
            assert sum(begin <= at < begin + rate.seconds - 1e-6 for at in left) <= rate.amount


def test_one_process_alone_goes_at_the_whole_rate(time: Time, window: Window) -> None:
    """Nobody else wants tokens: ten seconds at two a second are about twenty requests, evenly."""
    pacer = shared(time, window.take, 2.0)
    while time.now < 10:
        pacer()
    assert 17 <= len(window.passed) <= 21
    gaps = [b - a for a, b in zip(window.passed, window.passed[1:], strict=False)]
    assert min(gaps[1:]) >= 0.3


def test_a_burst_never_leaves_even_where_the_window_would_allow_it(
    time: Time, window: Window
) -> None:
    """Twenty a second is one each 50 ms, not twenty at once and then a pause."""
    pacer = shared(time, window.take, 20.0)
    for _ in range(20):
        pacer()
    assert time.now == pytest.approx(0.95)


def test_several_processes_together_keep_the_rate(time: Time, window: Window) -> None:
    """Three processes of one ISP share ten a second: no window of a second ever holds eleven."""
    pacers = [shared(time, window.take, 10.0) for _ in range(3)]
    while time.now < 10:
        for pacer in pacers:
            pacer()
    for begin in window.passed:
        assert sum(begin <= at < begin + 1 for at in window.passed) <= 10
    assert len(window.passed) >= 80


def test_out_of_reach_each_goes_on_with_its_share(time: Time, window: Window) -> None:
    """Without the shared bucket a child of four has a quarter of the rate, at once and for all."""
    window.reachable = False
    pacer = shared(time, window.take, 2.0, children=4)
    pacer()
    assert time.now == 0.0
    for _ in range(5):
        pacer()
    assert time.now == pytest.approx(10.0)
    assert window.asked == 6


def test_back_in_reach_the_shared_bucket_counts_again(time: Time, window: Window) -> None:
    """After an outage the whole rate is there again, without a debt of waiting."""
    pacer = shared(time, window.take, 2.0, children=4)
    window.reachable = False
    for _ in range(3):
        pacer()
    window.reachable = True
    before = time.now
    for _ in range(4):
        pacer()
    assert time.now - before <= 2.5
    assert len(window.passed) == 4


def test_a_bucket_that_is_lost_while_waiting_ends_the_wait(time: Time, window: Window) -> None:
    """A process in the queue of a bucket that goes away does not wait for its return."""
    answers = iter([False, False, None])
    pacer = shared(time, lambda _isp, _rate: next(answers), 2.0)
    pacer()
    assert time.now <= 0.5


def test_a_bucket_that_never_has_a_token_is_not_believed_for_ever(time: Time) -> None:
    """A host whose clock is ahead may starve the others: they wait half a minute, and say so."""
    pacer = shared(time, lambda _isp, _rate: False, 2.0)
    with capture_logs() as logs:
        pacer()
    assert 30 <= time.now <= 31
    assert [entry["event"] for entry in logs] == ["pace.starved"]


def test_many_in_a_slow_queue_are_given_their_time(time: Time) -> None:
    """One request in ten seconds and six children: a wait of a minute is no disorder."""
    turn = 60.0
    pacer = shared(time, lambda _isp, _rate: time.now >= turn, 0.1, children=6)
    with capture_logs() as logs:
        pacer()
    assert time.now == pytest.approx(turn, abs=0.3)
    assert logs == []
