"""Foretell the next days of an ISP under one policy or several; nothing is written or sent."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from billing.calendar import contacts_since
from billing.delivery.budgets import budget_now
from billing.isps import find_isp
from billing.policy import Policy
from billing.simulation.course import Simulator
from billing.simulation.forecast import Forecast, forecast
from billing.simulation.reading import count_accounts, read_accounts
from billing.simulation.tally import Tally
from billing.terms import calendar_under, policy_of
from billing.values import AlertKind
from billing.wanted import NO_REPEAT_FOR
from models.database import Database
from models.isp import Isp

#: A year of dates: beyond the last step of any invoice.
MOST_DAYS = 366


def simulate(
    database: Database,
    slug: str,
    policies: Sequence[Policy | None],
    *,
    now: datetime,
    days: int,
    segments: Callable[[AlertKind], int] | None = None,
    price: Decimal | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[Forecast]:
    """This function will foretell what an ISP sends, under each of some policies.

    Rows are read once, a page of accounts at a time, whatever the number of policies.

    Args:
        database: reads.
        slug: the ISP.
        policies: None = the one in force. Under another one every open invoice is decided anew at
            `now`, as when it is put in force.
        now: the present.
        days: dates from today on, 1 to `MOST_DAYS`.
        segments: how many SMS segments a message of a kind takes; None = one.
        price: of one SMS segment; None = unknown.
        progress: is told how many accounts are done, of how many.

    Returns:
        A forecast for each policy, in the same order.

    Raises:
        SetupError: if the ISP is unknown.
        ValueError: if the number of days is out of range.
    """
    if not 1 <= days <= MOST_DAYS:
        raise ValueError(f"--days: 1 to {MOST_DAYS}, got {days}")
    with database.read() as session:
        isp = find_isp(session, slug)
        total = count_accounts(session, isp.id)
        budget = budget_now(session, isp, now=now)
    simulators = [_simulator(isp, policy, now=now, days=days) for policy in policies]
    since = min(
        [contacts_since(one.policy.all_caps, one.calendar, now=now) for one in simulators],
        default=now,
    )
    done = 0
    for page in read_accounts(database, isp.id, since=min(since, now - NO_REPEAT_FOR)):
        for simulator in simulators:
            for account in page:
                simulator.take(account)
        done += len(page)
        if progress is not None:
            progress(done, max(total, done))
    for simulator in simulators:
        simulator.finish()
    return [
        forecast(
            one.tally,
            isp=slug,
            currency=isp.currency,
            calendar=one.calendar,
            now=now,
            days=days,
            segments=segments,
            price=price,
            budget=budget.segments,
            spent=budget.spent,
        )
        for one in simulators
    ]


def _simulator(isp: Isp, given: Policy | None, *, now: datetime, days: int) -> Simulator:
    in_force = policy_of(isp)
    policy = in_force if given is None else given
    calendar = calendar_under(policy, isp)
    end = calendar.start_of(calendar.today(now) + timedelta(days=days))
    return Simulator(
        policy=policy,
        calendar=calendar,
        minimum=isp.minimum_amount if policy.minimum is None else policy.minimum,
        start=now,
        end=end,
        anew=policy != in_force,
        tally=Tally(calendar.zone),
    )
