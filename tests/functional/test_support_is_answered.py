"""Support is answered while the daemon reads all of another ISP; how fast, `make bench-support`."""

from __future__ import annotations

from pathlib import Path

from tests.benchmarks.phone import SMALL, ringing
from tests.benchmarks.population import Population
from tests.benchmarks.support import commands
from tests.benchmarks.world import Databases

#: At one request a second it takes two minutes to read; nobody waits for its end.
LARGE = Population(invoices=10_000, accounts=1_000, open_invoices=300)
#: What only reads waits for nobody.
CHANGING = ("resync", "hold", "resend", "channels")


def test_whatever_support_asks_is_answered_while_another_isp_is_read(tmp_path: Path) -> None:
    """Each command ends well, and the look at the large ISP is still the same one."""
    both = Databases(tmp_path, None)
    with ringing(tmp_path, both, "sqlite", LARGE, rate=1.0) as phone:
        tried = phone.say("channels", "test", SMALL, phone.client, "1")
        assert tried.code == 0, tried.text
        asked = commands(phone, phone.fail_last_delivery())
        for words in (one for one in asked if one[0] in CHANGING):
            answered = phone.say(*words)
            assert answered.code == 0, answered.text
            assert answered.meanwhile, words
        shown = phone.say("audit", SMALL, phone.client)
    assert all(word in shown.text for word in CHANGING)
