"""Bring one claimed delivery to its end: ask the gate, look again, render, journal, send, settle.

No transaction is open while Wispro or a provider is called. Several alerts of one account that may
go at one time become one message (product.md, rule 22): one of them carries the others.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from billing import gate
from billing.apply import apply_single
from billing.contacts import limits_of
from billing.dossier import Checked, Dossier, InvoiceDossier, open_dossier
from billing.evidence import evidence_of
from billing.facts import unstorable
from billing.letter import Attachment, Envelope, Fate, Letter, Message, Outcome
from billing.ports import (
    Clock,
    DestinationError,
    MessengerPort,
    RenderError,
    SecretError,
    UpstreamError,
    VaultPort,
    WisproAccess,
    WisproPort,
)
from billing.settling import Settlement
from billing.terms import UnreadablePolicyError, access_to
from billing.threads import thread_of
from billing.together import daily_letter, joins
from billing.values import DeliveryState, InvoiceFacts, Medium, Reason, UpstreamReason
from models.account import Account
from models.database import Database
from models.invoice import Invoice

T = TypeVar("T")

#: What goes in one message asks about several invoices; those that it does not get to, go later.
LOOK_BUDGET = timedelta(seconds=25)
#: How long a delivery waits for something that is not in our hands: Wispro, a missing transport.
_LOOK_AGAIN_AFTER = timedelta(minutes=5)
_EMAIL = re.compile(r"[^\s@<>,;:()]+@[^\s@<>,;:()]+\.[^\s@<>,;:().]+")


@dataclass(slots=True)
class Batch:
    """What the deliveries of one batch share: one door to Wispro, each PDF and look once."""

    wispro: WisproPort | None = None
    pdfs: dict[str, bytes | str] = field(default_factory=dict)
    checked: Checked = field(default_factory=Checked)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """A delivery that may go: what the gate judged, and as of when."""

    dossier: Dossier
    settlement: Settlement
    covered: bool
    judged_at: datetime

    @property
    def joins(self) -> bool:
        """Whether it may go in one message with others."""
        return joins(self.dossier, covered=self.covered)


class Sender:
    """Judges and sends single deliveries; see `billing.delivery.Delivering` for the arguments."""

    def __init__(
        self,
        database: Database,
        vault: VaultPort,
        door: Callable[[WisproAccess], WisproPort],
        messenger: MessengerPort,
        *,
        max_pdf_bytes: int,
    ) -> None:
        self._database = database
        self._vault = vault
        self._door = door
        self._messenger = messenger
        self._max_pdf_bytes = max_pdf_bytes

    def prepare(
        self, delivery_id: int, attempt: int, batch: Batch, *, clock: Clock
    ) -> Ready | DeliveryState | None:
        """This function will ask the gate, and bring to an end what must not go.

        Returns:
            What may be sent now; else the state that the delivery is in now.
        """
        settlement = Settlement(self._database, delivery_id, attempt)

        def ask() -> Ready | DeliveryState | None:
            dossier, verdict, now = self._judge(delivery_id, batch, clock=clock)
            match verdict:
                case gate.End() | gate.Wait():
                    return settlement.give_way(verdict, now=clock())
                case gate.LookAgain(why=why):
                    return settlement.put_off(clock() + _LOOK_AGAIN_AFTER, Reason.STALE_DATA, why)
                case gate.Go(covered=covered):
                    return Ready(
                        dossier=dossier, settlement=settlement, covered=covered, judged_at=now
                    )

        return self._foreseen(ask, [settlement], clock=clock)

    def send(self, ready: Ready, batch: Batch, *, clock: Clock) -> DeliveryState | None:
        """This function will send one delivery by itself.

        Returns:
            The state it is in now; None where another worker holds it.
        """
        dossier = ready.dossier

        def go() -> DeliveryState | None:
            pdf, note = self._pdf(dossier, batch)
            letter = dossier.letter(
                batch.checked,
                now=ready.judged_at,
                covered=ready.covered,
                has_pdf=pdf is not None,
            )
            announces = dossier.announces(batch.checked, now=ready.judged_at)
            return self._send([ready], letter, pdf, note, announces, clock=clock)

        return self._foreseen(go, [ready.settlement], clock=clock)

    def send_together(
        self, several: Sequence[Ready], batch: Batch, *, clock: Clock
    ) -> DeliveryState | None:
        """This function will send several deliveries of one account and channel as one message.

        The first one that the caps bind carries the others, so that the message counts and is
        weighed as a reminder if there is one in it; all of them end in the same way.
        """
        several = sorted(several, key=lambda one: not one.dossier.is_capped)

        def go() -> DeliveryState | None:
            dossiers = [one.dossier for one in several if isinstance(one.dossier, InvoiceDossier)]
            letter = daily_letter(dossiers, batch.checked, now=several[0].judged_at)
            announces = [one.invoice.id for one in dossiers]
            return self._send(several, letter, None, None, announces, clock=clock)

        return self._foreseen(go, [one.settlement for one in several], clock=clock)

    def _foreseen(
        self,
        do: Callable[[], T],
        settlements: Sequence[Settlement],
        *,
        clock: Clock,
    ) -> T | DeliveryState | None:
        """Do something; bring deliveries to an end by the errors that are foreseen."""
        found: DeliveryState | None = None
        try:
            return do()
        except (UpstreamError, UnreadablePolicyError) as error:
            # No fresh look, no demand for money (product.md, rule 4). A policy may be mended any
            # minute, and says nothing about this delivery: it waits.
            upstream = isinstance(error, UpstreamError)
            reason = Reason.STALE_DATA if upstream else Reason.UNFORESEEN
            for one in settlements:
                found = one.put_off(clock() + _LOOK_AGAIN_AFTER, reason, str(error))
        except (SecretError, RenderError) as error:
            secret = isinstance(error, SecretError)
            reason = Reason.UNREADABLE_SECRET if secret else Reason.RENDER_FAILED
            for one in settlements:
                found = one.end(DeliveryState.FAILED, reason, str(error), now=clock())
        return found

    def _judge(
        self, delivery_id: int, batch: Batch, *, clock: Clock
    ) -> tuple[Dossier, gate.Verdict, datetime]:
        """Return the dossier, what the gate says of it, and as of when."""
        with self._database.read() as session:
            dossier = open_dossier(session, delivery_id)
        now = clock()
        verdict = dossier.verdict(batch.checked, now=now)
        if not isinstance(verdict, gate.LookAgain):
            return dossier, verdict, now
        dossier = self._look_again(dossier, batch, clock=clock)
        now = clock()
        return dossier, dossier.verdict(batch.checked, now=now), now

    def _look_again(self, dossier: Dossier, batch: Batch, *, clock: Clock) -> Dossier:
        """The last-second check: the invoices at hand, and the account's balance, right now.

        A sweep that is fresh enough counts as a look at the invoice, unless the account owes less
        than the invoice asks: then something happened since.
        """
        wispro = self._wispro(dossier, batch)
        begun = clock()
        found: list[tuple[Invoice, InvoiceFacts, datetime]] = []
        for row in dossier.to_look_at(batch.checked, now=begun):
            asked_at = clock()
            if found and asked_at - begun > LOOK_BUDGET:
                break
            found.append((row, _ask(wispro, row.wispro_id), asked_at))
        asked_at = clock()
        balance = wispro.balance(dossier.account.client_id)
        owed = gate.owed_by(balance, debt_sign=dossier.isp.debt_sign)
        batch.checked.balances[dossier.account.client_id] = (asked_at, owed)
        looked_at = {row.id for row, _, _ in found}
        for row in dossier.doubtful(owed):
            if row.id not in looked_at:
                asked_at = clock()
                found.append((row, _ask(wispro, row.wispro_id), asked_at))
        with self._database.write() as session:
            for copy, facts, asked_at in found:
                row = session.get_one(Invoice, copy.id, with_for_update=True)
                apply_single(session, row, facts, dossier.rules, asked_at=asked_at, now=clock())
        batch.checked.invoices.update((row.wispro_id, at) for row, _, at in found)
        with self._database.read() as session:
            return open_dossier(session, dossier.delivery.id)

    def _send(
        self,
        several: Sequence[Ready],
        letter: Letter,
        pdf: bytes | None,
        note: str | None,
        announces: Sequence[int],
        *,
        clock: Clock,
    ) -> DeliveryState | None:
        first = several[0]
        dossier, settlement = first.dossier, first.settlement
        channel = dossier.channel
        if channel.needs_transport and dossier.transport is None:
            why = (
                f"no sending account: alerta isp transport {dossier.isp.slug} {channel.scheme} URL"
            )
            for one in several:
                one.settlement.put_off(clock() + _LOOK_AGAIN_AFTER, Reason.NO_TRANSPORT, why)
            return DeliveryState.PLANNED
        message, attachments, envelope = self._written(dossier, letter, pdf)
        evidence = evidence_of(dossier, message, now=first.judged_at)
        verdict = settlement.begin(now=clock(), evidence=evidence, guard=_caps_again(dossier))
        if verdict is None:
            for one in several[1:]:
                one.settlement.give_way(None, now=clock())
            return None
        if not isinstance(verdict, gate.Go):
            for one in several:
                state = one.settlement.give_way(verdict, now=clock())
            return state
        carried = [
            one
            for one in several[1:]
            if isinstance(one.settlement.begin(now=clock(), evidence=evidence), gate.Go)
        ]
        try:
            outcome = self._messenger.send(message, envelope, attachments)
        except DestinationError as error:
            outcome = Outcome(fate=Fate.REJECTED, detail=str(error))
        state = settlement.record(
            outcome, note=note, channel_id=channel.id, invoice_ids=announces, now=clock()
        )
        for one in carried:
            one.settlement.record(
                outcome,
                note=note,
                channel_id=channel.id,
                invoice_ids=(),
                now=clock(),
                carried_by=dossier.delivery.id,
            )
        return state

    def _written(
        self, dossier: Dossier, letter: Letter, pdf: bytes | None
    ) -> tuple[Message, Sequence[Attachment], Envelope]:
        """Return the message, what goes with it and where it goes."""
        channel, delivery, isp = dossier.channel, dossier.delivery, dossier.isp
        transport, destination = self._addresses(dossier)
        message = self._messenger.render(
            letter, medium=Medium(channel.medium), locale=dossier.locale
        )
        attachments = self._messenger.attachments(
            letter, scheme=channel.scheme, locale=dossier.locale, pdf=pdf
        )
        envelope = Envelope(
            scheme=channel.scheme,
            transport=transport,
            destination=destination,
            message_id=delivery.message_id,
            sender_name=isp.name,
            reply_to=_email_in(isp.support),
            click_url=letter.pay_url or letter.portal_url,
            thread_id=thread_of(self._vault, dossier.alert, letter),
        )
        return message, attachments, envelope

    def _addresses(self, dossier: Dossier) -> tuple[str | None, str]:
        transport = dossier.transport
        return (
            self._vault.open(transport.url_sealed) if transport else None,
            self._vault.open(dossier.channel.destination_sealed),
        )

    def _pdf(self, dossier: Dossier, batch: Batch) -> tuple[bytes | None, str | None]:
        """Return the PDF, or why the alert goes without it."""
        wispro_id = dossier.pdf_of
        if wispro_id is None or not self._messenger.takes_pdf(dossier.channel.scheme):
            return None, None
        if wispro_id not in batch.pdfs:
            try:
                batch.pdfs[wispro_id] = self._wispro(dossier, batch).invoice_pdf(
                    wispro_id, max_bytes=self._max_pdf_bytes
                )
            except UpstreamError as error:
                batch.pdfs[wispro_id] = f"without PDF: {error}"
        found = batch.pdfs[wispro_id]
        return (found, None) if isinstance(found, bytes) else (None, found)

    def _wispro(self, dossier: Dossier, batch: Batch) -> WisproPort:
        if batch.wispro is None:
            batch.wispro = self._door(access_to(dossier.isp, self._vault))
        return batch.wispro


def _caps_again(dossier: Dossier) -> Callable[[Session, datetime], gate.Wait | gate.End | None]:
    """Return the caps as a last question inside the transaction that journals the attempt.

    Another worker may be sending to the same customer over another channel at this very instant.
    """

    def refused(session: Session, now: datetime) -> gate.Wait | gate.End | None:
        if dossier.limits is None:
            return None
        session.execute(
            select(Account.id).where(Account.id == dossier.account.id).with_for_update()
        )
        calendar, policy = dossier.rules.calendar, dossier.rules.policy
        return gate.capped(
            limits_of(session, dossier.delivery, dossier.alert, policy, calendar),
            calendar,
            now=now,
            useful_until=dossier.alert.useful_until,
        )

    return refused


def _ask(wispro: WisproPort, wispro_id: str) -> InvoiceFacts:
    """Return an invoice as Wispro tells it now, fit to keep.

    Raises:
        UpstreamError: if there is no such answer.
    """
    try:
        facts = wispro.invoice(wispro_id)
    except UpstreamError as error:
        if error.reason is not UpstreamReason.NOT_FOUND:
            raise
        # One 404 proves nothing yet (it takes two complete reads), but it does forbid asking.
        raise UpstreamError(
            "Wispro does not find this invoice any more", reason=UpstreamReason.NOT_FOUND
        ) from None
    if (why := unstorable(facts)) is not None:
        raise UpstreamError(
            f"Wispro gave an invoice that cannot be kept: {why}",
            reason=UpstreamReason.UNEXPECTED_RESPONSE,
        )
    return facts


def _email_in(text: str | None) -> str | None:
    """Return the first e-mail address in the ISP's support line, where answers should go."""
    found = _EMAIL.search(text or "")
    return found[0] if found else None
