"""How long the evidence of a send is kept, by the policy's country."""

from __future__ import annotations

from dataclasses import replace

import pytest

from billing.calendar import PRESETS
from billing.policy import DEFAULT_POLICY
from billing.proof import keep_until
from tests.unit.billing.facts import CORDOBA, local


@pytest.mark.parametrize(
    ("sent", "kept_until"),
    [
        ("2026-03-10 12:00", "2028-03-11 00:00"),
        ("2026-03-10 23:59", "2028-03-11 00:00"),
        ("2026-12-31 09:00", "2029-01-01 00:00"),
        ("2028-02-29 09:00", "2030-03-02 00:00"),
    ],
)
def test_chile_keeps_two_years_and_the_day(sent: str, kept_until: str) -> None:
    """The whole anniversary is kept, in the ISP's zone; of a leap day it is the 1st of March."""
    policy = replace(DEFAULT_POLICY, preset=PRESETS["CL"])
    assert keep_until(policy, local(sent), CORDOBA) == local(kept_until)


def test_without_a_rule_nobody_says_how_long() -> None:
    """No preset, or one whose country names no time."""
    sent = local("2026-03-10 12:00")
    assert keep_until(DEFAULT_POLICY, sent, CORDOBA) is None
    for code, found in PRESETS.items():
        kept = keep_until(replace(DEFAULT_POLICY, preset=found), sent, CORDOBA)
        assert (kept is None) == (found.keep_years is None), code
