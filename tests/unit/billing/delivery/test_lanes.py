"""The threads of a batch: bounded, and in this thread where there are none."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

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


def test_what_began_is_known_even_if_a_signal_breaks_its_start_off(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The thread has it already: its outcome is not to be lost."""
    submit = ThreadPoolExecutor.submit

    def told_to_stop(*given: Any) -> Any:
        submit(*given)
        raise SystemExit

    monkeypatch.setattr(ThreadPoolExecutor, "submit", told_to_stop)
    lanes, begun = Lanes(1), threading.Event()

    def job() -> str:
        begun.set()
        return "sent"

    with pytest.raises(SystemExit):
        lanes.start("a", job)
    assert begun.wait(5)
    assert lanes.cancel() == []
    ((tag, future),) = lanes.finish(5)
    assert (tag, future.result()) == ("a", "sent")
    lanes.close()


def test_what_no_thread_took_up_never_begins() -> None:
    """It is named, and not waited for."""
    lanes, begun, go = Lanes(1), threading.Event(), threading.Event()

    def job() -> None:
        begun.set()
        go.wait()

    lanes.start("under way", job)
    assert begun.wait(5)
    lanes.start("waiting", lambda: None)
    assert lanes.cancel() == ["waiting"]
    go.set()
    assert [tag for tag, _ in lanes.finish(5)] == ["under way"]
    lanes.close()
