"""What the parts of one whole-ISP run share, and how it tells its progress."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy.orm import Session

from billing.owing import Rules
from billing.ports import Clock, VaultPort, WisproPort
from billing.runs import REST, SyncReport
from billing.values import Habits, SweepPage
from models.database import Database
from models.leases import SyncLease
from models.listing import ListingMark

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """How far a run is: `done` of `total` of something, and what it cost and found so far."""

    what: str
    done: int
    total: int | None
    fetched: int
    changed: int


Progress = Callable[[Step], None]


class LeaseLostError(Exception):
    """Another worker took this sync over; nothing more may be written under it."""


@dataclass(slots=True, kw_only=True)
class Desk:
    """What the parts of one run share.

    `ends` is when a scheduled run hands the rest over; None = it may go on. Whoever was paired by
    `baseline_before` had the silent first look in this run, once its proposals are laid down.
    `marks` is where we stand in each list, as soon as that was read. `unkept` says where slow reads
    stand that met what is not certain yet: it is kept with what they found, or not at all.
    `finished` = the look did not break off, so that whose everything is was settled.
    """

    database: Database
    vault: VaultPort
    isp_id: int
    run_id: int
    rules: Rules
    wispro: WisproPort
    report: SyncReport
    clock: Clock
    lease: SyncLease
    started: datetime
    every: timedelta
    full_every: timedelta
    habits: Habits
    ends: datetime | None = None
    progress: Progress | None = None
    baseline_before: datetime | None = None
    marks: dict[str, dict[str, Any]] | None = None
    unkept: list[ListingMark] = field(default_factory=list)
    finished: bool = False

    @property
    def soon(self) -> timedelta:
        """How long an account rests after a look that failed."""
        return min(self.every, REST)

    @property
    def today(self) -> date:
        """The date on the customers' walls."""
        return self.rules.calendar.today(self.started)

    @property
    def out_of_time(self) -> bool:
        """Whether the rest has to be handed over."""
        return self.ends is not None and self.clock() >= self.ends

    def must_hold(self, session: Session) -> None:
        """Refuse to write under a lease that was lost.

        Raises:
            LeaseLostError: if it was.
        """
        if not self.lease.holds(session):
            raise LeaseLostError

    def turn(self, pages: Iterable[SweepPage[T]], what: str) -> Iterator[SweepPage[T]]:
        """Hand pages on: count them, keep the lease, tell the progress.

        Raises:
            LeaseLostError: if another worker took over.
        """
        for done, page in enumerate(pages, 1):
            if not self.lease.renew_in_time(now=self.clock()):
                raise LeaseLostError
            self.report.pages += 1
            self.report.fetched += len(page.sightings)
            yield page
            self.tell(what, done, page.total_pages)

    def tell(self, what: str, done: int, total: int | None) -> None:
        """Tell how far this is."""
        if self.progress is not None:
            report = self.report
            self.progress(
                Step(
                    what=what,
                    done=done,
                    total=total,
                    fetched=report.fetched,
                    changed=report.proposed,
                )
            )
