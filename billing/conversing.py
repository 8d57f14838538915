"""What a message to a bot causes, and what it is answered: one unit of work per message.

Only a private chat that an account is paired with learns anything. Everybody else is told how to be
paired, in the same words whoever they are.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.orm import Session, joinedload

from billing.answers import Answer, AnswerKind
from billing.asked import Asked, Verb, understand
from billing.auditing import note
from billing.chat import Said
from billing.closing import close_channel
from billing.codes import MOST_WRONG, WRONG_WINDOW, redeem, was_used_by
from billing.dossier import first_name, pay_url
from billing.facts import facts_of
from billing.held import HoldKind
from billing.holds import end_holds, put_hold
from billing.joining import add_channels, destination_digest, join, leave
from billing.letter import Debt
from billing.ports import MessengerPort, ParsedDestination, VaultPort
from billing.terms import UnreadablePolicyError, policy_of
from billing.values import Reason
from models.account import Account, Channel
from models.bot import BotQuestion
from models.debts import open_invoices
from models.hold import Hold
from models.isp import Isp

#: As many as a person reads; the others are counted.
MOST_INVOICES = 8
#: Answers to one chat within a minute; who writes more is not answered for a while.
MOST_ANSWERS = 12
_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """One answer and the language it is in."""

    answer: Answer
    locale: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What came of one message: the answers, and the account that it paired, if it did.

    `wrong` = it was a code that pairs nobody.
    """

    verb: Verb
    chat_digest: str
    replies: Sequence[Reply] = ()
    wrong: bool = False
    paired: int | None = None


