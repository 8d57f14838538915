"""Be polite to Wispro."""

from worker.pace import Pacer


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
