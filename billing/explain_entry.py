"""One alert on one channel, from its row or from the rehearsal, for people who ask why."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import TypedDict

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from billing import gate
from billing.explain_account import story_of
from billing.explained import Absence, Entry, HoldStory, Judged, Mention, Standing
from billing.facts import facts_of
from billing.held import strictest
from billing.holds import held_of
from billing.owing import lay_steps
from billing.policy import overtaken
from billing.rehearsal import Rehearsal
from billing.terms import rules_of
from billing.values import AlertKind, DeliveryState, Reason
from models.account import Account
from models.alert import Alert, Attempt, Delivery
from models.hold import Hold
from models.invoice import Invoice

_STATES = {
    DeliveryState.SENT: Standing.SENT,
    DeliveryState.UNCERTAIN: Standing.UNCERTAIN,
    DeliveryState.FAILED: Standing.FAILED,
    DeliveryState.SENDING: Standing.SENDING,
    DeliveryState.CANCELLED: Standing.WILL_NOT,
    DeliveryState.SKIPPED: Standing.WILL_NOT,
}
_HELD = frozenset({Reason.HOLD, Reason.PROMISE})
_TOOK_ITS_PLACE = frozenset({Reason.MISSED, Reason.SUPERSEDED})


def recorded_until(
    session: Session, account_id: int, at: datetime
) -> tuple[Sequence[Alert], Sequence[Delivery]]:
    """This function will read the alerts and deliveries of an account that there were by then."""
    alerts = session.scalars(
        select(Alert)
        .where(Alert.account_id == account_id, Alert.created_at <= at)
        .options(joinedload(Alert.invoice))
        .order_by(Alert.due_at, Alert.id)
    ).all()
    deliveries = session.scalars(
        select(Delivery)
        .where(Delivery.account_id == account_id, Delivery.created_at <= at)
        .options(joinedload(Delivery.channel))
        .order_by(Delivery.id)
    ).all()
    return alerts, deliveries


class Telling:
    """The alerts of one account, as entries.

    Args:
        session: reads; has the rows as they are now.
        account: whose.
        alerts: on record by `at`, or of the rehearsal, in the order of their time.
        deliveries: likewise.
        now: the present.
        at: the instant that is asked about.
        rehearsal: what foretold those that are not on record; None = `at` is past.
    """

    def __init__(
        self,
        session: Session,
        account: Account,
        alerts: Sequence[Alert],
        deliveries: Sequence[Delivery],
        *,
        now: datetime,
        at: datetime,
        rehearsal: Rehearsal | None,
    ) -> None:
        self.now, self.at, self.rehearsal = now, at, rehearsal
        self._session = session
        self._rules = rules_of(account.isp).of_account(account)
        self._alerts = {alert.id: alert for alert in alerts}
        self._deliveries = {row.id: row for row in deliveries}
        present = session.scalars(select(Delivery).where(Delivery.account_id == account.id))
        self._present = {row.id: row for row in present}
        self._known = set(session.scalars(select(Alert.id).where(Alert.account_id == account.id)))
        self._evidence = self._journal(account.id)
        self._holds = session.scalars(select(Hold).where(Hold.account_id == account.id)).all()

    def about(self, invoice_id: int | None) -> list[Alert]:
        """Return the alerts about an invoice, or (None) about old debts."""
        return [alert for alert in self._alerts.values() if alert.invoice_id == invoice_id]

    def entries_about(self, invoice_id: int | None) -> Iterable[Entry]:
        """Yield an entry for each alert about an invoice and each of its channels."""
        for alert in self.about(invoice_id):
            rows = [row for row in self._deliveries.values() if row.alert_id == alert.id]
            for row in rows:
                yield self._entry(alert, row)
            if not rows:
                yield self._nowhere(alert)

    def mention(self, alert: Alert) -> Mention:
        """Name an alert."""
        invoice = alert.invoice
        return Mention(
            kind=AlertKind(alert.kind),
            step=alert.step,
            anchor_date=alert.anchor_date,
            invoice=(invoice.number or invoice.wispro_id) if invoice is not None else None,
        )

    def _journal(self, account_id: int) -> dict[int, dict[str, str] | None]:
        rows = self._session.execute(
            select(Attempt.delivery_id, Attempt.evidence)
            .join(Delivery, Delivery.id == Attempt.delivery_id)
            .where(Delivery.account_id == account_id)
            .order_by(Attempt.id)
        )
        return {row.delivery_id: row.evidence for row in rows}

    def _nowhere(self, alert: Alert) -> Entry:
        """An alert that had no channel to go to when its time came."""
        return Entry(
            **_named(alert),
            state=Standing.WILL_NOT,
            recorded=alert.id in self._known,
            when=alert.created_at,
            why=Absence.NO_CHANNEL,
        )

    def _entry(self, alert: Alert, row: Delivery) -> Entry:
        present = self._present.get(row.id)
        if present is not None and self._has_ended(present):
            return self._ended(alert, present, recorded=True)
        if self.rehearsal is None:  # it had not ended by then
            return self._planned(alert, row, Standing.WILL_GO, when=row.planned_at)
        return self._foretold(alert, row, present)

    def _has_ended(self, row: Delivery) -> bool:
        if row.state == DeliveryState.SENDING.value:
            return True
        if row.settled_at is None:
            return False
        return self.rehearsal is not None or row.settled_at <= self.at

    def _foretold(self, alert: Alert, row: Delivery, present: Delivery | None) -> Entry:
        assert self.rehearsal is not None
        judged = self.rehearsal.judged.get(row.id, [])
        stuck = self.rehearsal.stuck.get(row.id)
        if stuck is not None:
            return self._planned(alert, row, Standing.WAITS, why=stuck, judged=judged)
        match DeliveryState(row.state):
            case DeliveryState.SENT:
                waits = _first_wait(judged)
                why, until = (waits.reason, waits.until) if waits else (None, None)
                if present is not None and present.reason and present.not_before > self.now:
                    why, until = Reason(present.reason), present.not_before
                state = Standing.WAITS if why else Standing.WILL_GO
                return self._planned(
                    alert, row, state, when=row.sent_at, why=why, until=until, judged=judged
                )
            case DeliveryState.PLANNED if judged and isinstance(judged[-1].verdict, gate.End):
                end = judged[-1].verdict
                return self._ended(alert, row, recorded=False, judged=judged, why=end.reason)
            case DeliveryState.PLANNED:
                why = Reason(row.reason) if row.reason else None
                return self._planned(alert, row, Standing.WAITS, why=why, judged=judged)
        return self._ended(alert, row, recorded=False, judged=judged)

    def _planned(
        self,
        alert: Alert,
        row: Delivery,
        state: Standing,
        *,
        when: datetime | None = None,
        why: Reason | None = None,
        until: datetime | None = None,
        judged: Sequence[Judged] = (),
    ) -> Entry:
        chosen = self._chosen(judged, waiting=True)
        return Entry(
            **_named(alert),
            channel=row.channel.label,
            state=state,
            recorded=False,
            when=when,
            why=why,
            until=until,
            hold=self._hold(alert, why, at=chosen.at if chosen else self.at),
            carried_by=self._carrier(row),
            rules=chosen.lines if chosen else (),
            asked_at=chosen.at if chosen else None,
            detail=row.detail,
        )

    def _ended(
        self,
        alert: Alert,
        row: Delivery,
        *,
        recorded: bool,
        judged: Sequence[Judged] = (),
        why: Reason | None = None,
    ) -> Entry:
        why = why or (Reason(row.reason) if row.reason else None)
        state = _STATES.get(DeliveryState(row.state), Standing.WILL_NOT)
        if why is Reason.MISSED:
            state = Standing.MISSED
        when = row.sent_at or row.settled_at
        chosen = self._chosen(judged, waiting=False)
        went = state in {Standing.SENT, Standing.UNCERTAIN, Standing.FAILED, Standing.SENDING}
        return Entry(
            **_named(alert),
            channel=row.channel.label,
            state=state,
            recorded=recorded,
            when=when,
            why=why,
            hold=self._hold(alert, why, at=when or alert.due_at),
            replaced_by=self._replacement(alert, row) if why in _TOOK_ITS_PLACE else None,
            carried_by=self._carrier(row),
            rules=chosen.lines if chosen else (),
            asked_at=chosen.at if chosen else None,
            detail=row.detail,
            evidence=self._evidence.get(row.id) if went else None,
        )

    def _chosen(self, judged: Sequence[Judged], *, waiting: bool) -> Judged | None:
        """Choose whose rules are shown: at the instant asked about, of the wait, or the last."""
        if self.at > self.now:
            then = next((one for one in judged if one.at == self.at), None)
            if then is not None:
                return then
        if waiting:
            waits = (one for one in judged if isinstance(one.verdict, gate.Wait))
            first = next(waits, None)
            if first is not None:
                return first
        return judged[-1] if judged else None

    def _hold(self, alert: Alert, why: Reason | None, *, at: datetime) -> HoldStory | None:
        """Return the hold or promise that is the reason."""
        if why not in _HELD:
            return None
        rows = [
            row
            for row in self._holds
            if row.invoice_id in {None, alert.invoice_id}
            and row.created_at <= at
            and (row.released_at is None or row.released_at > at)
        ]
        found = strictest(map(held_of, rows), self._rules.calendar, now=at)
        row = next((row for row in rows if held_of(row) == found), None)
        return story_of(row) if row is not None else None

    def _carrier(self, row: Delivery) -> Mention | None:
        carrier = self._deliveries.get(row.carried_by) if row.carried_by is not None else None
        return self.mention(self._alerts[carrier.alert_id]) if carrier is not None else None

    def _replacement(self, alert: Alert, row: Delivery) -> Mention | None:
        """Return the later step that took the place of one, or what was owed at that instant."""
        if alert.invoice is None or row.settled_at is None:
            return None
        invoice = self._session.get_one(Invoice, alert.invoice_id)
        laid = lay_steps(self._session, invoice, facts_of(invoice), self._rules)
        later = overtaken(alert.due_at, laid, now=row.settled_at, but=alert.step)
        if later is not None:
            return Mention(
                kind=later.step.kind,
                step=later.step.name,
                anchor_date=later.anchor_date,
                invoice=invoice.number or invoice.wispro_id,
            )
        instead = (
            one
            for one in self.about(alert.invoice_id)
            if one.id != alert.id and one.created_at == row.settled_at
        )
        found = next(instead, None)
        return self.mention(found) if found is not None else None


def _first_wait(judged: Sequence[Judged]) -> gate.Wait | None:
    return next((one.verdict for one in judged if isinstance(one.verdict, gate.Wait)), None)


class _Named(TypedDict):
    """What an entry says of its alert; fields as in `Entry`."""

    kind: AlertKind
    step: str
    anchor: str
    anchor_date: date
    due_at: datetime


def _named(alert: Alert) -> _Named:
    return {
        "kind": AlertKind(alert.kind),
        "step": alert.step,
        "anchor": alert.anchor,
        "anchor_date": alert.anchor_date,
        "due_at": alert.due_at,
    }
