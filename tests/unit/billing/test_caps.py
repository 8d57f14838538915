"""How often somebody may be contacted about a debt."""

import itertools
from datetime import date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.calendar import Calendar, Caps, Contact, contacts_since, preset, refusal
from billing.values import Reason
from tests.unit.billing.facts import CORDOBA, local
from tests.unit.billing.hours import JUMPING

EMAIL, TELEGRAM = 1, 2
#: A Wednesday.
NOW = local("2026-11-18 10:00")


def sent(wall, alert="old", channel=EMAIL):
    return Contact(local(wall), alert, channel)


def asked(caps, *contacts, alert="new", channel=EMAIL, now=NOW, calendar=CORDOBA):
    return refusal(caps, contacts, calendar, alert_key=alert, channel_key=channel, now=now)


@pytest.mark.parametrize(
    ("caps", "contacts", "reason", "until"),
    [
        (Caps(), [sent("2026-11-18 09:00")], None, None),
        (Caps(per_day=1), [], None, None),
        (Caps(per_day=1), [sent("2026-11-17 18:59")], None, None),
        (Caps(per_day=1), [sent("2026-11-18 00:00")], Reason.CAP_DAY, "2026-11-19 09:00"),
        (Caps(per_day=2), [sent("2026-11-18 09:00")], None, None),
        (
            Caps(per_day=2),
            [sent("2026-11-18 09:00", "a"), sent("2026-11-18 09:30", "b")],
            Reason.CAP_DAY,
            "2026-11-19 09:00",
        ),
        # Monday and Tuesday: the third of the week waits until Monday is a week old
        (
            Caps(per_week=2),
            [sent("2026-11-16 09:00", "a"), sent("2026-11-17 09:00", "b")],
            Reason.CAP_WEEK,
            "2026-11-23 09:00",
        ),
        # the week rolls: the Thursday before counts still, the Wednesday before no longer
        (Caps(per_week=1), [sent("2026-11-12 00:00")], Reason.CAP_WEEK, "2026-11-19 09:00"),
        (Caps(per_week=1), [sent("2026-11-11 23:59")], None, None),
        (Caps(gap_days=2), [sent("2026-11-17 18:59")], Reason.CAP_WEEK, "2026-11-19 09:00"),
        (Caps(gap_days=2), [sent("2026-11-16 18:59")], None, None),
        (Caps(gap_days=10), [sent("2026-11-09 09:00")], Reason.CAP_WEEK, "2026-11-19 09:00"),
        (Caps(gap_days=10), [sent("2026-11-08 09:00")], None, None),
        (
            Caps(channels_per_week=1),
            [sent("2026-11-16 09:00", channel=TELEGRAM)],
            Reason.CAP_WEEK,
            "2026-11-23 09:00",
        ),
        (Caps(channels_per_week=1), [sent("2026-11-16 09:00")], None, None),
        (Caps(channels_per_week=2), [sent("2026-11-16 09:00", channel=TELEGRAM)], None, None),
        (Caps(channels_per_week=1), [sent("2026-11-11 09:00", channel=TELEGRAM)], None, None),
        # of two caps in the way the day's is told, and the later end counts
        (
            Caps(per_day=1, per_week=1),
            [sent("2026-11-18 09:00")],
            Reason.CAP_DAY,
            "2026-11-25 09:00",
        ),
    ],
)
def test_each_cap_at_its_edge(caps, contacts, reason, until):
    """One contact less or a day later and it goes; else it is told when it may."""
    found = asked(caps, *contacts)
    assert (found.reason if found else None) is reason
    assert (found.until if found else None) == (local(until) if until else None)


def test_one_alert_on_two_channels_is_one_contact():
    """A customer with e-mail and Telegram gets both on the day, although one a day is the cap."""
    caps = Caps(per_day=1, per_week=1, gap_days=2)
    first = sent("2026-11-18 09:59", "new", EMAIL)
    assert asked(caps, first, channel=TELEGRAM) is None


def test_the_same_alert_on_the_next_day_is_another_contact():
    """The second channel came through a day later: that is a second message about the debt."""
    found = asked(Caps(gap_days=2), sent("2026-11-17 18:00", "new"), channel=TELEGRAM)
    assert found is not None
    assert found.reason is Reason.CAP_WEEK


def test_one_channel_a_week_binds_the_channels_of_one_alert_too():
    """Ley 2300: once on e-mail, Telegram stays silent that week, even for the same alert."""
    caps = preset("CO").caps
    first = sent("2026-11-18 09:59", "new", EMAIL)
    found = asked(caps, first, channel=TELEGRAM)
    assert found is not None
    assert found.reason is Reason.CAP_WEEK
    assert asked(caps, first, channel=EMAIL) is None


