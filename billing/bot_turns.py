"""The turns of one bot: ask what was said, handle each message, send the answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog
from sqlalchemy import select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from billing import bot_health
from billing.chat import BotAccess, ChatError, ChatPort, ChatTrouble, Said
from billing.conversing import Conversing, Heard
from billing.delivery.providers import Account, standings
from billing.ports import Clock, PacePort, RenderError, SecretError, VaultPort
from models.bot import Bot, BotQuestion
from models.bot_leases import BotLease
from models.database import Database

log = structlog.get_logger()

#: Telegram keeps an update for 24 hours, and begins with another number after a quiet week
#: (core.telegram.org/bots/api#update): by then no number of before comes again.
NUMBERS_HOLD_FOR = timedelta(days=6)
#: Later nobody waits for an answer any more.
ANSWER_WITHIN = timedelta(minutes=10)
_MOST_TRIES = 3
_ANSWERS_A_TURN = 50
#: Where Telegram is slow, the rest waits for the next turn.
ANSWERS_FOR = timedelta(seconds=30)
#: A chat takes a message a second (core.telegram.org/bots/faq).
_CHAT_PACE = timedelta(seconds=1)
#: Seconds for which an answer waits its turn; a later turn is one of the next round.
_TURN_WITHIN = 0.25
_SEEN_EVERY = timedelta(minutes=1)
TOKEN_PURPOSE = "bot-token"  # noqa: S105 - of a keyed hash


class LeaseLostError(Exception):
    """Another poller took this bot over; nothing more may be written or sent under it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """One bot that listens, the ISPs whose it is, and the sending account that alerts use too."""

    access: BotAccess
    isp_ids: tuple[int, ...]
    account: Account

    @property
    def bot_id(self) -> int:
        """Its number."""
        return self.access.bot_id


@dataclass(slots=True)
class Report:
    """What came of listening: messages handled, answers sent, accounts paired.

    `told` is called with each of these accounts when its pairing is kept.
    """

    heard: int = 0
    answered: int = 0
    paired: list[int] = field(default_factory=list)
    told: Callable[[int], object] = bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """What every bot's turns need."""

    database: Database
    vault: VaultPort
    chat: ChatPort
    conversing: Conversing
    pace: PacePort
    sleep: Callable[[float], None]
    clock: Clock

    def token_digest(self, access: BotAccess) -> str:
        """Return the keyed hash of a token, by which a refused one is known again."""
        return self.vault.digest(access.token, purpose=TOKEN_PURPOSE)


