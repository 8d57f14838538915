"""A policy in words, and what differs between two."""

import pytest

from billing.policy import DEFAULT_POLICY
from billing.policy_file import read_policy
from billing.policy_words import differences, step_lines, terms

BASE = """\
[[step]]
kind = "due_soon"
anchor = "first_due"
days = -5

[[step]]
kind = "overdue"
anchor = "first_due"
days = 3

[[step]]
kind = "overdue"
anchor = "previous"
days = 7

[[step]]
kind = "paid"
"""


def changes(old, new):
    """Compare BASE with one text replaced by another."""
    assert old in BASE
    return differences(read_policy(BASE), read_policy(BASE.replace(old, new)))


def test_the_steps_are_told_in_order():
    """What happens first, then what a date brings."""
    lines = [(line.kind, line.when) for line in step_lines(read_policy(BASE))]
    assert lines == [
        ("paid", "as it happens"),
        ("due_soon", "5 d before first_due"),
        ("overdue", "3 d after first_due"),
        ("overdue", "7 d after overdue +3d"),
    ]
    assert ("due_today", "on first_due") in [
        (line.kind, line.when) for line in step_lines(DEFAULT_POLICY)
    ]


def test_the_caps_are_told_as_they_hold():
    """The preset's and the ISP's own, the stricter of each."""
    said = terms(read_policy(f'preset = "AR"\n[caps]\nper_week = 2\nper_day = 5\n{BASE}'))
    assert (said["caps.per_day"], said["caps.per_week"]) == ("1", "2")
    assert (said["caps.gap_days"], said["preset"]) == ("none", "AR")


def test_two_that_do_the_same_differ_in_nothing():
    """Comments and the order of keys are no difference."""
    other = BASE.replace('anchor = "first_due"\ndays = -5', 'days = -5\nanchor = "first_due" # x')
    assert differences(read_policy(BASE), read_policy(other)) == ()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("days = -5", "days = -4", ("removed: due_soon 5 d", "added: due_soon 4 d before first")),
        ("days = 3", "days = 4", ("removed: overdue 3", "removed: overdue 7", "added", "added")),
        (
            "days = 3\n",
            'days = 3\nchannels = ["sms", "email"]\n',
            ("changed: overdue 3 d after first_due (every channel, words of overdue, capped → em",),
        ),
        (
            'kind = "paid"\n',
            'kind = "paid"\ncapped = true\n',
            ("changed: paid as it happens (every channel, words of paid, not capped → every ch",),
        ),
        (
            "days = 3\n",
            'days = 3\ntemplate = "issued"\n',
            ("changed: overdue 3 d after first_due (every channel, words of overdue, capped → ev",),
        ),
    ],
)
def test_a_step_that_differs_is_told(old, new, said):
    """Removed, added or changed, in the words of the table."""
    found = changes(old, new)
    assert len(found) == len(said), found
    for line, begin in zip(found, said, strict=True):
        assert line.startswith(begin)


@pytest.mark.parametrize(
    ("head", "line"),
    [
        ('timezone = "America/Lima"', "timezone: the ISP's → America/Lima"),
        ('hours = "10:00-12:00"', "hours: the ISP's → 10:00-12:00"),
        ("minimum_amount = 500", "minimum_amount: the ISP's → 500"),
        ("digest_from = 0", "digest_from: 2 → never"),
        ("catch_up_days = 3", "catch_up_days: 7 → 3"),
        ("overdue_gap_hours = 72", "overdue_gap_hours: 48 → 72"),
        ("caps.gap_days = 2", "caps.gap_days: none → 2"),
        ('preset = "MX"', "preset: none → MX"),
    ],
)
def test_a_term_that_differs_is_told(head, line):
    """From what to what."""
    assert differences(read_policy(BASE), read_policy(f"{head}\n{BASE}")) == (line,)


def test_another_order_is_told():
    """Of two steps that fall on one instant the later one goes."""
    steps = [f"[[step]]{one}" for one in BASE.split("[[step]]")[1:3]]
    one, other = (read_policy("".join(order)) for order in (steps, steps[::-1]))
    (line,) = differences(one, other)
    assert line.startswith("the order of the steps")
