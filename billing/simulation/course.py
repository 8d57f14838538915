"""One account through its days: plan what is due, ask the gate, send, wait, until the end. Pure.

It does to values what `billing.planning` and `billing.delivery` do to rows, in the same order and
by the same functions: what may come due, what overtakes what, what joins in one message, which cap
holds. The clock stands only at instants at which something can happen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal

from billing import digest, gate, greeting
from billing.calendar import Calendar, Contact
from billing.held import strictest
from billing.laying import Laying
from billing.policy import PLAINLY, Manner, Occurrence, Policy, Step, due
from billing.simulation.present import AccountNow, ChannelNow, InvoiceNow, PlannedNow, StepKey
from billing.simulation.tally import Tally
from billing.values import AlertKind, InvoiceFacts, InvoiceState, Reason
from billing.wanted import (
    NO_REPEAT_FOR,
    first_slot,
    is_capped,
    off_channel,
    refused,
    stands,
    unwanted,
)

#: Whatever waits for less would let the clock stand still.
_LEAST_STEP = timedelta(minutes=1)
#: Accounts that differ in nothing that matters go the same way: so many ways are gathered first.
_MOST_WAYS = 4_000


@dataclass(slots=True, eq=False)
class _Invoice:
    """One invoice on its way."""

    now: InvoiceNow
    payable: Decimal
    laid: tuple[Occurrence, ...]
    plan_at: datetime | None
    steps_until: datetime | None
    known: set[StepKey]


@dataclass(slots=True, eq=False)
class _Waiting:
    """One delivery that waits; `key` is of its alert: ours are negative, rows have the others."""

    key: int
    invoice: _Invoice | None
    channel: ChannelNow
    kind: AlertKind
    anchor: str
    anchor_date: date
    step: str
    due_at: datetime
    until: datetime | None
    not_before: datetime
    capped: bool
    stands: bool
    refused: Reason | None = None


@dataclass(frozen=True, slots=True)
class StepTerms:
    """What holds for every alert of one step of the policy."""

    name: str
    manner: Manner
    capped: bool


@dataclass(slots=True)
class Simulator:
    """The days of accounts under one policy.

    Args:
        policy: whose steps, caps and words of joining.
        calendar: of the ISP under this policy.
        minimum: least amount that is asked for, in the ISP's currency.
        start: the present.
        end: nothing at or after this instant is looked at.
        anew: the policy is not the one in force: every open invoice is decided anew at the start,
            as when it is put in force.
        tally: what is counted.
    """

    policy: Policy
    calendar: Calendar
    minimum: Decimal
    start: datetime
    end: datetime
    anew: bool
    tally: Tally
    _laying: Laying = field(init=False)
    _terms: dict[int, StepTerms] = field(default_factory=dict)
    _ways: dict[tuple[object, ...], tuple[AccountNow, int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._laying = Laying(self.policy, self.calendar)

    def take(self, account: AccountNow) -> None:
        """This function will count what one account would get; some wait for `finish`."""
        way = way_of(self, account)
        if way is None:
            self._go(account, 1)
            return
        first, number = self._ways.get(way, (account, 0))
        self._ways[way] = (first, number + 1)
        if len(self._ways) >= _MOST_WAYS:
            self.finish()

    def finish(self) -> None:
        """This function will count what was gathered."""
        for account, number in self._ways.values():
            self._go(account, number)
        self._ways.clear()

    def _go(self, account: AccountNow, number: int) -> None:
        self.tally.weight = number
        _Course(self, account).run()

    def terms_of(self, step: Step) -> StepTerms:
        """Return what holds for every alert of a step."""
        found = self._terms.get(id(step))  # the policy keeps its steps alive
        if found is None:
            name = step.name
            found = self._terms[id(step)] = StepTerms(
                name=name,
                manner=self.policy.manner_of(step.kind, name) or PLAINLY,
                capped=bool(self.policy.all_caps) and is_capped(self.policy, step.kind, name),
            )
        return found

    def calendar_of(self, account: AccountNow) -> Calendar:
        """Return the calendar of an account, who may have narrower hours of its own."""
        return self._laying.calendar_of(account.hours)

    def lay(self, invoice: InvoiceNow, hours: str | None) -> tuple[Occurrence, ...]:
        """Return the steps of one invoice; equal dates share them."""
        return self._laying.steps_of(
            invoice.facts,
            hours,
            first_seen_at=invoice.first_seen_at,
            baseline=invoice.baseline,
            alerted_on=invoice.alerted_on,
        )


class _Course:
    """One account from the start to the end."""

    def __init__(self, simulator: Simulator, account: AccountNow) -> None:
        self.by = simulator
        self.account = account
        self.policy = simulator.policy
        self.tally = simulator.tally
        self.calendar = simulator.calendar_of(account)
        self.caps = self.policy.all_caps
        self.channels = [one for one in account.channels if one.enabled]
        self.invoices = [self._on_its_way(one) for one in account.invoices]
        self.owed = sum((one.payable for one in self.invoices), Decimal(0))
        self.carriers: dict[int, int] = {}
        self.contacts = [
            contact
            for kind, step, contact in account.contacts
            if is_capped(self.policy, kind, step)
        ]
        self.waiting = self._planned(account.planned)
        self.alerts = 0
        self.reached = False

    def run(self) -> None:
        now = self.by.start
        while now < self.by.end:
            self._plan(now)
            self._deliver(now)
            instants = [one.plan_at for one in self.invoices if one.plan_at is not None]
            instants += [one.not_before for one in self.waiting]
            if not instants:
                break
            soonest = min(instants)
            now = soonest if soonest > now else now + _LEAST_STEP
        self.tally.accounts += self.tally.weight
        self.tally.reached += self.reached * self.tally.weight

    # -- the beginning --------------------------------------------------------------------------

    def _on_its_way(self, one: InvoiceNow) -> _Invoice:
        owing = one.facts.state is InvoiceState.PENDING and not one.vanished
        return _Invoice(
            now=one,
            payable=Decimal(0) if one.vanished else one.facts.payable,
            laid=self.by.lay(one, self.account.hours) if owing else (),
            plan_at=(self.by.start if self.by.anew else one.plan_at) if owing else None,
            steps_until=one.steps_until,
            known=set(one.known),
        )

    def _planned(self, planned: Sequence[PlannedNow]) -> list[_Waiting]:
        channels = {one.id: one for one in self.account.channels}
        invoices = {one.now.id: one for one in self.invoices}
        found: list[_Waiting] = []
        for one in planned:
            invoice = None if one.invoice_id is None else invoices.get(one.invoice_id)
            if one.channel_id not in channels or (one.invoice_id is not None and invoice is None):
                continue
            still = invoice is None or stands(
                one.kind,
                anchor=one.anchor,
                anchor_date=one.anchor_date,
                step=one.step,
                facts=invoice.now.facts,
                laid=invoice.laid,
            )
            found.append(
                _Waiting(
                    key=one.alert_id,
                    invoice=invoice,
                    channel=channels[one.channel_id],
                    kind=one.kind,
                    anchor=one.anchor,
                    anchor_date=one.anchor_date,
                    step=one.step,
                    due_at=one.due_at,
                    until=one.useful_until,
                    not_before=one.not_before,
                    capped=bool(self.caps) and is_capped(self.policy, one.kind, one.step),
                    stands=still,
                    refused=refused(
                        self.policy,
                        self.account.steps_off,
                        kind=one.kind,
                        anchor=one.anchor,
                        step=one.step,
                        medium=channels[one.channel_id].medium,
                        scheme=channels[one.channel_id].scheme,
                    ),
                )
            )
        return found

    # -- planning: as billing.due_steps.take_due_steps ------------------------------------------

    def _plan(self, now: datetime) -> None:
        asked = [one for one in self.invoices if one.plan_at is not None and one.plan_at <= now]
        if len(asked) > 1:
            asked.sort(key=lambda one: (one.plan_at or now, one.now.id))
        for invoice in asked:
            found = due(invoice.laid, after=invoice.steps_until, now=now)
            invoice.plan_at = found.next_at
            if invoice.payable <= 0:
                continue
            invoice.steps_until = now
            for item in found.missed:
                self._owe(invoice, item, now, skipped=item.blocked or Reason.MISSED)
            if found.now is not None:
                self._take(invoice, found.now, now)

    def _take(self, invoice: _Invoice, item: Occurrence, now: datetime) -> None:
        step = item.step
        name = self.by.terms_of(step).name
        if self.waiting and self._unwanted(step.kind, name) is None:
            self._supersede(invoice, item, now)
        repeated = any(
            kind == step.kind.value
            and step_name == name
            and day != item.anchor_date
            and at > now - NO_REPEAT_FOR
            for (kind, day, step_name), at in invoice.now.sent
        )
        self._owe(invoice, item, now, skipped=Reason.SUPERSEDED if repeated else None)

    def _unwanted(self, kind: AlertKind, name: str) -> Reason | None:
        # What the policy's own steps make is in the policy.
        off = self.account.steps_off
        return unwanted(self.policy, off, kind, name) if off else None

    def _supersede(self, invoice: _Invoice, item: Occurrence, now: datetime) -> None:
        same = (item.step.kind, item.anchor_date, item.step.name)
        for one in [one for one in self.waiting if one.invoice is invoice]:
            if one.kind.asks_to_pay and (one.kind, one.anchor_date, one.step) != same:
                self._end(one, Reason.SUPERSEDED, now)

    def _owe(
        self, invoice: _Invoice, item: Occurrence, now: datetime, *, skipped: Reason | None
    ) -> None:
        step = item.step
        terms = self.by.terms_of(step)
        key = (step.kind.value, item.anchor_date, terms.name)
        if key in invoice.known:
            return
        invoice.known.add(key)
        goes_at, closed = first_slot(
            self.calendar, soonest=max(item.at, now), useful_until=item.until
        )
        skipped = skipped or closed or self._unwanted(step.kind, terms.name)
        self.alerts += 1
        for channel in self.channels:
            why = skipped or off_channel(terms.manner, medium=channel.medium, scheme=channel.scheme)
            if why is not None:
                self.tally.skip(now, step.kind, why)
                continue
            self.waiting.append(
                _Waiting(
                    key=-self.alerts,
                    invoice=invoice,
                    channel=channel,
                    kind=step.kind,
                    anchor=step.anchor.value,
                    anchor_date=item.anchor_date,
                    step=terms.name,
                    due_at=item.at,
                    until=item.until,
                    not_before=goes_at,
                    capped=terms.capped,
                    stands=True,
                )
            )

    # -- delivering: as billing.delivery and billing.sending ------------------------------------

    def _deliver(self, now: datetime) -> None:
        groups: dict[int, list[_Waiting]] = {}
        for one in self.waiting:  # in the order of their places
            if one.not_before <= now:
                groups.setdefault(one.channel.id, []).append(one)
        if len(groups) > 1:  # of several channels the first goes first
            places = {one.id: place for place, one in enumerate(self.account.channels)}
            groups = dict(sorted(groups.items(), key=lambda item: places[item[0]]))
        for group in groups.values():
            together: list[_Waiting] = []
            for one in group:
                verdict = self._judge(one, now)
                if not isinstance(verdict, gate.Go):
                    self._obey(one, verdict, now)
                elif one.invoice is not None and one.kind.asks_to_pay and not verdict.covered:
                    together.append(one)
                else:
                    self._send([one], one.kind, now)
            self._send_all(together, now)

    def _send_all(self, together: list[_Waiting], now: datetime) -> None:
        """Send what may go in one message as one, or one after the other."""
        about = {one.invoice.now.id for one in together if one.invoice is not None}
        if len(about) >= 2 and 0 < self.policy.digest_from <= len(about):
            self._send(together, AlertKind.DIGEST, now)
            return
        for place, one in enumerate(together):
            verdict = self._judge(one, now) if place else gate.Go()
            if isinstance(verdict, gate.Go):
                self._send([one], one.kind, now)
            else:
                self._obey(one, verdict, now)

    def _send(self, several: Sequence[_Waiting], kind: AlertKind, now: datetime) -> None:
        several = sorted(several, key=lambda one: not one.capped)  # a reminder carries the others
        first = several[0]
        if not first.channel.reachable:
            for one in several:
                self._end(one, Reason.NO_TRANSPORT, now)
            return
        verdict = gate.capped(self._limits(first), self.calendar, now=now, useful_until=first.until)
        if verdict is not None:
            for one in several:
                self._obey(one, verdict, now)
            return
        for one in several:
            self.waiting.remove(one)
        for one in several[1:]:
            self.carriers[one.key] = first.key  # the same contact on the next channel too
        if first.capped:
            self.contacts.append(Contact(now, first.key, first.channel.id))
        self.tally.send(now, first.channel.scheme, first.channel.medium, kind)
        if len(several) > 1:
            self.tally.join(now, len(several) - 1)
        self.reached = True

    def _obey(self, one: _Waiting, verdict: gate.Verdict, now: datetime) -> None:
        match verdict:
            case gate.Wait(until=until, reason=reason):
                self.tally.wait(now, one.kind, reason)
                one.not_before = until
            case gate.End(reason=reason):
                self._end(one, reason, now)
            case _:
                self._end(one, Reason.STALE_DATA, now)

    def _end(self, one: _Waiting, reason: Reason, now: datetime) -> None:
        self.waiting.remove(one)
        self.tally.skip(now, one.kind, reason)

    def _limits(self, one: _Waiting) -> gate.Limits | None:
        if not one.capped:
            return None
        return gate.Limits(
            caps=self.caps,
            contacts=self.contacts,
            alert_key=self.carriers.get(one.key, one.key),
            channel_key=one.channel.id,
        )

    def _judge(self, one: _Waiting, now: datetime) -> gate.Verdict:
        invoice = one.invoice
        if one.kind.about_channel:
            return greeting.decide(self._about_channel(one), now=now)
        if invoice is None:
            return digest.decide(self._old_debts(one, now), now=now)
        holds = (*self.account.holds, *invoice.now.holds)
        case = gate.Case(
            kind=one.kind,
            due_at=one.due_at,
            useful_until=one.until,
            invoice=invoice.now.facts,
            vanished=invoice.now.vanished,
            checked_at=now,
            owed=self.owed,
            minimum=self.by.minimum,
            paired=True,
            channel_enabled=one.channel.enabled,
            calendar=self.calendar,
            laid=invoice.laid,
            stands=one.stands,
            step=one.step,
            unwanted=one.refused,
            suspended=invoice.now.suspended,
            hold=strictest(holds, self.calendar, now=now) if holds else None,
            limits=self._limits(one),
        )
        return gate.decide(case, now=now)

    def _about_channel(self, one: _Waiting) -> greeting.Case:
        return greeting.Case(
            kind=one.kind,
            useful_until=one.until,
            owed=None,
            minimum=self.by.minimum,
            paired=True,
            channel_enabled=one.channel.enabled,
            calendar=self.calendar,
            unwanted=unwanted(self.policy, (), one.kind, one.step),
        )

    def _old_debts(self, one: _Waiting, now: datetime) -> digest.Case:
        before = self.calendar.today(one.due_at)
        debts = [
            invoice.now.facts
            for invoice in self.invoices
            if invoice.now.baseline
            and invoice.payable > 0
            and (invoice.now.facts.first_due_date or date.max) < before
        ]
        debts.sort(key=_oldest_first)
        return digest.Case(
            debts=debts,
            confirmed={facts.wispro_id: now for facts in debts},
            balance_at=now,
            owed=self.owed,
            minimum=self.by.minimum,
            paired=True,
            channel_enabled=one.channel.enabled,
            calendar=self.calendar,
            hold=strictest(self.account.holds, self.calendar, now=now),
            limits=self._limits(one),
        )


def way_of(simulator: Simulator, account: AccountNow) -> tuple[object, ...] | None:
    """This function will name all that decides how an account's days go.

    Amounts count only against the minimum, what was decided only by how many steps it was, and of
    a contact its date, which alert it was and over which channel.

    Returns:
        Equal values for accounts that get the same at the same time; None for one that is not
        compared: it has something planned, or something of it left under another date.
    """
    if account.planned or any(one.sent for one in account.invoices if _moved(one)):
        return None
    calendar = simulator.calendar_of(account)
    start, minimum = simulator.start, simulator.minimum
    owed = Decimal(0)
    invoices: list[object] = []
    for one in account.invoices:
        payable = Decimal(0) if one.vanished else one.facts.payable
        owed += payable
        if one.plan_at is None and not simulator.anew:
            continue
        laid = simulator.lay(one, account.hours)
        invoices.append(
            (
                *(one.facts.state, one.vanished, one.suspended, payable > 0, payable < minimum),
                *(laid, one.steps_until and sum(item.at <= one.steps_until for item in laid)),
                *(one.plan_at and max(one.plan_at, start), one.known, one.holds),
            )
        )
    channels = [one for one in account.channels if one.enabled]
    return (
        *(account.hours, account.steps_off, account.holds, owed <= 0, owed < minimum),
        tuple((one.scheme, one.medium, one.reachable) for one in channels),
        tuple(invoices),
        _contacts(simulator, account, calendar, channels),
    )


def _moved(one: InvoiceNow) -> bool:
    """Whether a step of it left that is counted from another date than the present one."""
    dates = {one.facts.first_due_date, one.facts.second_due_date, one.facts.issued_date}
    return any(key[1] not in dates for key, _ in one.sent)


def _contacts(
    simulator: Simulator, account: AccountNow, calendar: Calendar, channels: Sequence[ChannelNow]
) -> tuple[object, ...]:
    """Return the contacts without the numbers of rows."""
    if not simulator.policy.all_caps:
        return ()
    places = {one.id: place for place, one in enumerate(channels)}
    alerts: dict[int | str, int] = {}
    return tuple(
        (
            calendar.today(one.at),
            alerts.setdefault(one.alert_key, len(alerts)),
            places.get(int(one.channel_key), f"gone {one.channel_key}"),
        )
        for kind, step, one in account.contacts
        if is_capped(simulator.policy, kind, step)
    )


def _oldest_first(facts: InvoiceFacts) -> date:
    return facts.first_due_date or date.max
