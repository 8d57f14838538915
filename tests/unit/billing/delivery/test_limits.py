"""Limits as operators write them, and what follows from them."""

from __future__ import annotations

import pytest

from billing.delivery.limits import (
    DEFAULTS,
    LimitsError,
    ProviderLimits,
    Quota,
    limits_for,
    read_limits,
)


def test_every_default_can_be_read():
    """Telegram 30 a second and 1 a second to one chat, e-mail 60 a minute (product.md, 6)."""
    assert all(read_limits(text).account for text in DEFAULTS.values())
    telegram = limits_for("telegram", None)
    assert (round(1 / telegram.gap), telegram.recipient_gap, telegram.counted) == (30, 1, ())
    assert limits_for("email", None).counted == (Quota(60, 60),)
    assert limits_for("json", None) == ProviderLimits()


def test_the_operators_word_takes_the_place_of_the_default():
    """Also to switch it off."""
    assert limits_for("email", "none") == ProviderLimits()
    assert limits_for("email", "5 per second; 1000/hour").gap == pytest.approx(0.2)


def test_a_day_is_spread_over_its_hours():
    """No hour takes more than a fifth, so that the evening has something left."""
    assert read_limits("2000/day").counted == (Quota(3600, 400), Quota(86_400, 2000))


@pytest.mark.parametrize(
    "text", ["", "many", "0/second", "30/fortnight", "30/second;;", "recipient 10/hour", "-1/day"]
)
def test_what_cannot_be_read_is_refused_with_the_form(text: str):
    """One line, and the old limits stay."""
    with pytest.raises(LimitsError, match=r"recipient 1/second|limits cannot be read"):
        read_limits(text)