class Conversing:
    """Understands, acts and finds the answer; sends nothing.

    Args:
        vault: makes the keyed hashes, seals destinations.
        messenger: understands the chat as a destination.
    """

    def __init__(self, vault: VaultPort, messenger: MessengerPort) -> None:
        self._vault = vault
        self._messenger = messenger

    def hear(
        self,
        session: Session,
        bot_id: int,
        isp_ids: Collection[int],
        said: Said,
        *,
        now: datetime,
    ) -> Heard | None:
        """This function will do what a message asks for, and return what to answer.

        Args:
            session: the unit of work that also notes the message as handled.
            bot_id: to whom it was written.
            isp_ids: those whose bot it is; nobody else's customers are here.
            said: the message.
            now: the present.

        Returns:
            None where nothing is to be said: in a group strangers read along, and who writes
            without end is not answered.
        """
        if not said.private or said.chat_id is None or not isp_ids:
            return None
        chat = self._messenger.parse_own_destination(f"telegram:{said.chat_id}")
        digest = destination_digest(chat, self._vault)
        if self._count(session, bot_id, digest, since=now - _MINUTE) >= MOST_ANSWERS:
            return None
        asked = understand(said.text)
        if asked.verb is Verb.START and asked.code is not None:
            return self._pair(session, bot_id, isp_ids, said, chat, asked.code, now=now)
        channels = self._channels(session, isp_ids, digest)
        if not channels:
            stranger = self._to_nobody(session, isp_ids, said, AnswerKind.STRANGER, now=now)
            return Heard(verb=asked.verb, chat_digest=digest, replies=(stranger,))
        act = _ACTS.get(asked.verb, _help)
        several = len({one.account_id for one in channels}) > 1
        replies = []
        for one in channels:
            replies.append(act(session, _Talk(asked=asked, channel=one, several=several, now=now)))
            _record(session, asked, one, now=now)
        return Heard(verb=asked.verb, chat_digest=digest, replies=replies)

    def _pair(
        self,
        session: Session,
        bot_id: int,
        isp_ids: Collection[int],
        said: Said,
        chat: ParsedDestination,
        code: str,
        *,
        now: datetime,
    ) -> Heard:
        digest = destination_digest(chat, self._vault)
        tried = self._count(session, bot_id, digest, since=now - WRONG_WINDOW, wrong=True)
        if tried >= MOST_WRONG:
            refusal = self._to_nobody(session, isp_ids, said, AnswerKind.TOO_MANY_CODES, now=now)
            return Heard(verb=Verb.START, chat_digest=digest, replies=(refusal,))
        account_id = redeem(session, code, self._vault, isp_ids=isp_ids, used_by=digest, now=now)
        new = account_id is not None
        if account_id is None:
            # A thumb presses START twice: it is still the same person with the same code.
            account_id = was_used_by(session, code, self._vault, used_by=digest)
            theirs = {one.account_id for one in self._channels(session, isp_ids, digest)}
            if account_id not in theirs:
                wrong = self._to_nobody(session, isp_ids, said, AnswerKind.WRONG_CODE, now=now)
                return Heard(verb=Verb.START, chat_digest=digest, replies=(wrong,), wrong=True)
        account = session.get_one(Account, account_id, with_for_update=True)
        if new:
            join(session, account, now=now)
            given = add_channels(session, account, [chat], self._vault, now=now)
            (channel,) = given.new + given.known
            by = _customer(channel)
            note(session, account, who=by, command="bot start", arguments={}, now=now)
        welcome = _addressed(account, AnswerKind.PAIRED, now=now)
        return Heard(
            verb=Verb.START,
            chat_digest=digest,
            replies=(Reply(answer=welcome, locale=account.locale or account.isp.locale),),
            paired=account.id if new else None,
        )

    def _channels(
        self, session: Session, isp_ids: Collection[int], digest: str
    ) -> Sequence[Channel]:
        """Return the channels of paired accounts that this chat is."""
        return session.scalars(
            select(Channel)
            .join(Account, Account.id == Channel.account_id)
            .where(
                Channel.destination_digest == digest,
                Channel.disabled_at.is_(None),
                Account.isp_id.in_(isp_ids),
                Account.paired_at.is_not(None),
                Account.unpaired_at.is_(None),
            )
            .options(joinedload(Channel.account).joinedload(Account.isp))
            .order_by(Channel.id)
        ).all()

    def _to_nobody(
        self,
        session: Session,
        isp_ids: Collection[int],
        said: Said,
        kind: AnswerKind,
        *,
        now: datetime,
    ) -> Reply:
        """Answer somebody of whom nothing is known, in the language of their own program."""
        isps = session.scalars(select(Isp).where(Isp.id.in_(isp_ids)).order_by(Isp.id)).all()
        first, alone = isps[0], len(isps) == 1
        answer = Answer(
            kind=kind,
            isp_name=first.name if alone else "",
            today=now.astimezone(ZoneInfo(first.timezone)).date(),
            timezone=first.timezone,
            currency=first.currency,
            support=first.support if alone else None,
        )
        code = (said.language or "").partition("-")[0].lower()
        own = {"es": "es", "pt": "pt_BR", "en": "en"}.get(code)
        same = own is None or first.locale.startswith(code)
        return Reply(answer=answer, locale=first.locale if same or own is None else own)

    def _count(
        self, session: Session, bot_id: int, digest: str, *, since: datetime, wrong: bool = False
    ) -> int:
        query = select(func.count()).where(
            BotQuestion.bot_id == bot_id,
            BotQuestion.chat_digest == digest,
            BotQuestion.asked_at > since,
        )
        return session.scalar(query.where(BotQuestion.wrong) if wrong else query) or 0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Talk:
    """One question about one account of a chat."""

    asked: Asked
    channel: Channel
    several: bool
    now: datetime

    @property
    def account(self) -> Account:
        """Whose."""
        return self.channel.account

    def reply(self, kind: AnswerKind, **more: Any) -> Reply:
        """Return an answer in the customer's language."""
        answer = replace(_addressed(self.account, kind, now=self.now), **more)
        if self.several:
            answer = replace(answer, named=self.account.name)
        return Reply(answer=answer, locale=self.account.locale or self.account.isp.locale)


def _record(session: Session, asked: Asked, channel: Channel, *, now: datetime) -> None:
    """Put on record what a customer changed, in the transaction that changes it."""
    given: dict[str, str] = {}
    match asked.verb:
        case Verb.PAUSE:
            given = {"days": str(asked.days)}
        case Verb.LANGUAGE if asked.locale is not None:
            given = {"locale": asked.locale}
        case Verb.STOP:
            given = {"all_channels": "yes"} if asked.all_channels else {}
        case Verb.RESUME:
            pass
        case _:
            return
    note(
        session,
        channel.account,
        who=_customer(channel),
        command=f"bot {asked.verb.value}",
        arguments=given,
        now=now,
    )


def _customer(channel: Channel) -> str:
    return f"customer, {channel.label}"[:100]


def _addressed(account: Account, kind: AnswerKind, *, now: datetime) -> Answer:
    """Return what every answer to a customer begins with."""
    isp = account.isp
    zone = zone_of(isp)
    return Answer(
        kind=kind,
        isp_name=isp.name,
        today=now.astimezone(ZoneInfo(zone)).date(),
        timezone=zone,
        currency=isp.currency,
        support=isp.support,
        portal_url=isp.portal_url,
        first_name=first_name(account.name),
    )


