"""The threads of a batch: bounded, and in this thread where there are none."""

from __future__ import annotations

import threading

from billing.delivery.lanes import Lanes


def test_no_more_run_at_once_than_there_are_lanes():
    """Three jobs on two lanes: the third finds none free."""
    lanes, go = Lanes(2), threading.Event()
    for number in range(2):
        lanes.start(number, go.wait)
    assert (lanes.free, lanes.busy) == (0, 2)
    assert lanes.done(0.01) == []
    go.set()
    over = {tag for tag, _ in lanes.finish(5)}
    assert (over, lanes.free) == ({0, 1}, 2)
    lanes.close()


def test_without_lanes_a_job_is_over_when_it_is_started():
    """In the caller's thread, its error kept for whoever takes it."""
    lanes = Lanes(0)
    seen = []
    lanes.start("a", lambda: seen.append(threading.current_thread()))
    assert (seen, lanes.free) == ([threading.current_thread()], 0)
    ((tag, _),) = lanes.done(None)
    lanes.start("b", lambda: 1 // 0)
    ((other, future),) = lanes.done(None)
    assert (tag, other, type(future.exception())) == ("a", "b", ZeroDivisionError)
