"""Call a URL while all is well, so that somebody outside misses it when we cannot tell any more.

Rows carry the truth: which look was told. A look never waits for it, nor hears of it: this runs in
its own task, and no transaction is open while it calls. What failed is tried again at the next
tick; one look is told once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog
from sqlalchemy import ColumnElement, delete, or_, select, update
from sqlalchemy.orm import Session

from billing.isps import SetupError, find_isp
from billing.ports import (
    DestinationError,
    HeartbeatPort,
    PingTrouble,
    SecretError,
    VaultPort,
)
from billing.runs import TELL_AFTER
from billing.watch.silence import NOT_ACCEPTED
from billing.watch.ticks import missing, ticking
from models.database import Database, insert_for
from models.isp import Isp
from models.vigil import Heartbeat, Vigil

log = structlog.get_logger()

#: The row of the installation's own; those of ISPs are "isp:3".
INSTALLATION = "installation"
#: What is older was complete once, and says nothing about now: the next look is told instead.
NEWS_FOR = timedelta(hours=3)
#: Between two calls of the installation's: a tick, less what one tick is early.
INSTALLATION_EVERY = timedelta(seconds=50)
#: Longer than any call takes; whoever died in one is not missed for long.
LEASE = timedelta(minutes=2)
#: A round ends by then, so that by-hand work in the same queue does not wait; the rest comes next.
ROUND_BUDGET = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class Standing:
    """How a heartbeat stands, for people; nothing of its secret."""

    to: str
    tells_failures: bool
    looked_at: datetime | None
    pinged_at: datetime | None
    trouble: str | None


@dataclass(frozen=True, slots=True)
class _Call:
    """One call that is due: `mark` is the look, or the stretch of trouble, that it tells."""

    row_id: int
    name: str
    mark: datetime
    failed: bool
    url: str = field(repr=False)


class Heartbeats:
    """The use-case.

    Args:
        database: rows.
        vault: seals and opens URLs.
        door: calls them.
        installation: the URL of the whole installation; None = there is none.
        rest: the longest that any work rests between two ticks, by the settings.
    """

    def __init__(
        self,
        database: Database,
        vault: VaultPort,
        door: HeartbeatPort,
        *,
        installation: str | None = None,
        rest: timedelta = timedelta(minutes=1),
    ) -> None:
        self._database = database
        self._vault = vault
        self._door = door
        self._installation = installation
        self._rest = rest

    # -- setting up -------------------------------------------------------------------------

    def set(self, slug: str, url: str, *, tells_failures: bool = False) -> str:
        """This function will keep the URL that is called after each complete look of an ISP.

        Returns:
            What of it may be shown.

        Raises:
            SetupError: if the ISP is unknown or the URL cannot be used.
        """
        try:
            checked = self._door.check(url)
        except DestinationError as error:
            raise SetupError(f"URL: {error}") from None
        with self._database.write() as session:
            isp = find_isp(session, slug)
            row = _own(session, isp.id)
            if row is None:
                row = Heartbeat(name=f"isp:{isp.id}", isp_id=isp.id)
                session.add(row)
            row.url_sealed = self._vault.seal(checked)
            row.tells_failures = tells_failures
            # What was told elsewhere was told to somebody else.
            row.looked_at = row.failed_at = row.pinged_at = row.trouble = None
        return self._door.label(checked)

    def take_away(self, slug: str) -> bool:
        """This function will forget the URL of an ISP; False = there was none.

        Raises:
            SetupError: if the ISP is unknown.
        """
        with self._database.write() as session:
            isp = find_isp(session, slug)
            gone = session.scalars(
                delete(Heartbeat).where(Heartbeat.isp_id == isp.id).returning(Heartbeat.id)
            )
            return gone.first() is not None

    def standing(self, slug: str | None) -> Standing | None:
        """This function will say how the heartbeat of an ISP stands, or that of the installation.

        Raises:
            SetupError: if the ISP is unknown.
        """
        with self._database.read() as session:
            if slug is None:
                row = session.scalars(
                    select(Heartbeat).where(Heartbeat.name == INSTALLATION)
                ).first()
                if self._installation is None:
                    return None
                label = self._door.label(self._installation)
                row = row or Heartbeat(name=INSTALLATION, tells_failures=False)
            else:
                row = _own(session, find_isp(session, slug).id)
                if row is None:
                    return None
                label = self._label(row)
        return Standing(label, row.tells_failures, row.looked_at, row.pinged_at, row.trouble)

    def _label(self, row: Heartbeat) -> str:
        try:
            return self._door.label(self._vault.open(row.url_sealed or ""))
        except SecretError:
            return "an address that no key opens"

    # -- calling ----------------------------------------------------------------------------

    def run(self, clock: Callable[[], datetime]) -> int:
        """This function will call what is due, for a bounded time.

        A host that does not answer is asked once a round, however many ISPs it watches.

        Returns:
            How many calls were answered as they should.
        """
        started = clock()
        done = 0
        silent: set[str] = set()
        for call in [*self._of_installation(started), *self._of_isps(started)]:
            host = self._door.label(call.url)
            now = clock()
            if host in silent or now - started > ROUND_BUDGET or not self._claim(call, now=now):
                continue
            trouble = self._door.ping(call.url, failed=call.failed)
            self._settle(call, trouble, now=clock())
            if trouble is None:
                done += 1
                log.info("heartbeat.told", name=call.name, failed=call.failed)
            else:
                if not trouble.answered:
                    silent.add(host)
                log.warning("heartbeat.failed", name=call.name, to=host, why=trouble.words)
        return done

    def _of_installation(self, now: datetime) -> Sequence[_Call]:
        if self._installation is None:
            return ()
        with self._database.read() as session:
            row = session.scalars(select(Heartbeat).where(Heartbeat.name == INSTALLATION)).first()
            if row is not None and row.looked_at and now - row.looked_at < INSTALLATION_EVERY:
                return ()
            wrong = what_is_wrong(session, now=now, rest=self._rest)
        if row is None:
            with self._database.write() as session:
                session.execute(
                    insert_for(session, Heartbeat)
                    .values(name=INSTALLATION, tells_failures=False)
                    .on_conflict_do_nothing()
                )
                row = session.scalars(select(Heartbeat).where(Heartbeat.name == INSTALLATION)).one()
        if wrong:
            words = f"withheld: {'; '.join(wrong)}"[:200]
            if row.trouble != words:
                log.warning("heartbeat.withheld", why=wrong)
                with self._database.write() as session:
                    session.get_one(Heartbeat, row.id).trouble = words
            return ()
        return (_Call(row.id, row.name, now, failed=False, url=self._installation),)

    def _of_isps(self, now: datetime) -> Sequence[_Call]:
        with self._database.read() as session:
            rows = session.execute(
                select(Heartbeat, Isp, Vigil)
                .join(Isp, Isp.id == Heartbeat.isp_id)
                .outerjoin(Vigil, Vigil.isp_id == Isp.id)
                .where(Isp.enabled.is_(True), _free(now))
                .order_by(Heartbeat.pinged_at.nulls_first(), Heartbeat.id)
            ).all()
        due = []
        for row, isp, vigil in rows:
            what = is_due(row, isp, vigil, now=now)
            if what is None:
                continue
            mark, failed = what
            try:
                url = self._vault.open(row.url_sealed or "")
            except SecretError:
                self._note(row, "cannot be decrypted: set it again, or mend ALERTA_SECRET_KEY")
                continue
            due.append(_Call(row.id, row.name, mark, failed=failed, url=url))
        return due

    def _note(self, row: Heartbeat, trouble: str) -> None:
        if row.trouble == trouble:
            return
        log.warning("heartbeat.failed", name=row.name, why=trouble)
        with self._database.write() as session:
            session.execute(update(Heartbeat).where(Heartbeat.id == row.id).values(trouble=trouble))

    def _claim(self, call: _Call, *, now: datetime) -> bool:
        """Take a call, unless somebody else has it or made it meanwhile."""
        if call.failed:
            untold = or_(Heartbeat.failed_at.is_(None), Heartbeat.failed_at != call.mark)
        else:
            rest = INSTALLATION_EVERY if call.name == INSTALLATION else timedelta(0)
            untold = or_(Heartbeat.looked_at.is_(None), Heartbeat.looked_at < call.mark - rest)
        with self._database.write() as session:
            mine = session.scalars(
                update(Heartbeat)
                .where(Heartbeat.id == call.row_id, _free(now), untold)
                .values(lease_until=now + LEASE)
                .returning(Heartbeat.id)
                .execution_options(synchronize_session=False)
            )
            return mine.first() is not None

    def _settle(self, call: _Call, trouble: PingTrouble | None, *, now: datetime) -> None:
        words = trouble.words if trouble else None
        values: dict[str, object] = {"lease_until": None, "trouble": words}
        if trouble is None:
            values["pinged_at"] = now
            values["failed_at" if call.failed else "looked_at"] = call.mark
        with self._database.write() as session:
            session.execute(
                update(Heartbeat)
                .where(Heartbeat.id == call.row_id)
                .values(**values)
                .execution_options(synchronize_session=False)
            )


def is_due(
    row: Heartbeat, isp: Isp, vigil: Vigil | None, *, now: datetime
) -> tuple[datetime, bool] | None:
    """This function will say what is to be told at an ISP's URL: a look, or a failure. Pure.

    A failure is what the operator is told of too (`billing.runs.TELL_AFTER`), once for each stretch
    without a complete look; the end of it is the next look.

    Returns:
        The look or the stretch that is told, and whether it is a failure; None = nothing is.
    """
    look = isp.synced_at
    if (
        look is not None
        and now - look < NEWS_FOR
        and (row.looked_at is None or row.looked_at < look)
    ):
        return look, False
    if not row.tells_failures:
        return None
    trouble = isp.failures >= TELL_AFTER or isp.held_run_id is not None
    silent = vigil is not None and vigil.no_look_since is not None
    stretch = look or isp.created_at
    if (trouble or silent) and row.failed_at != stretch:
        return stretch, True
    return None


def what_is_wrong(session: Session, *, now: datetime, rest: timedelta) -> list[str]:
    """This function will say why the installation as a whole is not well; nothing = it is.

    Every kind of work ticks, and at no ISP anything is late for a reason that lies here. A Wispro
    or a mail server that is away is its ISP's trouble, and told there.
    """
    wrong = [f"no tick of {one.value}" for one in missing(ticking(session), now=now, rest=rest)]
    late = session.scalars(
        select(Isp.slug)
        .join(Vigil, Vigil.isp_id == Isp.id)
        .where(
            Isp.enabled.is_(True),
            Vigil.no_send_at.is_not(None),
            Vigil.no_send_why != NOT_ACCEPTED,
        )
        .order_by(Isp.id)
        .limit(5)
    ).all()
    return [*wrong, *(f"nothing leaves at {slug}" for slug in late)]


def _own(session: Session, isp_id: int) -> Heartbeat | None:
    return session.scalars(select(Heartbeat).where(Heartbeat.isp_id == isp_id)).first()


def _free(now: datetime) -> ColumnElement[bool]:
    return or_(Heartbeat.lease_until.is_(None), Heartbeat.lease_until <= now)
