"""Lay a policy on many invoices; those with the same dates share their steps. Pure."""

from __future__ import annotations

from datetime import date, datetime

from billing.calendar import Calendar, ContactHours
from billing.policy import Occurrence, Policy, occurrences
from billing.values import InvoiceFacts

#: So many different ones are remembered.
_MOST_LAID = 20_000


class Laying:
    """The steps of one policy on invoices, each combination of dates worked out once.

    The invoices of one billing run have the same dates, and were seen at the same time.

    Args:
        policy: whose steps.
        calendar: of the ISP under this policy.
    """

    def __init__(self, policy: Policy, calendar: Calendar) -> None:
        self._policy = policy
        self._calendar = calendar
        self._calendars: dict[str, Calendar] = {}
        self._laid: dict[tuple[object, ...], tuple[Occurrence, ...]] = {}

    def calendar_of(self, hours: str | None) -> Calendar:
        """Return the calendar of a customer, who may have narrower hours; None = the ISP's."""
        if hours is None:
            return self._calendar
        found = self._calendars.get(hours)
        if found is None:
            found = self._calendars[hours] = self._calendar.within(ContactHours.parse(hours))
        return found

    def steps_of(
        self,
        facts: InvoiceFacts,
        hours: str | None,
        *,
        first_seen_at: datetime,
        baseline: bool,
        alerted_on: date | None,
    ) -> tuple[Occurrence, ...]:
        """Return the steps of an invoice, as `billing.policy.occurrences` lays them.

        Args:
            facts: the invoice; only its dates matter.
            hours: of the customer, as text; None = the ISP's.
            first_seen_at: when we saw it first.
            baseline: that was the account's silent first look.
            alerted_on: since when its contract is `alerted`, while it is.
        """
        key = (
            *(facts.issued_date, facts.first_due_date, facts.second_due_date),
            *(first_seen_at, baseline, alerted_on, hours),
        )
        found = self._laid.get(key)
        if found is None:
            if len(self._laid) >= _MOST_LAID:
                self._laid.clear()
            found = self._laid[key] = occurrences(
                facts,
                self._policy,
                self.calendar_of(hours),
                first_seen_at=first_seen_at,
                baseline=baseline,
                alerted_on=alerted_on,
            )
        return found
