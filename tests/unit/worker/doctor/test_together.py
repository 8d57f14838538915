"""Many checks at once: in their order, each within its time, none hiding another."""

import threading
import time

from worker.doctor.finding import Finding
from worker.doctor.together import MOST_AT_ONCE, Check, look_together


def fine(name):
    return Check(name, lambda: [Finding(name, ok=True, found="fine")], 5, "mend")


def stuck(name, until, *, within=0.2):
    return Check(name, lambda: [Finding(name, ok=until.wait(30), found="late")], within, "look")


def broken(name):
    def look():
        raise ZeroDivisionError

    return Check(name, look, 5, "mend it")


def test_findings_come_in_the_order_of_the_checks():
    """However many there are."""
    names = [str(number) for number in range(3 * MOST_AT_ONCE)]
    assert [one.what for one in look_together([fine(n) for n in names], within=10)] == names


def test_a_check_that_hangs_is_a_finding_and_holds_nobody_up():
    """More of them than there are hands, in front of those that answer."""
    until = threading.Event()
    hung = [stuck(f"stuck {number}", until) for number in range(MOST_AT_ONCE)]
    begun = time.monotonic()
    found = look_together([*hung, fine("last")], within=10)
    assert time.monotonic() - begun < 8
    until.set()
    assert [one.level for one in found] == ["wrong"] * MOST_AT_ONCE + ["ok"]
    assert found[0].found == "no answer within 0.2 s"
    assert found[0].mend == "look"


def test_all_together_have_an_end():
    """What was not begun by then is said not to have been."""
    until = threading.Event()
    hung = [stuck(f"stuck {number}", until, within=60) for number in range(MOST_AT_ONCE)]
    found = look_together([*hung, fine("last")], within=0.3)
    until.set()
    assert found[-1].what == "last"
    assert "not reached in time" in found[-1].found


def test_a_check_that_stumbles_hides_no_other():
    """It is a finding itself."""
    found = look_together([broken("odd"), fine("even")], within=5)
    assert [(one.what, one.level) for one in found] == [("odd", "wrong"), ("even", "ok")]
    assert "ZeroDivisionError" in found[0].found


def test_nothing_to_look_at():
    """No checks, no findings."""
    assert look_together([], within=1) == []
