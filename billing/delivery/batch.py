"""One batch: each errand is judged, looked after, written, sent and recorded, many side by side.

One thread reads and writes rows; only the waiting for Wispro and for providers is done in lanes.
Whatever is over at one time is recorded in one transaction, and what may leave next is journaled
in one, so that the database is asked seldom when much goes out and at once when little does.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Self

import structlog

from billing import gate
from billing.checked import Checked
from billing.delivery import looking, providers
from billing.delivery.budgets import Elsewhere
from billing.delivery.errand import Claim, Errand, Ready, next_parcel
from billing.delivery.lanes import Lanes
from billing.delivery.ledger import Ledger, ended_for, put_off, settled_by
from billing.delivery.together import to_look_at_besides
from billing.delivery.writing import Outgoing, Paper, paper_of, pdf_wanted, write
from billing.dossier import Dossier
from billing.ending import asked_pause
from billing.letter import Fate, Outcome
from billing.opening import open_dossiers
from billing.ports import (
    Clock,
    DestinationError,
    MessengerPort,
    PacePort,
    RenderError,
    SecretError,
    ShelfPort,
    UpstreamError,
    VaultPort,
    WisproAccess,
    WisproPort,
)
from billing.sealed import opens
from billing.spans import span
from billing.terms import UnreadablePolicyError, access_to
from billing.values import DeliveryState, Reason
from models import claims
from models.account import Channel
from models.database import Database
from models.invoice import Invoice

log = structlog.get_logger()

BATCH_SIZE = 50
#: A claim that its batch will not reach any more is given back well before the soft limit.
BATCH_BUDGET = timedelta(seconds=45)
#: How long a delivery waits for something that is not in our hands: Wispro, a missing transport.
LOOK_AGAIN_AFTER = timedelta(minutes=5)
#: What was judged longer ago is judged anew before it leaves.
_JUDGED_FOR = timedelta(seconds=10)
#: Seconds that a lane waits for its turn at a provider; who would wait longer comes back later.
_TURN_WITHIN = 2.0
#: Seconds that a batch which is told to stop waits for what is under way.
_GRACE = 20.0
#: A delivery that raised an error nobody foresaw waits so long, and so long in all.
_STUMBLED_FOR = timedelta(minutes=30)
_GIVE_UP_AFTER = timedelta(days=1)


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

    def count(self, state: DeliveryState, number: int = 1) -> None:
        """Add deliveries that ended in `state`, or were put off."""
        name = "deferred" if state is DeliveryState.PLANNED else state.value
        setattr(self, name, getattr(self, name) + number)


@dataclass(frozen=True, slots=True, kw_only=True)
class Doors:
    """What every batch needs; see `billing.delivery.Delivering` for each."""

    database: Database
    vault: VaultPort
    wispro: Callable[[WisproAccess], WisproPort]
    messenger: MessengerPort
    pace: PacePort
    shelf: ShelfPort
    sleep: Callable[[float], None]
    max_pdf_bytes: int
    lanes: int
    elsewhere: Elsewhere
    stop_link: Callable[[Channel], str | None]


@dataclass(frozen=True, slots=True)
class _Look:
    """A look that is under way; `rows_of` names the invoices that each delivery asked about."""

    errand: Errand
    asked: dict[Claim, Dossier]
    rows_of: Mapping[Claim, Sequence[Invoice]]


@dataclass(frozen=True, slots=True)
class _Fetch:
    """A PDF that is on its way."""

    wispro_id: str


@dataclass(slots=True)
class Batch:
    """The errands of one batch, by what they wait for.

    Args:
        doors: to rows, to Wispro, to people.
        clock: the present.
        errands: what was claimed.
    """

    doors: Doors
    clock: Clock
    errands: Iterable[Errand]
    report: DeliveryReport = field(default_factory=DeliveryReport)
    _later: deque[Errand] = field(default_factory=deque)
    _serving: dict[int, Errand] = field(default_factory=dict)
    _to_judge: deque[Errand] = field(default_factory=deque)
    _to_look: deque[tuple[Errand, dict[Claim, Dossier]]] = field(default_factory=deque)
    _to_fetch: deque[Errand] = field(default_factory=deque)
    _ready: deque[Errand] = field(default_factory=deque)
    _fetching: dict[str, list[Errand]] = field(default_factory=dict)
    _pdfs: dict[str, bytes | str] = field(default_factory=dict)
    _checked: Checked = field(default_factory=Checked)
    _wispro: WisproPort | None = None
    _stumbled: list[Exception] = field(default_factory=list)
    #: Until when providers asked us to wait; lanes write it, too.
    _closed: dict[str, datetime] = field(default_factory=dict)
    _started: set[Claim] = field(default_factory=set)
    _over: list[tuple[Outgoing, Future[Outcome]]] = field(default_factory=list)
    _lanes: Lanes = field(init=False)
    _ledger: Ledger = field(init=False)
    _accounts: providers.Accounts = field(init=False)

    def __post_init__(self) -> None:
        self._lanes = Lanes(self.doors.lanes)
        self._ledger = Ledger(self.doors.database, self.doors.elsewhere)
        self._accounts = providers.Accounts(self.doors.vault, self.doors.messenger)
        self.errands = list(self.errands)
        self._later.extend(self.errands)

    def run(self) -> DeliveryReport:
        """This function will bring every errand to an end, put it off, or give it back.

        Raises:
            Exception: the first error that nobody foresaw, after everything else is done.
        """
        started = self.clock()
        try:
            while self._queued or self._lanes.busy:
                if self.clock() - started > BATCH_BUDGET:
                    self._give_back_queued()
                self._serve()
                self._judge()
                self._start_looks()
                self._start_fetching()
                self._start_sending()
                self._take(self._lanes.done(None))
        except BaseException:
            try:
                self._stop()
            except Exception:
                # Whoever told us to stop must be heard; what is left waits for its lease.
                log.exception("deliver.stop_failed")
            raise
        finally:
            self._lanes.close()
        if self._stumbled:
            raise self._stumbled[0]
        return self.report

    def _serve(self) -> None:
        """Begin with the next errand of every account: of several channels the first goes first.

        What goes there counts for the caps on the others, and what was asked is known to them.
        """
        for _ in range(len(self._later)):
            errand = self._later.popleft()
            before = self._serving.get(errand.account_id)
            if before is not None and before.claims:
                self._later.append(errand)
            else:
                self._serving[errand.account_id] = errand
                self._to_judge.append(errand)

    # -- judging ------------------------------------------------------------------------------

    def _judge(self) -> None:
        """Ask the gate about everything that is to be judged, with its facts read in one go."""
        if not self._to_judge:
            return
        errands = [one for one in self._to_judge if one.claims]
        self._to_judge.clear()
        settled: list[claims.Settled] = []
        try:
            with self.doors.database.read() as session:
                dossiers = open_dossiers(session, [c[0] for one in errands for c in one.claims])
        except UnreadablePolicyError as error:
            # A policy may be mended any minute, and says nothing about these deliveries.
            for one in errands:
                settled += self._put_off(one.claims, Reason.UNFORESEEN, str(error))
                one.drop(one.claims)
            self._settle(settled)
            return
        for one in errands:
            try:
                self._judge_errand(one, dossiers, settled)
            except Exception as error:  # noqa: BLE001 - this errand's own; raised at the end
                self._set_apart(one, error)
        self._settle(settled)

    def _judge_errand(
        self, errand: Errand, dossiers: dict[int, Dossier], settled: list[claims.Settled]
    ) -> None:
        now = self.clock()
        ready: list[Ready] = []
        unclear: dict[Claim, Dossier] = {}
        for claim in tuple(errand.claims):
            dossier = dossiers[claim[0]]
            verdict = dossier.verdict(self._checked, now=now)
            match verdict:
                case gate.Go() if claim[0] in errand.unanswered:
                    settled.append(self._without_answer(errand, claim, ""))
                    errand.drop([claim])
                case gate.Go(covered=covered):
                    ready.append(
                        Ready(claim=claim, dossier=dossier, covered=covered, judged_at=now)
                    )
                case gate.Wait() | gate.End():
                    settled.append(settled_by(claim, verdict, now=now))
                    errand.drop([claim])
                case gate.LookAgain(why=why) if errand.looked:
                    settled.append(self._without_answer(errand, claim, why))
                    errand.drop([claim])
                case gate.LookAgain():
                    unclear[claim] = dossier
        if unclear:
            self._to_look.append((errand, unclear))
        elif ready:
            errand.parcel = next_parcel(ready)
            self._to_fetch.append(errand)

    def _without_answer(self, errand: Errand, claim: Claim, why: str) -> claims.Settled:
        """No fresh look, no demand for money (product.md, rule 4)."""
        if claim[0] in errand.unasked:
            return put_off(claim, self.clock(), None, None)
        detail = errand.unanswered.get(claim[0], why)
        return put_off(claim, self.clock() + LOOK_AGAIN_AFTER, Reason.STALE_DATA, detail)

    # -- looking ------------------------------------------------------------------------------

    def _start_looks(self) -> None:
        """Ask Wispro about as many accounts as there are lanes, each account once at a time."""
        waiting = deque(self._to_look)
        self._to_look.clear()
        while waiting:
            errand, unclear = waiting.popleft()
            if not self._lanes.free:
                self._to_look.append((errand, unclear))
                continue
            wispro = self._door(errand, next(iter(unclear.values())))
            if wispro is None:
                continue
            now = self.clock()
            rows_of = {
                claim: list(one.to_look_at(self._checked, now=now))
                for claim, one in unclear.items()
            }
            dossiers = list(unclear.values())
            rows = looking.questions(dossiers, self._checked, now=now)
            rows += to_look_at_besides(dossiers, self._checked, now=now)
            self._lanes.start(
                _Look(errand, unclear, rows_of),
                partial(looking.ask_wispro, wispro, dossiers, rows, clock=self.clock),
            )

    def _take_look(self, look: _Look, future: Future[looking.Answers]) -> None:
        errand = look.errand
        try:
            answers = future.result()
            with self.doors.database.write() as session:
                dossiers = list(look.asked.values())
                looking.lay_down(session, answers, dossiers, self._checked, now=self.clock())
        except Exception as error:  # noqa: BLE001 - this errand's own; raised at the end
            self._set_apart(errand, error)
            return
        errand.looked = True
        errand.unanswered, errand.unasked = looking.unanswered(answers, look.asked, look.rows_of)
        self._to_judge.append(errand)

    # -- fetching -----------------------------------------------------------------------------

    def _start_fetching(self) -> None:
        """Fetch the PDFs that go along, each once; what needs none is ready."""
        for _ in range(len(self._to_fetch)):
            errand = self._to_fetch.popleft()
            wanted = pdf_wanted(errand.parcel, self.doors.messenger)
            if wanted is None or wanted[1] in self._pdfs:
                self._ready.append(errand)
                continue
            dossier, wispro_id = wanted
            if wispro_id in self._fetching:
                self._fetching[wispro_id].append(errand)
            elif not self._lanes.free:
                self._to_fetch.append(errand)
            elif (wispro := self._door(errand, dossier)) is not None:
                self._fetching[wispro_id] = [errand]
                paper = paper_of(dossier)
                fetch = partial(_pdf, wispro, paper, self.doors.shelf, self.doors.max_pdf_bytes)
                self._lanes.start(_Fetch(wispro_id), fetch)

    def _take_pdf(self, fetch: _Fetch, future: Future[bytes | str]) -> None:
        waiting = self._fetching.pop(fetch.wispro_id)
        try:
            self._pdfs[fetch.wispro_id] = future.result()
        except Exception as error:  # noqa: BLE001 - these errands' own; raised at the end
            for errand in waiting:
                self._set_apart(errand, error)
            return
        self._ready.extend(waiting)

    # -- sending ------------------------------------------------------------------------------

    def _start_sending(self) -> None:
        """Write, journal and hand over as many messages as there are lanes."""
        settled: list[claims.Settled] = []
        outgoing: list[tuple[Outgoing, float]] = []
        for _ in range(len(self._ready)):
            if len(outgoing) >= self._lanes.free:
                break
            errand = self._ready.popleft()
            if self.clock() - errand.parcel[0].judged_at > _JUDGED_FOR:
                self._to_judge.append(errand)
                continue
            found = self._written(errand, settled)
            if found is not None:
                turn = self._turn(found, settled)
                if turn is not None:
                    outgoing.append((found, turn))
        self._settle(settled)
        if not outgoing:
            return
        turns = {id(one): turn for one, turn in outgoing}
        begun = self._ledger.begin([one for one, _ in outgoing], now=self.clock())
        for row in begun.settled:
            self.report.count(DeliveryState(row.state))
        for one in begun.waiting:
            self._go_on(one)
        self._to_judge.extend(one.errand for one in begun.capped)
        for one in begun.lost:
            self._go_on(one)
        for one in begun.going:
            # Before it starts: what is not in here was certainly not handed over.
            self._started.update(ready.claim for ready in one.parcel)
            self._lanes.start(one, self._sending(one, turns[id(one)]))

    def _written(self, errand: Errand, settled: list[claims.Settled]) -> Outgoing | None:
        """Return the message of an errand's parcel, or bring it to an end without one."""
        first = errand.parcel[0]
        dossier, now = first.dossier, self.clock()
        parcel = [one.claim for one in errand.parcel]
        channel = dossier.channel
        try:
            if channel.needs_transport and dossier.transport is None:
                why = (
                    "no sending account: alerta isp transport "
                    f"{dossier.isp.slug} {channel.scheme} URL"
                )
                settled += self._put_off(parcel, Reason.NO_TRANSPORT, why)
            else:
                wanted = pdf_wanted(errand.parcel, self.doors.messenger)
                return write(
                    errand,
                    self._checked,
                    self._accounts.of(dossier),
                    self._pdfs.get(wanted[1]) if wanted else None,
                    vault=self.doors.vault,
                    messenger=self.doors.messenger,
                    stop_link=self.doors.stop_link,
                )
        except SecretError as error:
            settled += self._unreadable(dossier, parcel, str(error))
        except RenderError as error:
            state, reason = DeliveryState.FAILED, Reason.RENDER_FAILED
            settled += [ended_for(one, state, reason, str(error), now=now) for one in parcel]
        except Exception as error:  # noqa: BLE001 - this errand's own; raised at the end
            self._set_apart(errand, error)
            return None
        errand.drop(parcel)
        self._to_judge.append(errand)
        return None

    def _unreadable(
        self, dossier: Dossier, parcel: Sequence[Claim], why: str
    ) -> Sequence[claims.Settled]:
        """Say how deliveries stand whose channel, or whose sending account, no key opens.

        What the ISP has to mend waits for that, and so does everything where the ring of keys
        itself seems to be another one: only an address that is unreadable by itself ends them.
        """
        vault, transport = self.doors.vault, dossier.transport
        mended_by_isp = [dossier.isp.token_sealed]
        if transport is not None:
            mended_by_isp.append(transport.url_sealed)
        if not all(opens(vault, sealed) for sealed in mended_by_isp):
            return self._put_off(parcel, Reason.UNREADABLE_SECRET, why)
        channel_id, now = dossier.channel.id, self.clock()
        ended = self._ledger.close_unreadable(channel_id, parcel, why, now=now)
        for one in ended:
            self.report.count(DeliveryState(one.state))
        return ()

    def _turn(self, one: Outgoing, settled: list[claims.Settled]) -> float | None:
        """Return in how many seconds a message may leave; None = not now, it was put off."""
        limits, channel = one.account.limits, one.parcel[0].dossier.channel
        number = self._counts_as(one)
        gaps = []
        if limits.gap:
            gaps.append((one.account.key, limits.gap * number))
        if limits.recipient_gap:
            who = channel.destination_digest[:32]
            gaps.append((f"{one.account.key}:{who}", limits.recipient_gap * number))
        turn = self.doors.pace.reserve(gaps, within=_TURN_WITHIN) if gaps else 0.0
        if turn <= _TURN_WITHIN:
            return turn
        until = self.clock() + timedelta(seconds=turn)
        parcel = [ready.claim for ready in one.parcel]
        settled += [put_off(claim, until, Reason.PROVIDER_LIMIT, None) for claim in parcel]
        one.errand.drop(parcel)
        self._to_judge.append(one.errand)
        return None

    def _counts_as(self, one: Outgoing) -> int:
        """Return how many messages of its provider this one is."""
        scheme = one.parcel[0].dossier.channel.scheme
        return self.doors.messenger.counts_as(scheme, one.attachments)

    def _sending(self, one: Outgoing, turn: float) -> Callable[[], Outcome]:
        number = self._counts_as(one)

        def send() -> Outcome:
            if turn > 0:
                self.doors.sleep(turn)
            account = one.account
            with self.doors.pace.passing(account.key, account.limits.gap, number=number):
                asked_to_wait = self._asked_to_wait(account.key)
                if asked_to_wait is not None:
                    return asked_to_wait
                try:
                    with span("deliver.send", scheme=one.envelope.scheme):
                        outcome = self.doors.messenger.send(
                            one.message, one.envelope, one.attachments
                        )
                except DestinationError as error:
                    outcome = Outcome(fate=Fate.REJECTED, detail=str(error))
                if outcome.fate is Fate.HELD_UP and (pause := asked_pause(outcome)) is not None:
                    self._closed[account.key] = self.clock() + pause
            return outcome

        return send

    def _asked_to_wait(self, key: str) -> Outcome | None:
        """Return the fate of what is not sent because the provider has just asked us to wait."""
        now = self.clock()
        until = self._closed.get(key, now)
        if until <= now:
            return None
        left = (until - now).total_seconds()
        return Outcome(fate=Fate.HELD_UP, detail="the provider asked to wait", retry_after=left)

    def _take_sent(self, several: Sequence[tuple[Outgoing, Future[Outcome]]]) -> None:
        outcomes: list[tuple[Outgoing, Outcome]] = []
        for one, future in several:
            error = future.exception()
            if error is None:
                outcomes.append((one, future.result()))
            else:  # journaled and not known to have failed: the provider may have it
                kind = type(error).__name__
                outcomes.append((one, Outcome(fate=Fate.UNCERTAIN, detail=f"broke off: {kind}")))
                if isinstance(error, Exception):
                    self._stumbled.append(error)
        recorded = self._ledger.record(outcomes, now=self.clock())
        self._over.clear()
        for one, state in recorded:
            self.report.count(state, len(one.parcel))
            self._go_on(one)

    def _go_on(self, one: Outgoing) -> None:
        """Go on with the rest of an errand: what went just now counts for the caps on it."""
        one.errand.drop([ready.claim for ready in one.parcel])
        self._to_judge.append(one.errand)

    # -- all of them --------------------------------------------------------------------------

    @property
    def _queued(self) -> bool:
        return bool(self._later or self._to_judge or self._to_look or self._to_fetch or self._ready)

    def _take(self, over: Sequence[tuple[object, Future[Any]]]) -> None:
        sent: list[tuple[Outgoing, Future[Outcome]]] = []
        for tag, future in over:
            match tag:
                case _Look():
                    self._take_look(tag, future)
                case _Fetch():
                    self._take_pdf(tag, future)
                case Outgoing():
                    sent.append((tag, future))
        if sent:
            self._over += sent  # recorded by `_stop` if we are told to while it is being written
            self._take_sent(sent)

    def _door(self, errand: Errand, dossier: Dossier) -> WisproPort | None:
        """Return the client of the ISP's Wispro; without its token the errand waits."""
        try:
            if self._wispro is None:
                self._wispro = self.doors.wispro(access_to(dossier.isp, self.doors.vault))
        except SecretError as error:
            self._settle(self._put_off(errand.claims, Reason.UNREADABLE_SECRET, str(error)))
            errand.drop(errand.claims)
            return None
        return self._wispro

    def _put_off(
        self, several: Sequence[Claim], reason: Reason, detail: str
    ) -> list[claims.Settled]:
        until = self.clock() + LOOK_AGAIN_AFTER
        return [put_off(claim, until, reason, detail) for claim in several]

    def _settle(self, settled: Sequence[claims.Settled]) -> None:
        self._ledger.settle(settled)
        for one in settled:
            self.report.count(DeliveryState(one.state))

    def _set_apart(self, errand: Errand, error: Exception) -> None:
        """Put deliveries off on which we stumbled; give one up after a day of stumbling.

        What nobody foresaw is this errand's own: the others must not wait behind it.
        """
        self._stumbled.append(error)
        now = self.clock()
        settled = []
        with self.doors.database.read() as session:
            planned = claims.planned_at(session, [claim[0] for claim in errand.claims])
        for claim in errand.claims:
            if now - planned[claim[0]] > _GIVE_UP_AFTER:
                settled.append(
                    ended_for(claim, DeliveryState.FAILED, Reason.UNFORESEEN, None, now=now)
                )
            else:
                settled.append(put_off(claim, now + _STUMBLED_FOR, Reason.UNFORESEEN, None))
        errand.drop(errand.claims)
        self._settle(settled)

    def _give_back_queued(self) -> None:
        """Plan again what this batch will not reach."""
        waiting = [
            *self._later,
            *self._to_judge, *(one for one, _ in self._to_look), *self._to_fetch, *self._ready,
        ]  # fmt: skip
        for queue in (self._later, self._to_judge, self._to_look, self._to_fetch, self._ready):
            queue.clear()
        self._ledger.give_back([claim for one in waiting for claim in one.claims])

    def _stop(self) -> None:
        """We are told to stop: record what can still be known, give back what was not begun.

        A signal may come while attempts are journaled and before their messages leave: that these
        did not is known here, and nowhere else ever again.
        """
        for tag in self._lanes.cancel():
            if isinstance(tag, Outgoing):
                self._started.difference_update(ready.claim for ready in tag.parcel)
        over = self._lanes.finish(_GRACE)
        sent = [(tag, future) for tag, future in over if isinstance(tag, Outgoing)]
        self._take_sent([*self._over, *sent])
        left = [claim for one in self.errands for claim in one.claims]
        self._ledger.take_back([claim for claim in left if claim not in self._started])
        self._ledger.give_back(left)


def _pdf(wispro: WisproPort, paper: Paper, shelf: ShelfPort, most: int) -> bytes | str:
    """Return the PDF, or why the alert goes without it."""
    kept = shelf.take(paper.name)
    if kept is not None and len(kept) <= most:
        return kept
    try:
        found = wispro.invoice_pdf(paper.wispro_id, max_bytes=most)
    except UpstreamError as error:
        return f"without PDF: {error}"
    shelf.lay(paper.name, found)
    return found
