"""Whoever asks what hangs knows in time that it does."""

from __future__ import annotations

import threading
from concurrent.futures import Future

import pytest

from worker.probes import NoAnswerError, Probe, answer_of


def test_an_answer_comes_back():
    """And so does an error, as itself."""
    assert Probe(lambda: 7)(within=5) == 7
    with pytest.raises(ZeroDivisionError):
        Probe(lambda: 7 // 0)(within=5)


def test_what_hangs_is_asked_once_by_all_who_want_to_know():
    """Each knows in time that there is no answer, and gets the answer of the same question."""
    asked, hangs = [], threading.Event()

    def ask() -> int:
        asked.append(1)
        assert hangs.wait(30)
        return 7

    probe = Probe(ask)
    several = [probe.ask() for _ in range(5)]
    for one in several:
        with pytest.raises(NoAnswerError, match="in time"):
            answer_of(one, within=0.01)
    hangs.set()
    assert [answer_of(one, within=5) for one in several] == [7] * 5
    assert len(asked) == 1
    assert probe(within=5) == 7
    assert len(asked) == 2


def test_a_question_that_hangs_for_long_is_asked_anew_but_not_for_ever():
    """What comes back is noticed, and a database that hangs does not fill the machine."""
    now, asked, hangs = [0.0], [], threading.Event()

    def ask() -> int:
        asked.append(1)
        assert hangs.wait(30)
        return 7

    probe = Probe(ask, clock=lambda: now[0])
    for _ in range(10):
        probe.ask()
        now[0] += 60
    assert len(asked) == 4
    hangs.set()
    assert probe(within=5) == 7


def test_a_time_limit_of_what_was_asked_is_no_silence():
    """A TimeoutError that the question itself raised is its answer."""
    done: Future[int] = Future()
    done.set_exception(TimeoutError("the socket"))
    with pytest.raises(TimeoutError, match="the socket"):
        answer_of(done, within=5)