def test_an_evening_in_utc_is_still_the_same_day_on_the_wall():
    """22:30 UTC-3 is the next day in UTC: a second alert that evening is a second one that day."""
    late = Calendar.of("America/Argentina/Cordoba", "00:00-24:00")
    found = asked(
        Caps(per_day=1), sent("2026-11-18 10:00"), now=local("2026-11-18 22:30"), calendar=late
    )
    assert found is not None
    assert found.until == local("2026-11-19 00:00")


def test_the_next_time_is_one_at_which_it_is_open():
    """The cap ends on Sunday; the law of Argentina's preset opens on Tuesday, after a holiday."""
    calendar = Calendar.of("America/Argentina/Cordoba", preset("AR").hours)
    now = local("2026-11-21 10:00")  # Saturday; Monday 23 November is a holiday
    found = asked(Caps(per_day=1), sent("2026-11-21 09:00"), now=now, calendar=calendar)
    assert found is not None
    assert found.until == local("2026-11-24 09:00")


def test_where_nothing_opens_there_is_no_next_time():
    """Caps and hours together leave nothing: the caller ends the alert."""
    never = Calendar.of("America/Argentina/Cordoba", "09:00-19:00").within(
        preset("CO").hours & preset("custom").hours
    )
    assert never.next_open(NOW) is not None
    shut = never.within(type(never.hours)(((),) * 7))
    found = asked(Caps(per_day=1), sent("2026-11-18 09:00"), calendar=shut)
    assert found is not None
    assert found.until is None


@pytest.mark.parametrize("name", ["per_day", "per_week", "gap_days", "channels_per_week"])
def test_a_cap_of_nothing_is_refused(name):
    """Zero would mean never; that is what pausing an account is for."""
    with pytest.raises(ValueError, match=f"{name} is 1 or more"):
        Caps(**{name: 0})


def test_strictest_wins_limit_by_limit():
    """The law's gap and the ISP's day, whichever is stricter; no limit takes nothing away."""
    law, isp = Caps(per_week=2, gap_days=2), Caps(per_day=1, per_week=3, gap_days=1)
    assert law & isp == isp & law == Caps(per_day=1, per_week=2, gap_days=2)
    assert law & Caps() == law
    assert not Caps()
    assert Caps(per_day=9)


_LIMIT = st.none() | st.integers(1, 4)
_CAPS = st.builds(Caps, per_day=_LIMIT, per_week=_LIMIT, gap_days=_LIMIT, channels_per_week=_LIMIT)


@given(
    _CAPS,
    st.sampled_from(JUMPING),
    st.lists(
        st.tuples(st.integers(0, 30 * 3600), st.integers(1, 6), st.integers(1, 3)),
        max_size=40,
    ),
)
def test_no_series_of_sends_ever_breaks_a_cap(caps, zone, wishes):
    """Whatever is wished for and when: no day and no seven days hold more than the caps allow.

    Through the changes of the clocks, with alerts on several channels; and a wish that was refused
    is granted at the instant that was told, not a day earlier.
    """
    calendar = Calendar.of(zone, "00:00-24:00")
    now = datetime.fromisoformat("2026-09-01T12:00:00+00:00")
    sends: list[Contact] = []
    for seconds, alert, channel in wishes:
        now += timedelta(seconds=seconds)
        since = contacts_since(caps, calendar, now=now)
        recent = [one for one in sends if one.at >= since]
        wish = {"alert_key": alert, "channel_key": channel}
        found = refusal(caps, recent, calendar, now=now, **wish)
        assert found == refusal(caps, sends, calendar, now=now, **wish)
        if found is None:
            sends.append(Contact(now, alert, channel))
        else:
            assert found.until is not None
            assert refusal(caps, sends, calendar, now=found.until, **wish) is None
            eve = found.until - timedelta.resolution
            assert refusal(caps, sends, calendar, now=max(eve, now), **wish) is not None
    _assert_kept(caps, calendar, sends)


def _assert_kept(caps: Caps, calendar: Calendar, sends: list[Contact]) -> None:
    """Count by hand, with other means than the code."""
    contacts = sorted({(calendar.today(one.at), one.alert_key) for one in sends})
    dates: list[date] = [on for on, _ in contacts]
    for on in set(dates):
        assert caps.per_day is None or dates.count(on) <= caps.per_day
        week = [on + timedelta(days=more) for more in range(7)]
        assert caps.per_week is None or sum(one in week for one in dates) <= caps.per_week
        channels = {one.channel_key for one in sends if calendar.today(one.at) in week}
        assert caps.channels_per_week is None or len(channels) <= caps.channels_per_week
    if caps.gap_days is not None:
        apart = [later - earlier for earlier, later in itertools.pairwise(dates)]
        assert all(gap >= timedelta(days=caps.gap_days) for gap in apart)
