"""Send what is due: claim, ask the gate, look again, render, journal, send, settle.

The broker only says "there may be something": everything that decides is read from rows. No
transaction is open while Wispro or a provider is called.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Self

import structlog

from billing import gate
from billing.apply import apply_single
from billing.dossier import Checked, Dossier, open_dossier
from billing.facts import unstorable
from billing.letter import Envelope, Fate, Outcome
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
from billing.settling import LEASE, Settlement
from billing.terms import UnreadablePolicyError, access_to
from billing.values import DeliveryState, InvoiceFacts, Medium, Reason, UpstreamReason
from models import claims
from models.alert import Delivery
from models.database import Database
from models.invoice import Invoice

log = structlog.get_logger()

#: A claim that its batch will not reach any more is given back well before the soft limit.
BATCH_BUDGET = timedelta(seconds=45)
BATCH_SIZE = 50
#: A digest asks about several invoices; those that it does not get to, it does not list.
LOOK_BUDGET = timedelta(seconds=45)
#: How long a delivery waits for something that is not in our hands: Wispro, a missing transport.
_LOOK_AGAIN_AFTER = timedelta(minutes=5)
#: A delivery that raised an error nobody foresaw waits so long, and so long in all.
_STUMBLED_FOR = timedelta(minutes=30)
_GIVE_UP_AFTER = timedelta(days=1)
_EMAIL = re.compile(r"[^\s@<>,;:()]+@[^\s@<>,;:()]+\.[^\s@<>,;:().]+")


@dataclass(slots=True)
class DeliveryReport:
    """What `deliver --json` prints."""

    sent: int = 0
    failed: int = 0
    uncertain: int = 0
    skipped: int = 0
    cancelled: int = 0
    deferred: int = 0

    def __iadd__(self, other: DeliveryReport) -> Self:
        for name in self.__slots__:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        return self

    @property
    def touched(self) -> int:
        """How many deliveries were claimed and decided on."""
        return sum(getattr(self, name) for name in self.__slots__)

    def count(self, state: DeliveryState | None) -> None:
        """Add one delivery that ended in `state`, or was put off; None counts nowhere."""
        if state is not None:
            name = "deferred" if state is DeliveryState.PLANNED else state.value
            setattr(self, name, getattr(self, name) + 1)


@dataclass(slots=True)
class _Batch:
    """What the deliveries of one batch share: one door to Wispro, each PDF and look once."""

    wispro: WisproPort | None = None
    pdfs: dict[str, bytes | str] = field(default_factory=dict)
    checked: Checked = field(default_factory=Checked)


class Delivering:
    """The use-case.

    Args:
        database: rows.
        vault: opens destinations, transports and the token.
        door: makes a client of an ISP's Wispro.
        messenger: the door to people.
        max_pdf_bytes: a larger invoice PDF is left out, with a note.
    """

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

    def due_isps(self, *, now: datetime) -> Sequence[int]:
        """This function will name the ISPs that have something to send."""
        with self._database.read() as session:
            return claims.due_isps(session, now=now)

    def run_all(self, *, clock: Clock, progress: Callable[[int], None]) -> DeliveryReport:
        """This function will send everything that is due now, ISP by ISP, batch by batch."""
        total = DeliveryReport()
        for isp_id in self.due_isps(now=clock()):
            while (report := self.run_batch(isp_id, clock=clock)).touched:
                total += report
                progress(total.touched)
        return total

    def run_batch(
        self, isp_id: int, *, clock: Clock, account_id: int | None = None
    ) -> DeliveryReport:
        """This function will send up to a batch of what an ISP owes now, or one account of it.

        Returns:
            What became of each claimed delivery; `touched` is 0 where nothing was due.
        """
        started = clock()
        with self._database.write() as session:
            claimed = claims.claim(
                session,
                isp_id,
                limit=BATCH_SIZE,
                now=started,
                lease_until=started + LEASE,
                account_id=account_id,
            )
        report = DeliveryReport()
        batch = _Batch()
        for place, (delivery_id, attempt) in enumerate(claimed):
            if clock() - started > BATCH_BUDGET:
                self._give_back(claimed[place:])
                break
            try:
                report.count(self._deliver(delivery_id, attempt, batch, clock=clock))
            except Exception:
                # What nobody foresaw is this delivery's own: the others must not wait behind it.
                self._set_apart(delivery_id, attempt, now=clock())
                self._give_back(claimed[place + 1 :])
                raise
            except BaseException:
                # We are told to stop: nothing is wrong with any of them.
                self._give_back(claimed[place:])
                raise
        if claimed:
            log.info(
                "deliver.finished",
                isp_id=isp_id,
                claimed=len(claimed),
                sent=report.sent,
                failed=report.failed,
                uncertain=report.uncertain,
                skipped=report.skipped,
                cancelled=report.cancelled,
                deferred=report.deferred,
                ms=round((clock() - started).total_seconds() * 1000),
            )
        return report

    def sweep(self, *, now: datetime) -> tuple[int, int]:
        """This function will resolve claims whose worker died: (given back, uncertain)."""
        with self._database.write() as session:
            given_back, uncertain = claims.recover(session, now=now)
        if given_back or uncertain:
            log.warning("deliver.recovered", given_back=given_back, uncertain=uncertain)
        return given_back, uncertain

    def _give_back(self, claimed: Sequence[tuple[int, int]]) -> None:
        """Plan again what was claimed and not begun; what was begun ends with its lease."""
        with self._database.write() as session:
            for delivery_id, attempt in claimed:
                if not claims.has_attempt(session, delivery_id, attempt):
                    claims.settle(session, delivery_id, attempt, state=DeliveryState.PLANNED.value)

    def _set_apart(self, delivery_id: int, attempt: int, *, now: datetime) -> None:
        """Put a delivery off on which we stumbled; give it up after a day of stumbling.

        If its attempt was journaled it stays as it is: it ends as uncertain with its lease.
        """
        with self._database.write() as session:
            if claims.has_attempt(session, delivery_id, attempt):
                return
            row = session.get_one(Delivery, delivery_id)
            ends = {"state": DeliveryState.PLANNED.value, "not_before": now + _STUMBLED_FOR}
            if now - row.planned_at > _GIVE_UP_AFTER:
                ends = {"state": DeliveryState.FAILED.value, "settled_at": now}
            reason = Reason.UNFORESEEN.value
            claims.settle(session, delivery_id, attempt, reason=reason, **ends)

    def _deliver(
        self, delivery_id: int, attempt: int, batch: _Batch, *, clock: Clock
    ) -> DeliveryState | None:
        """Bring one claimed delivery to an end, or put it off with a reason.

        Returns:
            The state it is in now; None where another worker holds it.
        """
        settlement = Settlement(self._database, delivery_id, attempt)
        try:
            dossier, verdict, now = self._judge(delivery_id, batch, clock=clock)
            match verdict:
                case gate.End(state=state, reason=reason):
                    return settlement.end(state, reason, None, now=clock())
                case gate.Wait(until=until, reason=reason):
                    return settlement.put_off(until, reason, None)
                case gate.LookAgain(why=why):
                    return settlement.put_off(clock() + _LOOK_AGAIN_AFTER, Reason.STALE_DATA, why)
                case gate.Go(covered=covered):
                    return self._send(
                        dossier, settlement, batch, covered=covered, judged_at=now, clock=clock
                    )
        except UpstreamError as error:
            # No fresh look, no demand for money (product.md, rule 4).
            return settlement.put_off(clock() + _LOOK_AGAIN_AFTER, Reason.STALE_DATA, str(error))
        except UnreadablePolicyError as error:
            # It may be mended any minute, and says nothing about this delivery: it waits.
            return settlement.put_off(clock() + _LOOK_AGAIN_AFTER, Reason.UNFORESEEN, str(error))
        except SecretError as error:
            return settlement.end(
                DeliveryState.FAILED, Reason.UNREADABLE_SECRET, str(error), now=clock()
            )
        except RenderError as error:
            return settlement.end(
                DeliveryState.FAILED, Reason.RENDER_FAILED, str(error), now=clock()
            )

    def _judge(
        self, delivery_id: int, batch: _Batch, *, clock: Clock
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

    def _look_again(self, dossier: Dossier, batch: _Batch, *, clock: Clock) -> Dossier:
        """The last-second check: the invoices at hand, and the account's balance, right now."""
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
        with self._database.write() as session:
            for copy, facts, asked_at in found:
                row = session.get_one(Invoice, copy.id, with_for_update=True)
                apply_single(session, row, facts, dossier.rules, asked_at=asked_at, now=clock())
        batch.checked.invoices.update((row.wispro_id, at) for row, _, at in found)
        with self._database.read() as session:
            return open_dossier(session, dossier.delivery.id)

    def _send(
        self,
        dossier: Dossier,
        settlement: Settlement,
        batch: _Batch,
        *,
        covered: bool,
        judged_at: datetime,
        clock: Clock,
    ) -> DeliveryState | None:
        channel, messenger = dossier.channel, self._messenger
        if channel.needs_transport and dossier.transport is None:
            why = (
                f"no sending account: alerta isp transport {dossier.isp.slug} {channel.scheme} URL"
            )
            return settlement.put_off(clock() + _LOOK_AGAIN_AFTER, Reason.NO_TRANSPORT, why)
        transport, destination = self._addresses(dossier)
        pdf, note = self._pdf(dossier, batch)
        letter = dossier.letter(
            batch.checked, now=judged_at, covered=covered, has_pdf=pdf is not None
        )
        message = messenger.render(letter, medium=Medium(channel.medium), locale=dossier.locale)
        attachments = messenger.attachments(
            letter, scheme=channel.scheme, locale=dossier.locale, pdf=pdf
        )
        envelope = Envelope(
            scheme=channel.scheme,
            transport=transport,
            destination=destination,
            message_id=dossier.delivery.message_id,
            sender_name=dossier.isp.name,
            reply_to=_email_in(dossier.isp.support),
            click_url=letter.pay_url or letter.portal_url,
        )
        if not settlement.begin(now=clock()):
            return None
        try:
            outcome = messenger.send(message, envelope, attachments)
        except DestinationError as error:
            outcome = Outcome(fate=Fate.REJECTED, detail=str(error))
        return settlement.record(
            outcome,
            note=note,
            channel_id=channel.id,
            invoice_ids=dossier.announces(batch.checked, now=judged_at),
            now=clock(),
        )

    def _addresses(self, dossier: Dossier) -> tuple[str | None, str]:
        transport = dossier.transport
        return (
            self._vault.open(transport.url_sealed) if transport else None,
            self._vault.open(dossier.channel.destination_sealed),
        )

    def _pdf(self, dossier: Dossier, batch: _Batch) -> tuple[bytes | None, str | None]:
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

    def _wispro(self, dossier: Dossier, batch: _Batch) -> WisproPort:
        if batch.wispro is None:
            batch.wispro = self._door(access_to(dossier.isp, self._vault))
        return batch.wispro


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
