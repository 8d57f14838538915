"""Random contact hours, for the tests of calendars."""

from hypothesis import strategies as st

from billing.calendar import ContactHours
from billing.calendar.hours import DAY_MINUTES, Windows

#: Zones whose clocks jump at midnight, at two, at 22:00 of the day before, and at midnight, once.
JUMPING = ("America/Santiago", "America/Tijuana", "Pacific/Easter", "America/Asuncion")


def clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"


@st.composite
def _texts(draw: st.DrawFn) -> str:
    """Hours in text, each day with its own one or two windows or none, around midnight too."""
    edges = st.one_of(st.integers(0, 150), st.integers(0, DAY_MINUTES))
    parts = []
    for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun"):
        points = sorted(draw(st.lists(edges, max_size=4, unique=True)))
        windows = [
            f"{clock(opens)}-{clock(closes)}"
            for opens, closes in zip(points[::2], points[1::2], strict=False)
        ]
        if windows:
            parts.append(f"{day} {' and '.join(windows)}")
    if not parts:
        parts.append("09:00-19:00")
    regions = draw(st.lists(st.sampled_from(["CO", "AR", "BR-RJ"]), max_size=2, unique=True))
    if regions:
        parts.append(f"no holidays {' '.join(regions)}")
    return ", ".join(parts)


def some_hours() -> st.SearchStrategy[ContactHours]:
    return _texts().map(ContactHours.parse)


def whole_days(windows: Windows) -> set[int]:
    """The minutes of a day at which windows are open."""
    return {minute for opens, closes in windows for minute in range(opens, closes)}
