"""One look at a whole ISP, at the cost of what changed.

    contracts   the newest ones, and those that are alerted
    accounts    those that were never looked at: one by one, or by reading everything
    pending     every open invoice of the ISP
    newest      the invoices at the end of the list, whatever their state
    missing     what the two above did not show: payments, then one by one
    slow        a slice of everything, as a safety net

What differs becomes proposals; `billing.sync` weighs them and lays them down.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from math import ceil

from sqlalchemy import func, select, update

from billing.anomaly import Thresholds
from billing.by_account import AccountLooks
from billing.desk import Desk
from billing.explaining import check_share, explain_by_payments, explain_one_by_one, missing
from billing.mapping import calm, take_clients, take_contracts
from billing.marks import (
    CrawlEnd,
    crawl,
    last_page,
    read_mark,
    read_tail,
    start_over,
    write_mark,
)
from billing.ownership import adopt_orphans, confirm_owners, doubtful
from billing.ports import Sweep
from billing.seen import Seen
from billing.strategy import Plan, Strategy
from billing.sweeping import InvoiceTaker
from billing.values import ContractFacts, ContractState, InvoiceFacts, InvoiceState, SweepPage
from models.account import Account, Contract
from models.invoice import Invoice
from models.isp import Isp

#: States from which an invoice goes on to another; `paid` and `void` are watched by the slow read.
UNFINISHED = (
    InvoiceState.DRAFT,
    InvoiceState.ISSUING,
    InvoiceState.AUTHORIZING,
    InvoiceState.AUTHORIZING_ERROR,
    InvoiceState.UNKNOWN,
)
#: Who is about to be cut off hears of it within the hour; an ISP may have many of them.
ALERTED_EVERY = timedelta(hours=1)
UNFINISHED_EVERY = timedelta(days=1)
#: Above so many of them, Wispro is asked for the list of one state instead of one by one.
_FEW = 3
#: Closed invoices that Wispro has no more are asked for, so many in one slow read; it may archive.
_MOST_CLOSED = 200
_ALL = 10**9
#: Contracts from which on the database counts them after reading them all.
_MANY = 500
#: A slow read ends early by this share of its period, so that it ends within it.
_SLACK = 0.9


@dataclass(slots=True)
class _Map:
    """What is known of the contract map in this run."""

    fresh: bool = False
    complete: bool = True


class WholeLook:
    """Looks at one ISP.

    Args:
        desk: of the run.
        plan: the strategy that was chosen.
        thresholds: how much may be missing before the list itself is not believed.
        looks: at single accounts, for a silent first look.
        anew: read everything now, whatever was read lately.
    """

    def __init__(
        self,
        desk: Desk,
        plan: Plan,
        thresholds: Thresholds | None,
        looks: AccountLooks,
        *,
        anew: bool,
    ) -> None:
        self._desk = desk
        self._plan = plan
        self._thresholds = thresholds
        self._looks = looks
        self._full = anew or plan.strategy is Strategy.FULL
        self._anew = anew
        self._map = _Map()
        self._seen = Seen()
        #: The read of everything that ended here began in an earlier run: it lacks what came since.
        self._is_old = False

    def run(self) -> None:
        """This function will look, and leave what differs as proposals of the run.

        Raises:
            UpstreamError: if Wispro gives no usable answer; what was read before stays proposed.
            LeaseLostError: if another worker took over.
            TooManyMissingError: if so much is missing that the list is not believed.
        """
        if self._anew:
            for listing in ("contracts", "clients", "invoices"):
                start_over(self._desk, listing)
        self._contracts()
        if self._desk.report.more:
            return
        silent = self._silent()
        everything = self._full or len(silent) * 2 > self._pages_of_everything()
        if silent and not everything:
            self._looks.look_at_all(silent)
        taker = InvoiceTaker(self._desk, fresh_map=self._map.fresh)
        if everything:
            if self._anew:
                self._clients(most_pages=None)  # whose an invoice without a contract is
            if not self._all_invoices(taker, most_pages=None):
                self._desk.report.more = True
                self._finish(taker)
                return
            if self._is_old:
                self._lately(taker)
            self._slow(taker, but=("contracts", "invoices"))
        else:
            self._steady(taker)
            self._slow(taker)
        self._finish(taker)

    # -- contracts and clients ------------------------------------------------------------------

    def _contracts(self) -> None:
        desk = self._desk
        mark = read_mark(desk, "contracts")
        if self._full or mark.crawled_at is None:
            self._all_contracts(most_pages=None)
            return
        seen = Seen()
        reached = read_tail(
            desk,
            "contracts",
            lambda start: desk.wispro.contracts(state=None, start=start, clock=desk.clock),
            lambda page: take_contracts(desk, page, seen),
        )
        if not reached:
            self._all_contracts(most_pages=None)
        known = desk.habits.contract_state_filter is not False
        if known and self._is_due("alerted", ALERTED_EVERY):
            self._alerted()

    def _all_contracts(self, *, most_pages: int | None) -> None:
        desk = self._desk
        end = crawl(
            desk,
            "contracts",
            lambda start, resume: desk.wispro.contracts(
                state=None, start=start, clock=desk.clock, resume=resume
            ),
            lambda page, seen: take_contracts(desk, page, seen),
            most_pages=most_pages,
        )
        if end is None:
            if most_pages is None:
                desk.report.more = True
            return
        if end.trouble is not None:
            self._map.complete = False
            desk.report.incomplete("incomplete_pull", end.trouble)
        self._map.fresh = end.trouble is None and end.began >= desk.started
        if self._map.fresh:
            self._note_read("alerted")  # their states came with them
        if end.seen.distinct >= _MANY:
            desk.database.count_anew(Contract, Account)

    def _alerted(self) -> None:
        """Read the contracts that are about to be cut off; the others are not any more."""
        desk = self._desk
        alerted: set[str] = set()
        seen = Seen()
        mark = read_mark(desk, "alerted")
        began = desk.clock()
        sweep = desk.wispro.contracts(
            state=ContractState.ALERTED.value,
            start=last_page(mark, desk.habits.page_size),
            clock=desk.clock,
        )
        for page in desk.turn(sweep, "alerted contracts"):
            mark.total = page.total_records
            alerted |= {one.key for one in page.sightings}
            if not self._take_alerted(page, seen):
                desk.report.incomplete("filter_ignored", "Wispro ignored state_eq of contracts")
                return
        if (why := sweep.why_incomplete(seen.distinct)) is None:
            calm(desk, alerted)
            mark.crawled_at = began
            write_mark(desk, mark)
        else:
            desk.report.incomplete("incomplete_pull", why)

    def _take_alerted(self, page: SweepPage[ContractFacts], seen: Seen) -> bool:
        return take_contracts(self._desk, page, seen)

    def _clients(self, *, most_pages: int | None) -> None:
        desk = self._desk
        crawl(
            desk,
            "clients",
            lambda start, resume: desk.wispro.clients(start=start, clock=desk.clock, resume=resume),
            lambda page, seen: take_clients(desk, page, seen),
            most_pages=most_pages,
        )

    # -- everything -----------------------------------------------------------------------------

    def _silent(self) -> list[int]:
        """Return the accounts that were never looked at."""
        with self._desk.database.read() as session:
            return list(
                session.scalars(
                    select(Account.id)
                    .where(
                        Account.isp_id == self._desk.isp_id,
                        Account.paired_at.is_not(None),
                        Account.unpaired_at.is_(None),
                        Account.baseline_at.is_(None),
                        Account.next_look_at.is_not(None),
                    )
                    .order_by(Account.next_look_at, Account.id)
                )
            )

    def _pages_of_everything(self) -> int:
        habits = self._desk.habits
        return ceil(habits.invoices / habits.page_size) + 1

    def _all_invoices(self, taker: InvoiceTaker, *, most_pages: int | None) -> bool:
        """Read on in the whole list; at its end, ask for what it lacks. False = pages are left."""
        desk = self._desk
        end = crawl(
            desk,
            "invoices",
            lambda start, resume: desk.wispro.invoices(
                state=None, start=start, clock=desk.clock, resume=resume
            ),
            taker.take,
            most_pages=most_pages,
            settled=lambda: taker.settled,
        )
        if end is None:
            return False
        if end.trouble is not None:
            desk.report.incomplete("incomplete_pull", end.trouble)
            return True
        self._after_everything(taker, end)
        return True

    def _after_everything(self, taker: InvoiceTaker, end: CrawlEnd) -> None:
        desk = self._desk
        self._explain(missing(desk, end.seen, [InvoiceState.PENDING], before=end.began))
        closed = [state for state in InvoiceState if state is not InvoiceState.PENDING]
        self._is_old = end.began < desk.started
        if not self._is_old:
            self._note_read("unfinished")
        left = missing(desk, end.seen, closed, before=end.began)[:_MOST_CLOSED]
        self._note_left(explain_one_by_one(desk, left))
        adopt_orphans(desk, taker)
        if self._map.complete:
            desk.baseline_before = end.began

    # -- the steady cycle -----------------------------------------------------------------------

    def _steady(self, taker: InvoiceTaker) -> None:
        """Read what changes; the drafts of a list that is not believed stay due."""
        self._lately(taker)
        self._unfinished(taker)

    def _lately(self, taker: InvoiceTaker) -> None:
        """Read what is open and what is new, and ask for what is open no more."""
        desk = self._desk
        began = desk.clock()
        complete = self._pending(taker)
        if desk.habits.oldest_first is not False:
            self._newest(taker)
        if complete:
            self._explain(missing(desk, self._seen, [InvoiceState.PENDING], before=began))

    def _pending(self, taker: InvoiceTaker) -> bool:
        desk = self._desk
        mark = read_mark(desk, "pending")
        mark.total = mark.total or desk.habits.pending
        seen = Seen()
        sweep: Sweep[InvoiceFacts] = desk.wispro.invoices(
            state=InvoiceState.PENDING.value,
            start=last_page(mark, desk.habits.page_size),
            clock=desk.clock,
        )
        for page in desk.turn(sweep, "open invoices"):
            mark.total = page.total_records
            as_asked = taker.take(page, seen, expected=InvoiceState.PENDING)
            if not as_asked:
                desk.report.incomplete(
                    "filter_ignored", "Wispro ignored state_eq of invoices; see alerta doctor"
                )
                self._seen.rows(seen)
                return False
        write_mark(desk, mark)
        self._seen.rows(seen)
        if (why := sweep.why_incomplete(seen.distinct)) is not None:
            desk.report.incomplete("incomplete_pull", why)
            return False
        return True

    def _newest(self, taker: InvoiceTaker) -> None:
        desk = self._desk
        reached = read_tail(
            desk,
            "invoices",
            lambda start: desk.wispro.invoices(state=None, start=start, clock=desk.clock),
            lambda page: taker.take(page, self._seen),
        )
        if not reached:
            self._read_whole_soon()

    def _read_whole_soon(self) -> None:
        mark = read_mark(self._desk, "invoices")
        mark.crawled_at = None
        write_mark(self._desk, mark)

    def _unfinished(self, taker: InvoiceTaker) -> None:
        """Look again at what was a draft: by its state where there are many, else one by one.

        Once a day: one that comes out is among the pending ones, and one that ends in another way
        was never told to anybody.
        """
        desk = self._desk
        if not self._is_due("unfinished", UNFINISHED_EVERY):
            return
        mark = read_mark(desk, "unfinished")
        mark.crawled_at = desk.started
        left = missing(desk, self._seen, UNFINISHED, before=desk.started)
        if len(left) > _FEW and desk.habits.invoice_state_filter is not False:
            for raw_state in self._raw_states(left):
                sweep = desk.wispro.invoices(state=raw_state, start=None, clock=desk.clock)
                for page in desk.turn(sweep, f"{raw_state} invoices"):
                    taker.take(page, self._seen)
            left = [row_id for row_id in left if row_id not in self._seen]
        if left:
            left = explain_one_by_one(desk, left)
            self._note_left(left)
        if not left:
            write_mark(desk, mark)

    def _note_read(self, listing: str) -> None:
        """Note that a list that is read now and then was read in this run."""
        mark = read_mark(self._desk, listing)
        mark.crawled_at = self._desk.started
        write_mark(self._desk, mark)

    def _is_due(self, listing: str, every: timedelta) -> bool:
        """Whether a list that is read now and then is to be read in this cycle."""
        read_at = read_mark(self._desk, listing).crawled_at
        return read_at is None or self._desk.started - read_at >= every

    def _raw_states(self, row_ids: list[int]) -> list[str]:
        with self._desk.database.read() as session:
            return list(
                session.scalars(
                    select(Invoice.raw_state)
                    .where(
                        Invoice.isp_id == self._desk.isp_id,
                        Invoice.state.in_([state.value for state in UNFINISHED]),
                        Invoice.id.between(min(row_ids), max(row_ids)),
                    )
                    .distinct()
                    .order_by(Invoice.raw_state)
                )
            )

    def _explain(self, left: list[int]) -> None:
        desk = self._desk
        with desk.database.read() as session:
            since = session.get_one(Isp, desk.isp_id).swept_at
        left = explain_by_payments(desk, left, since=since, most_pages=max(len(left), 1))
        if self._thresholds is not None:
            check_share(len(left), open_invoices(self._desk), self._thresholds)
        self._note_left(explain_one_by_one(desk, left))

    def _note_left(self, left: list[int]) -> None:
        if left and self._desk.out_of_time:
            self._desk.report.more = True

    def _slow(self, taker: InvoiceTaker, *, but: tuple[str, ...] = ()) -> None:
        """Read a slice of everything, so that all of it is read within its period."""
        desk = self._desk
        slices: tuple[tuple[str, int, Callable[[int], object]], ...] = (
            ("contracts", desk.habits.contracts, lambda n: self._all_contracts(most_pages=n)),
            ("clients", desk.habits.clients, lambda n: self._clients(most_pages=n)),
            (
                "invoices",
                desk.habits.invoices,
                lambda n: self._all_invoices(taker, most_pages=n),
            ),
        )
        for listing, records, read in slices:
            if listing in but:
                continue
            mark = read_mark(desk, listing)
            due = (
                mark.crawl_page is not None
                or mark.crawled_at is None
                or desk.started - mark.crawled_at >= desk.full_every
            )
            if due and not desk.out_of_time:
                pages = _slice(max(records, mark.total), desk)
                read(_ALL if self._anew else pages)

    def _finish(self, taker: InvoiceTaker) -> None:
        """Settle whose the invoices are that are not certain, in the cheaper way."""
        desk = self._desk
        adopt_orphans(desk, taker)
        if doubtful(desk) > ceil(desk.habits.contracts / desk.habits.page_size):
            self._all_contracts(most_pages=None)
        confirm_owners(desk, fresh_map=self._map.fresh)
        desk.finished = True


def _slice(records: int, desk: Desk) -> int:
    """How many pages of a list to read in one cycle."""
    pages = ceil(records / desk.habits.page_size)
    cycles = max(desk.full_every * _SLACK / desk.every, 1.0)
    return max(ceil(pages / cycles), 1)


def open_invoices(desk: Desk) -> int:
    """This function will count the open invoices of paired accounts."""
    with desk.database.read() as session:
        return (
            session.scalar(
                select(func.count())
                .select_from(Invoice)
                .join(Account, Account.id == Invoice.account_id)
                .where(
                    Invoice.isp_id == desk.isp_id,
                    Invoice.state == InvoiceState.PENDING.value,
                    Invoice.vanished_at.is_(None),
                    Account.paired_at.is_not(None),
                    Account.unpaired_at.is_(None),
                )
            )
            or 0
        )


def end_baseline(desk: Desk) -> None:
    """This function will end the silent first look of whoever was paired before the long read.

    From now on whole-ISP looks cover them. Where the look broke off, whatever was not certain yet
    was dropped: it would be announced as new one day.
    """
    began = desk.baseline_before
    if began is None or not desk.finished:
        return
    with desk.database.write() as session:
        desk.must_hold(session)
        session.execute(
            update(Account)
            .where(
                Account.isp_id == desk.isp_id,
                Account.baseline_at.is_(None),
                Account.paired_at <= began,
                Account.unpaired_at.is_(None),
            )
            .values(baseline_at=began, looked_at=began, look_trouble=None, next_look_at=None)
            .execution_options(synchronize_session=False)
        )
