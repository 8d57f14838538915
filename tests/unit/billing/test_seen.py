"""What a long read has met."""

from __future__ import annotations

from billing.seen import Seen


def test_rows_and_others_are_counted_once() -> None:
    """A list that shifts shows the same record on two neighbouring pages."""
    seen = Seen()
    seen.rows([7, 8, 9])
    seen.rows([9, 10])
    seen.others(["a", "b"])
    seen.others(["b", "c"])
    assert (seen.distinct, seen.foreign) == (7, 3)
    assert (8 in seen, 11 in seen) == (True, False)


def test_a_read_goes_on_where_it_stopped() -> None:
    """What was met is kept in a few bytes."""
    seen = Seen()
    seen.rows(range(1, 100_001))
    seen.others(["a"])
    again = Seen(seen.dump(), seen.foreign)
    again.rows([100_000, 100_001])
    assert (again.distinct, max(again)) == (100_002, 100_001)
    assert len(seen.dump()) < 20_000
