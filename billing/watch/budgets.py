"""Budgets that are nearly or wholly spent."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from billing.delivery.budgets import Month, budgets, spent, tell_of_budget
from billing.isps import SetupError
from billing.terms import rules_of
from models.isp import Isp

#: From this share on, in percent, there is little left and still time to decide.
NEARLY = 80


def tell_of_budgets(session: Session, *, now: datetime) -> int:
    """This function will tell operators of budgets that are nearly or wholly spent, once a month.

    Returns:
        How many notices are new.
    """
    known = budgets(session)
    new = 0
    for isp in session.scalars(select(Isp).where(Isp.id.in_(known)).order_by(Isp.id)):
        try:
            month = Month.of(rules_of(isp).calendar, now)
        except SetupError:
            continue  # nothing is sent under a policy that cannot be read
        used, budget = spent(session, isp.id, month), known[isp.id]
        if used * 100 >= budget * NEARLY:
            new += tell_of_budget(
                session, isp.id, month, used, budget, refused=used >= budget, now=now
            )
    return new