class Turns:
    """One bot under one lease; `Listening` says when it begins and ends.

    Args:
        tools: what all bots share.
        bot: which one.
        lease: taken, and renewed here.
        report: gets what came of it.
    """

    def __init__(self, tools: Tools, bot: Served, lease: BotLease, report: Report) -> None:
        self._tools = tools
        self._database = tools.database
        self._clock = tools.clock
        self._bot = bot
        self._lease = lease
        self._report = report
        self._answered_at: dict[str, datetime] = {}

    def turn(self, *, wait: timedelta) -> bool:
        """Ask once, handle what came, answer; False = it cannot go on for now.

        Raises:
            LeaseLostError: if another poller took over.
        """
        if not self._lease.renew_in_time(now=self._clock()):
            raise LeaseLostError
        try:
            left = self._answer_all()
            said = self._tools.chat.updates(
                self._bot.access,
                after=self._after(),
                wait=min(wait, _CHAT_PACE).total_seconds() if left else wait.total_seconds(),
            )
            self._well()
            for one in said:
                self._hear(one)
            self._answer_all()
        except ChatError as error:
            self._in_trouble(error)
            return False
        return True

    def _after(self) -> int | None:
        with self._database.read() as session:
            row = session.get_one(Bot, self._bot.bot_id)
        return row.next_update if _counts(row, now=self._clock()) else None

    def _hear(self, said: Said) -> None:
        """Handle one message; what nobody foresaw is this message's own and does not come again."""
        try:
            self._handle(said)
        except (LeaseLostError, SQLAlchemyError):
            raise
        except Exception:
            with self._database.write() as session:
                self._pass(session, said, now=self._clock())
            raise

    def _handle(self, said: Said) -> None:
        now = self._clock()
        with self._database.write() as session:
            if not self._pass(session, said, now=now):
                return
            heard = self._tools.conversing.hear(
                session, self._bot.bot_id, self._bot.isp_ids, said, now=now
            )
            if heard is None:
                return
            assert said.chat_id is not None
            self._note(session, heard, said.chat_id, now=now)
        self._report.heard += 1
        if heard.paired is not None:
            self._report.paired.append(heard.paired)
            self._report.told(heard.paired)
        log.info(
            "bot.heard",
            bot_id=self._bot.bot_id,
            verb=heard.verb.value,
            answers=len(heard.replies),
            wrong=heard.wrong,
            paired=heard.paired,
        )

    def _pass(self, session: Session, said: Said, *, now: datetime) -> bool:
        """Note a message as handled, under the lease; False = it was before."""
        if not self._lease.holds(session):
            raise LeaseLostError
        row = session.get_one(Bot, self._bot.bot_id)
        if _counts(row, now=now) and said.update_id < row.next_update:
            return False
        row.next_update, row.updated_at = said.update_id + 1, now
        return True

    def _note(self, session: Session, heard: Heard, chat_id: int, *, now: datetime) -> None:
        sealed = self._tools.vault.seal(str(chat_id))
        for place, reply in enumerate(heard.replies):
            row = BotQuestion(
                bot_id=self._bot.bot_id,
                chat_digest=heard.chat_digest,
                chat_sealed=sealed,
                asked_at=now,
                verb=heard.verb.value,
                wrong=heard.wrong and place == 0,
            )
            try:
                row.answer = self._tools.chat.render_answer(reply.answer, locale=reply.locale)
            except RenderError as error:
                # What was asked for is done all the same: who wants to stop has stopped.
                log.warning("bot.unrendered", kind=reply.answer.kind.value, why=str(error))
                row.settled_at, row.fate = now, "unrendered"
            session.add(row)

    def _answer_all(self) -> bool:
        """Send what waits; True = something is left, such as a second answer to one chat.

        Raises:
            ChatError: that concerns the bot and not only one chat.
            LeaseLostError: if another poller took over.
        """
        with self._database.read() as session:
            key, now = self._bot.account.key, self._clock()
            resting = any(one.rests(now) for one in standings(session, [key]).values())
            rows = session.scalars(
                select(BotQuestion)
                .where(BotQuestion.bot_id == self._bot.bot_id, BotQuestion.settled_at.is_(None))
                .order_by(BotQuestion.id)
                .limit(_ANSWERS_A_TURN)
            ).all()
        if resting:
            return bool(rows)  # an alert over this bot met a limit
        left, begun = False, self._clock()
        for row in rows:
            now = self._clock()
            if now - begun > ANSWERS_FOR:
                return True
            last = self._answered_at.get(row.chat_digest)
            if row.asked_at + ANSWER_WITHIN < now:
                self._settle(row, "late")
            elif last is not None and now - last < _CHAT_PACE:
                left = True
            elif not self._lease.renew_in_time(now=now):
                raise LeaseLostError
            elif (turn := self._turn(row)) > _TURN_WITHIN:
                left = True
            else:
                if turn > 0:
                    self._tools.sleep(turn)
                self._answered_at[row.chat_digest] = now
                left = not self._answer(row) or left
        return left

    def _turn(self, row: BotQuestion) -> float:
        """Return in how many seconds an answer may leave: alerts go over the same bot."""
        account = self._bot.account
        gaps = []
        if account.limits.gap:
            gaps.append((account.key, account.limits.gap))
        if account.limits.recipient_gap:
            # as a delivery to this chat counts
            gaps.append((f"{account.key}:{row.chat_digest[:32]}", account.limits.recipient_gap))
        return self._tools.pace.reserve(gaps, within=_TURN_WITHIN) if gaps else 0.0

    def _answer(self, row: BotQuestion) -> bool:
        """Send one answer; False = it is tried again."""
        try:
            chat_id = int(self._tools.vault.open(row.chat_sealed))
            account = self._bot.account
            with self._tools.pace.passing(account.key, account.limits.gap):
                self._tools.chat.say(self._bot.access, chat_id, row.answer or "")
        except SecretError:
            self._settle(row, "unreadable")
        except ChatError as error:
            if error.trouble in {ChatTrouble.GONE, ChatTrouble.REFUSED}:
                self._settle(row, error.trouble.value)
                return True
            with self._database.write() as session:
                kept = session.get_one(BotQuestion, row.id)
                kept.tries += error.trouble is not ChatTrouble.TOO_MANY
                if kept.tries >= _MOST_TRIES:
                    kept.settled_at, kept.fate, kept.answer = self._clock(), "unsent", None
            raise
        else:
            self._report.answered += 1
            self._settle(row, "sent")
        return True

    def _well(self) -> None:
        """Note, now and then, that Telegram answers this bot."""
        now = self._clock()
        with self._database.read() as session:
            row = session.get_one(Bot, self._bot.bot_id)
        if bot_health.is_well(row) and row.listened_at and now - row.listened_at < _SEEN_EVERY:
            return
        with self._database.write() as session:
            if not self._lease.holds(session):
                raise LeaseLostError
            bot_health.note_well(session.get_one(Bot, self._bot.bot_id), now=now)

    def _in_trouble(self, error: ChatError) -> None:
        with self._database.write() as session:
            if not self._lease.holds(session):
                raise LeaseLostError
            bot_health.note_trouble(
                session,
                session.get_one(Bot, self._bot.bot_id),
                error,
                account_key=self._bot.account.key,
                isp_ids=self._bot.isp_ids,
                token_digest=self._tools.token_digest(self._bot.access),
                now=self._clock(),
            )

    def _settle(self, row: BotQuestion, fate: str) -> None:
        """Write how an answer ended; its text is nobody's business any more."""
        with self._database.write() as session:
            session.execute(
                update(BotQuestion)
                .where(BotQuestion.id == row.id)
                .values(settled_at=self._clock(), fate=fate, answer=None)
                .execution_options(synchronize_session=False)
            )


def _counts(row: Bot, *, now: datetime) -> bool:
    """Whether the numbers of updates still go on from where they were."""
    return row.updated_at is not None and now - row.updated_at < NUMBERS_HOLD_FOR
