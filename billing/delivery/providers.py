"""Sending accounts at their providers: what identifies one, its pauses, and what left over it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, or_, select, update
from sqlalchemy.orm import Session

from billing.delivery.limits import LimitsError, ProviderLimits, Quota, limits_for
from billing.dossier import Dossier
from billing.ports import MessengerPort, VaultPort
from models.alert import Attempt, Provider
from models.database import insert_for
from models.isp import Transport

#: What a keyed hash of a sending account is good for.
PURPOSE = "sending account"
_KEY_LENGTH = 32
_ROUNDED = timedelta(seconds=1)
#: An account that was not tried for so long after its rest begins a trouble of its own when it
#: fails again: nobody knows what it did meanwhile.
_TROUBLE_OVER_AFTER = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Account:
    """One sending account: the same for every ISP and channel that uses it.

    Attributes:
        key: its keyed hash.
        limits: what its provider lets through.
    """

    key: str
    limits: ProviderLimits


@dataclass(frozen=True, slots=True)
class Standing:
    """How an account stands: until when it rests and why, and how often in a row it failed."""

    paused_until: datetime | None = None
    failures: int = 0
    why: str | None = None

    def rests(self, now: datetime) -> bool:
        """Whether nothing may leave over it."""
        return self.paused_until is not None and now < self.paused_until


class Accounts:
    """Finds the sending accounts of one batch, each once.

    Args:
        vault: opens and hashes.
        messenger: knows what identifies an account.
    """

    def __init__(self, vault: VaultPort, messenger: MessengerPort) -> None:
        self._vault = vault
        self._messenger = messenger
        self._known: dict[tuple[str, str, str | None], Account] = {}

    def of(self, dossier: Dossier) -> Account:
        """This function will return the account over which a delivery leaves.

        Raises:
            SecretError: if it cannot be opened.
        """
        transport, channel = dossier.transport, dossier.channel
        if transport is not None:
            return self.of_transport(transport)
        return self._account(channel.scheme, channel.destination_sealed, None)

    def of_transport(self, transport: Transport) -> Account:
        """This function will return the account that an ISP's transport is.

        Raises:
            SecretError: if it cannot be opened.
        """
        return self._account(transport.scheme, transport.url_sealed, transport.limits)

    def _account(self, scheme: str, sealed: str, text: str | None) -> Account:
        place = (scheme, sealed, text)
        if place not in self._known:
            name = self._messenger.account_of(scheme, self._vault.open(sealed))
            key = self._vault.digest(name, purpose=PURPOSE)[:_KEY_LENGTH]
            try:
                kept = limits_for(scheme, text)
            except LimitsError:  # kept by a program that reads more: its defaults are the safe side
                kept = limits_for(scheme, None)
            self._known[place] = Account(key, kept)
        return self._known[place]


def standings(session: Session, keys: Collection[str]) -> Mapping[str, Standing]:
    """This function will say how accounts stand; those that are not named are well."""
    if not keys:
        return {}
    rows = session.scalars(select(Provider).where(Provider.key.in_(keys)))
    return {row.key: Standing(row.paused_until, row.failures, row.paused_why) for row in rows}


def lock(session: Session, keys: Collection[str]) -> None:
    """This function will make whoever counts what left over these accounts wait for us."""
    if not keys:
        return
    rows = [{"key": key, "failures": 0} for key in sorted(keys)]
    session.execute(insert_for(session, Provider.__table__).on_conflict_do_nothing(), rows)
    wanted = select(Provider.key).where(Provider.key.in_(keys)).order_by(Provider.key)
    session.execute(wanted.with_for_update()).all()


def pause(
    session: Session, key: str, until: datetime, why: str, *, now: datetime, asked: bool = False
) -> None:
    """This function will let an account rest; a longer rest that was asked for stays.

    Providers round what is left of a rest up to a second: what was under way when it began and is
    answered the same does not make it longer.

    Args:
        session: the open unit of work.
        key: of the account.
        until: when it may be asked again.
        why: for support.
        now: the present.
        asked: whether the provider named that instant: then it is no failure, and need not be
            tried with care.
    """
    lock(session, [key])
    row = session.get_one(Provider, key, populate_existing=True)
    row.failures += not asked
    idle = row.paused_until is not None and now - row.paused_until > _TROUBLE_OVER_AFTER
    if row.trouble_since is None or idle:
        row.trouble_since = now
    if row.paused_until is None or row.paused_until + _ROUNDED < until:
        row.paused_until = until
        row.paused_why = why[:200]


def recovered(session: Session, keys: Collection[str]) -> None:
    """This function will note that accounts work."""
    if keys:
        session.execute(
            update(Provider)
            .where(
                Provider.key.in_(keys),
                or_(Provider.failures > 0, Provider.trouble_since.is_not(None)),
            )
            .values(failures=0, paused_until=None, paused_why=None, trouble_since=None)
            .execution_options(synchronize_session=False)
        )


def room(
    session: Session, key: str, quotas: Sequence[Quota], *, now: datetime
) -> tuple[int | None, datetime]:
    """This function will say how many messages an account may still send.

    Args:
        session: reads; whoever goes on to send has locked the account.
        key: of the account.
        quotas: the windows that are counted.
        now: the present.

    Returns:
        How many (None = no limit), and when there is room for one more.
    """
    left: int | None = None
    until = now
    for quota in quotas:
        since = now - timedelta(seconds=quota.seconds)
        within = (Attempt.provider == key, Attempt.started_at > since)
        used = session.scalar(select(func.count()).select_from(Attempt).where(*within)) or 0
        free = max(quota.amount - used, 0)
        left = free if left is None else min(left, free)
        if free == 0:
            nth = (
                select(Attempt.started_at)
                .where(*within)
                .order_by(Attempt.started_at.desc())
                .offset(quota.amount - 1)
                .limit(1)
            )
            opens = (session.scalar(nth) or since) + timedelta(seconds=quota.seconds)
            until = max(until, opens)
    return left, until
