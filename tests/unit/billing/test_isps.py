"""Setting an ISP up."""

from dataclasses import replace

from billing.isps import IspSetup

GOOD = IspSetup(
    slug="interatos",
    name="Interatos",
    base_url="https://www.cloud.wispro.co/api/v1",
    token="a-token-of-some-length",
)


def test_hours_that_the_table_cannot_hold_are_refused_before_they_are_written():
    """PostgreSQL would refuse the row, SQLite would not: the operator hears it from us, on both."""
    assert GOOD.problems() == []
    long = ", ".join(
        f"{day} " + " and ".join(f"{hour:02}:00-{hour:02}:30" for hour in range(24))
        for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
    )
    found = replace(GOOD, contact_hours=long).problems()
    assert len(found) == 1
    assert found[0].startswith("--contact-hours: at most ")
