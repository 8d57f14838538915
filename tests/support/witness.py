"""Holds what our program stored and planned against what was true in Wispro."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from sqlalchemy import select

from billing.facts import facts_of
from billing.owing import lay_steps
from billing.runs import SyncReport
from billing.strategy import Strategy
from billing.terms import rules_of
from billing.values import AlertKind, ChangeKind, InvoiceState
from models.account import Account
from models.alert import Alert
from models.base import Base
from models.database import Database
from models.invoice import Invoice, InvoiceChange
from models.listing import ListingMark
from tests.support.journal import Fact, Journal
from tests.support.provider import BEGINNING, TOKEN, ZONE
from wispro.sandbox.model import FIXTURE_SECRETS

_STEPS = frozenset(
    {AlertKind.DUE_SOON, AlertKind.DUE_TODAY, AlertKind.OVERDUE, AlertKind.SECOND_DUE_SOON}
)
_UNFINISHED = frozenset({"draft", "issuing", "authorizing", "authorizing_error"})
_OUT = frozenset({"pending", "paid", "void"})
#: Faults after which our copy may be wrong although the look rightly says that it was whole.
LIES = frozenset({"amounts_null", "unknown_state", "bad_record", "body_404"})
_END = datetime.max.replace(tzinfo=BEGINNING.tzinfo)
SECRETS = (TOKEN, "30.100.2", "20.300.4", *FIXTURE_SECRETS)
_TABLES = tuple(table.name for table in Base.metadata.sorted_tables)
_GUARDED = ("invoice", "alert", "delivery", '"change"', "contract", "proposal", "listing_mark")


@dataclass(frozen=True)
class Copy:
    """What our row of an invoice said after some look."""

    account_id: int
    state: str
    vanished: bool
    announced: bool
    terms: tuple[str | None, Decimal]
    baseline_at: datetime | None


class Witness:
    """Watches one village.

    Args:
        database: of our program.
        journal: of the truth.
    """

    def __init__(self, database: Database, journal: Journal) -> None:
        self._database = database
        self._journal = journal
        self.texts: list[str] = []
        self._last_alert = 0
        #: When each complete look at everything began, the latest last.
        self._whole: list[datetime] = [BEGINNING, BEGINNING]
        self._by_account = False
        self._copies: dict[str, Copy] = {}
        self._baselines: dict[str, tuple[datetime, datetime]] = {}
        self._closed_before_the_end: set[str] = set()
        #: Invoices that existed when some look was over, and before the look at the end.
        self._seen_by_a_look: set[str] = set()
        self._new_at_the_end: set[str] = set()
        #: When we last knew an invoice as open, and for which account.
        self._open: dict[str, tuple[int, datetime]] = {}
        #: Since when our copy of an invoice may not say what ended being true before.
        self._known: dict[str, datetime] = {}

    # -- after each look ------------------------------------------------------------------------

    def after_look(
        self,
        started: datetime,
        ended: datetime,
        report: SyncReport | None,
        *,
        whole: bool,
        lies: frozenset[str] = frozenset(),
        of: int | None = None,
    ) -> None:
        """Check what a look, or the planner, did to our rows.

        Args:
            started: before the first request.
            ended: after the last one.
            report: of the look.
            whole: it says that it looked at everything.
            lies: the faults that met it.
            of: the account, if it was an honest look at a single one.
        """
        if report is not None:
            self.texts.append(f"{report}")
        self._seen_by_a_look |= self._journal.invoices.keys()
        with self._database.read() as session:
            alerts = session.scalars(
                select(Alert).where(Alert.id > self._last_alert).order_by(Alert.id)
            ).all()
            accounts = {one.id: one for one in session.scalars(select(Account))}
            rows = {one.id: one for one in session.scalars(select(Invoice))}
            marks = session.scalars(select(ListingMark).where(ListingMark.crawled_at.is_not(None)))
            crawled = {one.listing: one.crawled_at for one in marks}
        crawled_at = crawled.get("contracts")
        self._keep_baselines(accounts.values(), ended)
        for alert in alerts:
            assert alert.invoice_id is not None
            row, account = rows[alert.invoice_id], accounts[alert.account_id]
            self._check_alert(alert, row, account, crawled_at or BEGINNING)
        self._check_rows(rows.values(), accounts, crawled_at or BEGINNING, ended)
        self._check_reactions(rows.values(), accounts, alerts, started)
        self._last_alert = alerts[-1].id if alerts else self._last_alert
        if whole:
            assert report is not None
            by_account = report.mode == Strategy.ACCOUNTS
            if by_account != self._by_account:
                self._whole = [self._whole[-1], self._whole[-1]]
            self._by_account = by_account
            self._whole = [self._whole[-1], started]
            for account in accounts.values() if by_account and not lies & LIES else ():
                self._check_contracts(rows.values(), account, started, ended)
            read_at = min(crawled.get("invoices") or started, started)
            began = (read_at, started)
            self._check_whole(rows, accounts, Strategy(report.mode), began, ended, lies)
        if of is not None:
            self._check_contracts(rows.values(), accounts[of], started, ended)
            for row in rows.values():
                if row.account_id == of and row.state == "pending" and row.vanished_at is None:
                    self.know(row.wispro_id, started)

    def know(self, invoice_id: str, since: datetime) -> None:
        """Remember that our copy of an invoice is no older than that."""
        self._known[invoice_id] = max(since, self._known.get(invoice_id, BEGINNING))

    def _check_rows(
        self, rows: Iterable[Invoice], accounts: dict[int, Account], crawled: datetime, at: datetime
    ) -> None:
        """No copy went back in time, came to a stranger, or was given up at once."""
        mapped_at = max(crawled, self._whole[-2] if self._by_account else BEGINNING)
        for row in rows:
            before, account = self._copies.get(row.wispro_id), accounts[row.account_id]
            name = f"{row.wispro_id[-4:]} of {account.name}"
            if account.paired and row.vanished_at is None:
                since = self._known.get(row.wispro_id, BEGINNING)
                mine = _content(row)
                facts = self._journal.invoice(row.wispro_id, BEGINNING, at)
                if mine in map(_told, facts):
                    facts = self._journal.invoice(row.wispro_id, since, at)
                    assert mine in map(_told, facts), f"{name} went back: {mine} {facts}"
            if before is None or before.account_id != row.account_id:
                since = BEGINNING if row.contract_id is None else mapped_at
                assert self._journal.held(row.wispro_id, account.client_id, since, at), (
                    f"{name}: stored for a stranger"
                )
            elif row.vanished_at is not None and not before.vanished:
                kept = {fact.holder for fact in self._journal.invoice(row.wispro_id, BEGINNING, at)}
                assert row.missing_reads > 1 or len(kept) > 1 or row.contract_id is None, (
                    f"{name}: given up after {row.missing_reads}"
                )

    def _check_whole(
        self,
        rows: dict[int, Invoice],
        accounts: dict[int, Account],
        way: Strategy,
        began: tuple[datetime, datetime],
        ended: datetime,
        lies: frozenset[str],
    ) -> None:
        """What did not change while we looked, and what such a look sees, is what our copy says.

        Args:
            rows: our copy.
            accounts: all of them.
            way: of this look.
            began: when the slow read of everything began, and when this look did.
            ended: after the last request.
            lies: the faults that met it.
        """
        copies = {row.wispro_id: row for row in rows.values()}
        paired = {one.client_id: one for one in accounts.values() if one.paired}
        for invoice_id, line in self._journal.invoices.items():
            since = began[line.now.pending or way is not Strategy.FULL]
            facts = line.during(since, ended)
            fact, row = line.now, copies.get(invoice_id)
            if len(facts) > 1 or not line.known_at(since) or not fact.there:
                continue
            account = paired.get(self._journal.owner(fact) or "")
            if account is None or account.baseline_at is None:
                continue
            if self._moved(fact, BEGINNING if way is Strategy.SWEEP else min(began), ended):
                continue
            if fact.contract is None and row is None:
                continue
            if _is_told_wrong(row, lies):
                continue
            listed = account.national_id_sealed is not None or account.custom_id is not None
            seen = way is Strategy.FULL or (way is Strategy.ACCOUNTS and listed)
            if not seen and fact.state != "pending":
                continue
            name = f"{invoice_id[-4:]} of {account.name} {fact} {way}"
            assert row is not None, f"{name}: a whole look did not store it"
            mine = (_content(row), row.account_id, row.vanished_at)
            assert mine == (_told(fact), account.id, None), f"{name}: a whole look left {mine}"
            self.know(invoice_id, since)

    def _check_contracts(
        self, rows: Iterable[Invoice], account: Account, started: datetime, ended: datetime
    ) -> None:
        """Who was looked at has every invoice of their contracts that we know."""
        for row in rows if account.paired else ():
            if row.contract_id is None or row.vanished_at is not None:
                continue
            held = {
                one for one, _ in self._journal.contracts[row.contract_id].during(started, ended)
            }
            if held == {account.client_id}:
                assert row.account_id == account.id, (
                    f"{row.wispro_id[-4:]} did not come along to {account.name}"
                )

    def _moved(self, fact: Fact, since: datetime = BEGINNING, until: datetime = _END) -> bool:
        """Whether a contract went from one customer to another in a span of time."""
        if fact.contract is None:
            return False
        states = self._journal.contracts[fact.contract].during(since, until)
        return len({client for client, _ in states}) > 1

    def _keep_baselines(self, accounts: object, ended: datetime) -> None:
        for account in accounts:  # type: ignore[attr-defined]
            if account.baseline_at is None:
                self._baselines.pop(account.client_id, None)
            elif self._baselines.get(account.client_id, (None,))[0] != account.baseline_at:
                self._baselines[account.client_id] = (account.baseline_at, ended)

    def _check_alert(
        self, alert: Alert, row: Invoice, account: Account, crawled_at: datetime
    ) -> None:
        journal, kind = self._journal, AlertKind(alert.kind)
        at = alert.created_at
        name = f"{alert.kind} {alert.step} of {row.wispro_id[-4:]} for {account.name}"
        assert account.paired, f"{name}: not paired"
        assert account.baseline_at is not None, f"{name}: before the first look"
        mapped_at = max(crawled_at, self._whole[-2] if self._by_account else BEGINNING)
        if row.contract_id is None:
            mapped_at = BEGINNING  # the id that is printed on it may be an old one by now
        assert journal.held(row.wispro_id, account.client_id, mapped_at, at), f"{name}: foreign"
        since = self._whole[-2] if row.missing_reads else self._whole[-1]
        facts = journal.invoice(row.wispro_id, since, at)
        if kind in _STEPS:
            self._check_step(alert, facts, name)
        elif kind is AlertKind.ISSUED:
            assert any(fact.pending for fact in facts), f"{name}: never pending"
            self._check_issue(row, account, name)
        elif kind is AlertKind.PAID:
            assert any(fact.there and fact.state == "paid" for fact in facts), f"{name}: {facts}"
        elif kind is AlertKind.VOIDED:
            assert any(fact.there and fact.state == "void" for fact in facts), f"{name}: {facts}"
            assert row.announced_at is not None
        elif kind is AlertKind.CHANGED:
            self._check_change(alert, row, facts, name)
        else:
            assert kind is AlertKind.CUTOFF_WARNING
            assert any(fact.pending for fact in facts), f"{name}: {facts}"
            states = journal.contracts[row.contract_id or ""].during(since, at)
            assert any(state == "alerted" for _, state in states), f"{name}: {states}"

    def _check_step(self, alert: Alert, facts: list[Fact], name: str) -> None:
        assert alert.due_at <= alert.created_at
        owed = [fact for fact in facts if fact.pending and fact.balance > 0]
        assert owed, f"{name}: never owed: {facts}"
        dates = {fact.second if alert.anchor == "second_due" else fact.first for fact in owed}
        assert str(alert.anchor_date) in dates, f"{name}: {alert.anchor_date} not in {dates}"

    def _check_issue(self, row: Invoice, account: Account, name: str) -> None:
        assert account.baseline_at is not None
        began = account.baseline_at
        at_first = self._journal.invoice(row.wispro_id, began, began)
        listed = account.national_id_sealed is not None or account.custom_id is not None
        seen = _OUT if listed else {"pending"}
        mine = self._journal.held(row.wispro_id, account.client_id, began, began)
        assert not (mine and all(f.there and f.state in seen for f in at_first) and at_first), (
            f"{name}: it was there before"
        )

    def _check_change(self, alert: Alert, row: Invoice, facts: list[Fact], name: str) -> None:
        told = {_words(fact.terms) for fact in facts if fact.pending}
        assert alert.step in told, f"{name}: not in {told}"
        ever = self._journal.invoice(row.wispro_id, BEGINNING, alert.created_at)
        date_before = alert.details.get("previous_due_date")
        amount_before = alert.details.get("previous_amount")
        assert date_before or amount_before
        if date_before is not None:
            assert date_before in {fact.first for fact in ever}, f"{name}: {date_before}"
            assert not alert.step.startswith(date_before)
        if amount_before is not None:
            assert Decimal(amount_before) in {fact.amount for fact in ever}, name

    def _check_reactions(
        self,
        rows: object,
        accounts: dict[int, Account],
        alerts: object,
        started: datetime,
    ) -> None:
        """What a look saw change was planned in the same look."""
        copies: dict[str, Copy] = {}
        kinds = {(one.invoice_id, one.kind) for one in alerts}  # type: ignore[attr-defined]
        with self._database.read() as session:
            today = session.scalars(select(Alert).where(Alert.anchor_date >= _day(started)))
            kinds |= {(one.invoice_id, one.kind) for one in today}
        for row in rows:  # type: ignore[attr-defined]
            account = accounts[row.account_id]
            first = row.first_due_date and str(row.first_due_date)
            copy = copies[row.wispro_id] = Copy(
                row.account_id, row.state, row.vanished_at is not None,
                row.announced_at is not None, (first, row.amount), account.baseline_at,
            )  # fmt: skip
            before = self._copies.get(row.wispro_id)
            same = (
                before is not None
                and before.account_id == copy.account_id
                and before.baseline_at == copy.baseline_at
                and before.baseline_at is not None
                and account.paired
            )
            if not same or copy.vanished or not account.paired:
                self._open.pop(row.wispro_id, None)
            if account.paired and not copy.vanished and copy.state == "pending":
                self._open[row.wispro_id] = (account.id, started)
            if before is None or not same or before.vanished:
                continue
            name = f"{row.wispro_id[-4:]} of {account.name}: {before} {copy}"
            if (before.state, copy.state) == ("pending", "paid"):
                assert (row.id, "paid") in kinds, name
            if (before.state, copy.state) == ("pending", "void") and before.announced:
                assert (row.id, "voided") in kinds, name
        self._copies = copies

    # -- at the end -----------------------------------------------------------------------------

    def before_the_end(self) -> None:
        """Remember which of our copies were closed before the faults ended."""
        self._new_at_the_end = self._journal.invoices.keys() - self._seen_by_a_look
        self._closed_before_the_end = {
            key for key, copy in self._copies.items() if copy.state not in {"pending", *_UNFINISHED}
        }

    def check_copy(self, strategy: Strategy | None) -> None:
        """Our copy is Wispro's: of what is open after one look, of everything after a full one."""
        with self._database.read() as session:
            rows = {one.wispro_id: one for one in session.scalars(select(Invoice))}
            accounts = {
                one.client_id: one for one in session.scalars(select(Account)) if one.paired
            }
        paired = {one.id for one in accounts.values()}
        for invoice_id, line in self._journal.invoices.items():
            fact, row = line.now, rows.get(invoice_id)
            name = f"{invoice_id[-4:]} {fact} {strategy}"
            if not fact.there:
                if strategy is None and row is not None and row.account_id in paired:
                    assert row.vanished_at or row.state != "pending", name
                continue
            account = accounts.get(self._journal.owner(fact) or "")
            if account is None:
                continue
            assert account.baseline_at is not None, account.name
            if strategy is not None and self._may_differ(invoice_id, fact, row, account, strategy):
                continue
            assert row is not None, f"{name}: not stored"
            mine = (
                row.account_id, row.raw_state, row.amount, row.balance, row.number,
                row.first_due_date and str(row.first_due_date),
                row.second_due_date and str(row.second_due_date), row.contract_id,
                row.vanished_at, row.missing_reads,
            )  # fmt: skip
            theirs = (
                account.id, fact.state, fact.amount, fact.balance, fact.number, fact.first,
                fact.second, fact.contract, None, 0,
            )  # fmt: skip
            assert mine == theirs, f"{name}: {account.name}"

    def _may_differ(
        self, invoice_id: str, fact: Fact, row: Invoice | None, account: Account, way: Strategy
    ) -> bool:
        """Whether one look in that way need not have seen this yet."""
        by_account = way is Strategy.ACCOUNTS
        if fact.contract is None and row is None:
            return True  # an id that was corrected since proves nothing any more
        if way is Strategy.SWEEP and self._moved(fact):
            return True
        if fact.state == "pending":
            return False
        listed = account.national_id_sealed is not None or account.custom_id is not None
        if by_account and not listed:
            return True
        if row is None:
            return (way is Strategy.SWEEP and invoice_id not in self._new_at_the_end) or not listed
        return way is Strategy.SWEEP and (
            row.wispro_id in self._closed_before_the_end or (row.state == "paid" == fact.state)
        )

    def check_owners(self) -> None:
        """No row is at an account that does not own the invoice."""
        with self._database.read() as session:
            accounts = {one.id: one for one in session.scalars(select(Account)) if one.paired}
            for row in session.scalars(select(Invoice).where(Invoice.vanished_at.is_(None))):
                fact, account = (
                    self._journal.invoices[row.wispro_id].now,
                    accounts.get(row.account_id),
                )
                if account is None or not fact.there:
                    continue
                if fact.contract is not None:
                    assert self._journal.owner(fact) == account.client_id, f"{row.wispro_id} {fact}"
                else:
                    assert self._journal.held(row.wispro_id, account.client_id, BEGINNING, _END), (
                        f"{row.wispro_id} {fact}"
                    )

    def check_nothing_missing(self, now: datetime) -> None:
        """Whatever came due, appeared or was settled while we looked was planned."""
        with self._database.read() as session:
            accounts = {one.id: one for one in session.scalars(select(Account)) if one.paired}
            alerts = session.scalars(select(Alert)).all()
            moves = session.scalars(
                select(InvoiceChange).where(InvoiceChange.kind == ChangeKind.DUE_MOVED.value)
            ).all()
            rows = session.scalars(select(Invoice).where(Invoice.vanished_at.is_(None))).all()
            rules = rules_of(next(iter(accounts.values())).isp) if accounts else None
        for row in rows:
            account = accounts.get(row.account_id)
            if account is None or account.baseline_at is None:
                continue
            mine = [a for a in alerts if a.invoice_id == row.id and a.account_id == account.id]
            self._check_settled(row, mine)
            facts = facts_of(row)
            if facts.payable <= 0:
                continue
            if self._is_news(row, account):
                assert mine, f"{row.wispro_id[-4:]} of {account.name} was never announced"
            moved = [change.at for change in moves if change.invoice_id == row.id]
            since = max(account.baseline_at, row.first_seen_at, *moved)
            known = {(a.kind, a.step, a.anchor_date) for a in mine}
            assert rules is not None
            for item in lay_steps(session, row, facts, rules):
                if since + timedelta(minutes=10) < item.at <= now:
                    key = (item.step.kind.value, item.step.name, item.anchor_date)
                    assert key in known, f"{key} left no trace"

    def _check_settled(self, row: Invoice, mine: list[Alert]) -> None:
        account_id, known_at = self._open.get(row.wispro_id, (None, BEGINNING))
        if account_id != row.account_id or row.state not in {"paid", "void"}:
            return
        if row.state == "void" and row.announced_at is None:
            return
        kind = {"paid": "paid", "void": "voided"}[row.state]
        assert any(a.kind == kind and a.anchor_date >= _day(known_at) for a in mine), (
            f"{row.wispro_id[-4:]} was open at {known_at} and is {row.state}: nobody heard"
        )

    def _is_news(self, row: Invoice, account: Account) -> bool:
        """Whether an invoice came out after the first look, and was this account's all along."""
        _, ended = self._baselines[account.client_id]
        facts = self._journal.invoice(row.wispro_id, BEGINNING, ended)
        if any(fact.there and fact.state in _OUT for fact in facts):
            return False
        contract = self._journal.invoices[row.wispro_id].now.contract
        if contract is None:
            return False
        holders = {
            client for client, _ in self._journal.contracts[contract].during(BEGINNING, _END)
        }
        return holders == {account.client_id}

    def dump(self) -> str:
        """Return every row that only the holder of the lease may write."""
        connection = self._database.engine.raw_connection()
        rows = [
            connection.cursor().execute(f"SELECT * FROM {name}").fetchall()  # noqa: S608
            for name in _GUARDED
        ]
        connection.close()
        return f"{rows}"

    def check_secrets(self) -> None:
        """No row and no text that anybody reads holds a secret."""
        connection = self._database.engine.raw_connection()
        cursor = connection.cursor()
        for name in _TABLES:
            self.texts.append(f"{cursor.execute(f'SELECT * FROM {name}').fetchall()}")  # noqa: S608
        connection.close()
        text = "\n".join(self.texts)
        for secret in SECRETS:
            assert secret not in text


def _is_told_wrong(row: Invoice | None, lies: frozenset[str]) -> bool:
    """Whether a lie of Wispro, and nothing else, may be why our copy differs."""
    if "body_404" in lies and (row is None or row.vanished_at or row.missing_reads):
        return True  # of the invoice, or of the contract that says whose it is
    if row is None:
        return False
    return ("amounts_null" in lies and row.balance is None) or (
        "unknown_state" in lies and row.state == InvoiceState.UNKNOWN.value
    )


def _content(row: Invoice) -> tuple[object, ...]:
    """Return what our copy says of an invoice."""
    return (
        row.raw_state, row.amount, row.balance, row.number,
        row.first_due_date and str(row.first_due_date),
        row.second_due_date and str(row.second_due_date),
    )  # fmt: skip


def _told(fact: Fact) -> tuple[object, ...]:
    """Return what Wispro says of it."""
    return fact.state, fact.amount, fact.balance, fact.number, fact.first, fact.second


def _day(moment: datetime) -> date:
    return moment.astimezone(ZONE).date()


def _words(terms: tuple[str | None, Decimal]) -> str:
    first, amount = terms
    return f"{first or '–'} {amount.normalize():f}"
