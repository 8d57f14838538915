"""The evidence of what was sent, row by row, for whoever has to show it. Reads rows, few at a time.

A row says when something went, to which channel in its masked form, under which hours and caps, and
the hash of its text. It holds no name, no address and no text.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from billing.calendar import Calendar
from billing.forgetting import PREFIX
from billing.isps import SetupError, find_isp
from billing.letter import Fate
from billing.policy import Policy
from billing.terms import rules_of
from billing.values import DeliveryState
from models.account import Account, Channel
from models.alert import Alert, Attempt, Delivery
from models.invoice import Invoice
from models.isp import Isp
from models.policy_version import PolicyVersion

#: Attempts that are read at a time: some hundred kilobytes, whatever the ISP's size.
BATCH = 500
#: It was sent, or may have been. Without a fate the process died under it, or it goes right now.
_STATE_OF = {
    Fate.DELIVERED.value: DeliveryState.SENT.value,
    Fate.UNCERTAIN.value: DeliveryState.UNCERTAIN.value,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofLine:
    """One attempt that reached a customer, or may have.

    Args:
        local: when, on the ISP's wall, ISO 8601 with the offset.
        utc: when, ISO 8601.
        isp: the slug.
        client_id, public_id: whom, as Wispro names them.
        invoice: number or id; "" for a digest of old debts, a keyed hash for a customer who was
            forgotten, whose client_id is one, too.
        channel: kind of channel ("email", "telegram", …).
        to: its masked label.
        kind, step, anchor_date: of the alert; the step as in `Account.steps_off`, "due_soon -5d",
            so that no spreadsheet computes it.
        state: sent, uncertain, or sending right now.
        along_with: the delivery in whose message it went along, "" = a message of its own.
        delivery: its number.
        sha256: of subject and text.
        hours: that were in force; "" = from before they were journaled.
        caps: how they stood before it went.
        policy: the number of the policy version in force then; "" = the default policy.
        detail: what the provider said.
    """

    local: str
    utc: str
    isp: str
    client_id: str
    public_id: str
    invoice: str
    channel: str
    to: str
    kind: str
    step: str
    anchor_date: str
    state: str
    delivery: str
    along_with: str
    sha256: str
    hours: str
    caps: str
    policy: str
    detail: str


def proof(session: Session, slug: str, *, first: date, last: date) -> Iterator[ProofLine]:
    """This function will yield the evidence of an ISP's sends, in the order of their attempts.

    Args:
        session: one consistent look; read as the lines are taken.
        slug: the ISP.
        first: the first day, on the ISP's wall.
        last: the last one, included.

    Raises:
        SetupError: if the ISP is unknown, or the days are the wrong way round.
    """
    isp = find_isp(session, slug)
    if last < first:
        raise SetupError(f"--to {last} lies before --from {first}")
    return _lines(session, isp, first=first, last=last)


def keep_until(policy: Policy, at: datetime, calendar: Calendar) -> datetime | None:
    """This function will say until when the evidence of a send has to be kept.

    `billing.pruning` goes by it, with the policy that is in force when it prunes.

    Args:
        policy: of the ISP; its preset names a country's rule (`Preset.keep_years`).
        at: when it was sent.
        calendar: of the ISP, whose zone says which day that was.

    Returns:
        The instant from which a country no longer asks for it, that many calendar years after the
        day of the send is over; None = no rule is known, and the operator decides.
    """
    years = policy.preset.keep_years if policy.preset is not None else None
    if years is None:
        return None
    # The anniversary itself is kept; that of the 29th of February is the 1st of March.
    day = calendar.today(at)
    try:
        kept = day.replace(year=day.year + years)
    except ValueError:
        kept = date(day.year + years, 3, 1)
    return calendar.start_of(date.fromordinal(kept.toordinal() + 1))


def _lines(session: Session, isp: Isp, *, first: date, last: date) -> Iterator[ProofLine]:
    calendar = rules_of(isp).calendar
    begins = calendar.start_of(first)
    ends = calendar.start_of(date.fromordinal(last.toordinal() + 1))
    versions = session.execute(
        select(PolicyVersion.created_at, PolicyVersion.id)
        .where(PolicyVersion.isp_id == isp.id)
        .order_by(PolicyVersion.created_at, PolicyVersion.id)
    ).all()
    after = 0
    while True:
        rows = session.execute(
            select(Attempt, Delivery, Alert, Channel, Account, Invoice)
            .join(Delivery, Delivery.id == Attempt.delivery_id)
            .join(Alert, Alert.id == Delivery.alert_id)
            .join(Channel, Channel.id == Delivery.channel_id)
            .join(Account, Account.id == Delivery.account_id)
            .outerjoin(Invoice, Invoice.id == Alert.invoice_id)
            .where(
                Delivery.isp_id == isp.id,
                Attempt.id > after,
                Attempt.started_at >= begins,
                Attempt.started_at < ends,
                Attempt.fate.in_(_STATE_OF) | Attempt.fate.is_(None),
            )
            .order_by(Attempt.id)
            .limit(BATCH)
        ).all()
        for attempt, delivery, alert, channel, account, invoice in rows:
            after = attempt.id
            version = [row.id for row in versions if row.created_at <= attempt.started_at][-1:]
            yield _line(
                isp, attempt, delivery, alert, channel, account, invoice, calendar.zone, version
            )
        session.expunge_all()
        if len(rows) < BATCH:
            return


def _about(alert: Alert, invoice: Invoice | None) -> str:
    if invoice is not None:
        return invoice.number or invoice.wispro_id
    return alert.subject if alert.subject.startswith(PREFIX) else ""


def _line(
    isp: Isp,
    attempt: Attempt,
    delivery: Delivery,
    alert: Alert,
    channel: Channel,
    account: Account,
    invoice: Invoice | None,
    zone: ZoneInfo,
    version: list[int],
) -> ProofLine:
    evidence = attempt.evidence or {}
    return ProofLine(
        local=attempt.started_at.astimezone(zone).isoformat(timespec="seconds"),
        utc=attempt.started_at.astimezone(UTC).isoformat(timespec="seconds"),
        isp=isp.slug,
        client_id=account.client_id,
        public_id="" if account.public_id is None else str(account.public_id),
        invoice=_about(alert, invoice),
        channel=channel.scheme,
        to=channel.label,
        kind=alert.kind,
        step=f"{alert.kind} {alert.step}",
        anchor_date=alert.anchor_date.isoformat(),
        state=_STATE_OF.get(attempt.fate or "", delivery.state),
        delivery=str(delivery.id),
        along_with=str(delivery.carried_by or ""),
        sha256=evidence.get("sha256", ""),
        hours=evidence.get("hours", ""),
        caps=evidence.get("caps", ""),
        policy="".join(map(str, version)),
        detail=attempt.detail or "",
    )
