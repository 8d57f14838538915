"""How a bot fares: when it rests, for how long, and what the operator is told. On its row."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

import structlog
from sqlalchemy.orm import Session

from billing.chat import ChatError, ChatTrouble
from billing.delivery.providers import pause
from billing.ending import LONGEST_PAUSE
from billing.notices import tell_operator
from billing.values import NoticeKind
from models.bot import Bot

log = structlog.get_logger()

#: What a person has to mend is not mended by asking again every few seconds.
_RESTS = {
    ChatTrouble.TOKEN_REFUSED: timedelta(hours=1),
    ChatTrouble.WEBHOOK: timedelta(minutes=10),
}
_FIRST_REST, _LONGEST_REST = timedelta(seconds=10), timedelta(minutes=10)
#: Another poller may be one of ours that lost its lease: three times in a row it is not.
_TELL_AFTER = 3


def is_well(row: Bot) -> bool:
    """Whether nothing is noted against a bot."""
    return row.trouble is None and row.rest_until is None and row.refused_digest is None


def note_well(row: Bot, *, now: datetime) -> None:
    """This function will note that the provider answers a bot."""
    if row.trouble is not None:
        log.info("bot.well", bot_id=row.bot_id, after=row.trouble)
    row.listened_at, row.failures = now, 0
    row.trouble = row.trouble_since = row.rest_until = row.refused_digest = None


def note_trouble(
    session: Session,
    row: Bot,
    error: ChatError,
    *,
    account_key: str,
    isp_ids: Collection[int],
    token_digest: str,
    now: datetime,
) -> None:
    """This function will let a bot rest, and tell the operators what only a person can mend, once.

    Args:
        session: the caller's unit of work.
        row: of the bot.
        error: what the provider said.
        account_key: of the bot as a sending account: alerts over it rest too.
        isp_ids: whose bot it is.
        token_digest: the keyed hash of the token that was used.
        now: the present.
    """
    trouble = error.trouble
    log.warning("bot.trouble", bot_id=row.bot_id, trouble=trouble.value, why=str(error))
    if trouble is ChatTrouble.TOO_MANY:
        row.rest_until = now + min(timedelta(seconds=error.retry_after or 1.0), LONGEST_PAUSE)
        pause(session, account_key, row.rest_until, str(error), now=now)
        return
    if row.trouble != trouble.value or row.trouble_since is None:
        row.trouble, row.trouble_since, row.failures = trouble.value, now, 0
    row.failures += 1
    doubled = _FIRST_REST * (1 << min(row.failures - 1, 10))
    row.rest_until = now + _RESTS.get(trouble, min(doubled, _LONGEST_REST))
    if trouble is ChatTrouble.TOKEN_REFUSED:
        row.refused_digest = token_digest
    certain = trouble is not ChatTrouble.OTHER_POLLER or row.failures >= _TELL_AFTER
    if not (trouble.needs_a_person and certain):
        return
    since = row.trouble_since.isoformat()
    for isp_id in isp_ids:
        tell_operator(
            session,
            isp_id,
            NoticeKind.BOT_TROUBLE,
            f"bot {row.bot_id} {trouble.value} since {since}",
            {"reason": trouble.value, "bot": row.username, "since": since},
            now=now,
        )
