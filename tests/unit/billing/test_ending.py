"""The waits between tries."""

from datetime import timedelta

from billing import ending


def test_the_waits_grow_and_end_the_same_morning():
    """Six tries within two hours: a reminder that is a day late says the wrong thing."""
    waits = ending._BACK_OFF
    assert list(waits) == sorted(waits)
    assert len(waits) == ending.MAX_TRIES - 1
    assert sum(waits, timedelta()) <= timedelta(hours=2)