def zone_of(isp: Isp) -> str:
    """Return the zone of an ISP's wall: its policy's, else its own."""
    try:
        return policy_of(isp).timezone or isp.timezone
    except UnreadablePolicyError:
        return isp.timezone


def _help(session: Session, talk: _Talk) -> Reply:
    del session
    return talk.reply(AnswerKind.HELP)


def _owed(session: Session, talk: _Talk) -> Reply:
    """Say what is open as we know it; who was never looked at hears so, and no wrong zero."""
    account, isp = talk.account, talk.account.isp
    if account.baseline_at is None:
        return talk.reply(AnswerKind.NOT_YET)
    today = talk.now.astimezone(ZoneInfo(zone_of(isp))).date()
    known = [facts_of(row) for row in open_invoices(session, [account.id])]
    due = [facts for facts in known if facts.payable > 0]
    debts = tuple(
        Debt(
            amount=facts.payable,
            received=facts.received,
            invoice_number=facts.number,
            period_date=facts.period_from or facts.issued_date,
            due_date=facts.first_due_date,
            pay_url=pay_url(isp, account, facts, amount=facts.payable),
        )
        for facts in due[:MOST_INVOICES]
    )
    return talk.reply(
        AnswerKind.INVOICES if talk.asked.verb is Verb.INVOICES else AnswerKind.BALANCE,
        debts=debts,
        more_debts=len(due) - len(debts),
        total=sum((facts.payable for facts in due), Decimal(0)),
        overdue=sum(
            (f.payable for f in due if f.first_due_date and f.first_due_date < today), Decimal(0)
        ),
        as_of=_as_of(account),
    )


def _as_of(account: Account) -> datetime | None:
    """Return when the last complete look at this account began, its own or the whole ISP's."""
    told = [account.baseline_at, account.looked_at]
    if account.next_look_at is None:
        told.append(account.isp.swept_at)
    return max((at for at in told if at is not None), default=None)


def _pause(session: Session, talk: _Talk) -> Reply:
    account, days = talk.account, talk.asked.days
    today = talk.now.astimezone(ZoneInfo(zone_of(account.isp))).date()
    row = put_hold(
        session,
        account,
        kind=HoldKind.PAUSE,
        until=today + timedelta(days=days),
        reason=f"/pausar {days}",
        author=_customer(talk.channel),
        now=talk.now,
    )
    return talk.reply(AnswerKind.PAUSED, until=row.until)


def _resume(session: Session, talk: _Talk) -> Reply:
    rows = session.scalars(
        select(Hold)
        .where(
            Hold.account_id == talk.account.id,
            Hold.kind == HoldKind.PAUSE.value,
            Hold.released_at.is_(None),
        )
        .with_for_update()
    ).all()
    today = talk.now.astimezone(ZoneInfo(zone_of(talk.account.isp))).date()
    end_holds(session, talk.account.id, rows, author=_customer(talk.channel), now=talk.now)
    return talk.reply(AnswerKind.RESUMED, paused=any(row.until >= today for row in rows))


def _stop(session: Session, talk: _Talk) -> Reply:
    account = talk.account
    # Before its deliveries, as whoever journals an attempt under the caps does.
    session.execute(select(Account.id).where(Account.id == account.id).with_for_update())
    close_channel(session, talk.channel, Reason.NO_CONSENT, now=talk.now)
    others = session.scalars(
        select(Channel.label)
        .where(
            Channel.account_id == account.id,
            Channel.id != talk.channel.id,
            Channel.disabled_at.is_(None),
        )
        .order_by(Channel.position, Channel.id)
    ).all()
    if others and not talk.asked.all_channels:
        return talk.reply(AnswerKind.CHANNEL_CLOSED, others=tuple(others))
    leave(session, account, now=talk.now)
    return talk.reply(AnswerKind.STOPPED)


def _language(session: Session, talk: _Talk) -> Reply:
    del session
    wanted, account = talk.asked.locale, talk.account
    if wanted is None:
        return talk.reply(AnswerKind.LANGUAGES)
    # Of one's own language the ISP's kind is meant: whoever says "es" in Chile reads es_CL.
    theirs = account.isp.locale
    account.locale = theirs if theirs.partition("_")[0] == wanted.partition("_")[0] else wanted
    return talk.reply(AnswerKind.LANGUAGE)


_ACTS: dict[Verb, Callable[[Session, _Talk], Reply]] = {
    Verb.INVOICES: _owed,
    Verb.BALANCE: _owed,
    Verb.PAUSE: _pause,
    Verb.RESUME: _resume,
    Verb.STOP: _stop,
    Verb.LANGUAGE: _language,
}
