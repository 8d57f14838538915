"""Listen for the bots of ISPs: one poller per bot, what it hears kept before it is confirmed.

A turn is: ask for updates (a long poll), handle each in a unit of work that also moves the bot's
`next_update` on, then send the answers. Asking from behind an update is what confirms it, so it is
confirmed only after what it caused is committed; one that comes again finds `next_update` behind it
and does nothing. An answer is a row until it was sent: at least once, since a question that is
answered twice harms nobody.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import structlog
from sqlalchemy import select

from billing.bot_turns import TOKEN_PURPOSE, LeaseLostError, Report, Served, Tools, Turns
from billing.chat import BotAccess, ChatPort
from billing.conversing import Conversing
from billing.delivery.providers import Accounts, standings
from billing.ports import (
    Clock,
    DestinationError,
    MessengerPort,
    PacePort,
    SecretError,
    Unpaced,
    VaultPort,
)
from models.bot import Bot
from models.bot_leases import BotLease
from models.database import Database
from models.isp import Isp, Transport

log = structlog.get_logger()

#: One request to Telegram waits so long for somebody to write; a worker that is told to stop waits
#: for its end, so it is short.
LONG_POLL = timedelta(seconds=10)
#: How long one run listens before the next takes over.
TURNS_FOR = timedelta(seconds=12)
#: A run and the slowest answers within it; a poller that was killed is missed for so long.
LEASE = timedelta(seconds=60)
#: Bots that one run listens for, a thread each.
MOST_AT_ONCE = 50


class Listening:
    """The use-case.

    Args:
        database: rows.
        vault: opens sending accounts and chats, makes the keyed hashes.
        chat: the door to the bots.
        messenger: understands a chat as a destination.
        pace: keeps answers and alerts apart where Telegram counts by the second.
        sleep: waits so many seconds for such a turn.
    """

    def __init__(
        self,
        database: Database,
        vault: VaultPort,
        chat: ChatPort,
        messenger: MessengerPort,
        *,
        pace: PacePort | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._database = database
        self._vault = vault
        self._chat = chat
        self._messenger = messenger
        self._pace = pace or Unpaced()
        self._sleep = sleep
        self._conversing = Conversing(vault, messenger)

    def run(self, clock: Clock, *, paired: Callable[[int], object]) -> None:
        """This function will listen for every bot that nobody listens for, for a bounded time.

        Each bot has a thread, since all of them wait. Without a bot it is one query.

        Args:
            clock: tells the present.
            paired: called with each account that was paired, as soon as it is, in any thread.

        Raises:
            Exception: what nobody foresaw, after all of them ended.
        """
        bots = self.due(now=clock())
        if not bots:
            return
        ends = clock() + TURNS_FOR
        with ThreadPoolExecutor(len(bots), thread_name_prefix="bot") as pool:
            runs = [pool.submit(self.serve, bot, clock, ends, Report(told=paired)) for bot in bots]
        for one in runs:
            one.result()

    def due(self, *, now: datetime) -> Sequence[Served]:
        """This function will return the bots that listen, rest no more and have no poller."""
        with self._database.read() as session:
            rows = {row.bot_id: row for row in session.scalars(select(Bot))}
            if not rows:
                return ()
            transports = session.scalars(
                select(Transport)
                .join(Isp, Isp.id == Transport.isp_id)
                .where(Transport.scheme == "telegram", Isp.enabled)
                .order_by(Transport.created_at.desc(), Transport.id)
            ).all()
        accounts = Accounts(self._vault, self._messenger)
        found: dict[int, Served] = {}
        for transport in transports:
            access = self._access(transport)
            row = rows.get(access.bot_id) if access else None
            if access is None or row is None or not self._may(row, access, now=now):
                continue
            # Of several tokens of one bot the newest that is not refused speaks.
            earlier = found.get(access.bot_id)
            isps = (*earlier.isp_ids, transport.isp_id) if earlier else (transport.isp_id,)
            found[access.bot_id] = Served(
                access=earlier.access if earlier else access,
                isp_ids=tuple(sorted(isps)),
                account=earlier.account if earlier else accounts.of_transport(transport),
            )
        with self._database.read() as session:
            stand = standings(session, {one.account.key for one in found.values()})
        resting = {key for key, one in stand.items() if one.rests(now)}
        found = {one: bot for one, bot in found.items() if bot.account.key not in resting}
        never = datetime.min.replace(tzinfo=now.tzinfo)
        longest_unheard = sorted(found, key=lambda one: rows[one].listened_at or never)
        return [found[one] for one in longest_unheard[:MOST_AT_ONCE]]

    def _access(self, transport: Transport) -> BotAccess | None:
        try:
            return self._chat.access(self._vault.open(transport.url_sealed))
        except (SecretError, DestinationError):
            return None  # `alerta doctor` says so, and so does every delivery

    def _may(self, row: Bot, access: BotAccess, *, now: datetime) -> bool:
        """Whether a bot may be asked with this token."""
        if row.lease_until is not None and row.lease_until > now:
            return False
        digest = self._vault.digest(access.token, purpose=TOKEN_PURPOSE)
        if row.refused_digest is not None and row.refused_digest != digest:
            return True  # somebody gave it another token
        return row.rest_until is None or row.rest_until <= now

    def glance(self, clock: Clock) -> Report:
        """This function will take one turn of each bot that is due, without waiting for anybody."""
        report = Report()
        for bot in self.due(now=clock()):
            lease = BotLease(self._database, bot.bot_id, LEASE)
            if not lease.take(now=clock()):
                continue
            try:
                Turns(self._tools(clock), bot, lease, report).turn(wait=timedelta(0))
            except LeaseLostError:
                log.info("bot.overtaken", bot_id=bot.bot_id)
            finally:
                lease.give()
        return report

    def serve(self, bot: Served, clock: Clock, ends: datetime, report: Report) -> None:
        """This function will listen for one bot until `ends`, if nobody else does."""
        lease = BotLease(self._database, bot.bot_id, LEASE)
        if not lease.take(now=clock()):
            return
        turns = Turns(self._tools(clock), bot, lease, report)
        try:
            while (left := ends - clock()) > timedelta(0):
                if not turns.turn(wait=min(LONG_POLL, left)):
                    break
        except LeaseLostError:
            log.info("bot.overtaken", bot_id=bot.bot_id)
        finally:
            lease.give()

    def _tools(self, clock: Clock) -> Tools:
        return Tools(
            database=self._database,
            vault=self._vault,
            chat=self._chat,
            conversing=self._conversing,
            pace=self._pace,
            sleep=self._sleep,
            clock=clock,
        )
