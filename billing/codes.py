"""Codes by which customers pair themselves: made, used once, counted when they are wrong.

A code is random, so nobody guesses one: the limit on wrong ones is for what a stranger costs us.
Whatever hands codes in (a chat, later a page) calls `redeem` in the unit of work that pairs.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from billing.ports import VaultPort
from models.account import Account
from models.pair_code import PairCode

#: 144 bits, 24 characters; `billing.asked.CODE` says what may travel in a link.
_BYTES = 18
#: The purpose of the keyed hash, so that it cannot be compared with another.
PAIR_CODE_PURPOSE = "pair-code"
#: What a code is for; the column is there so that another kind never passes for one of these.
PAIR = "pair"
#: Long enough for a sheet that a technician leaves behind.
USUAL_LIFE = timedelta(days=7)
LONGEST_LIFE = timedelta(days=90)
#: Wrong codes of one chat that are answered with "wrong"; after them it has to wait.
MOST_WRONG = 5
WRONG_WINDOW = timedelta(minutes=15)


def make_code(
    session: Session,
    account: Account,
    vault: VaultPort,
    *,
    author: str,
    now: datetime,
    life: timedelta = USUAL_LIFE,
) -> str:
    """This function will return a new code for an account; only its keyed hash is kept.

    Args:
        session: the caller's unit of work.
        account: whom it pairs.
        vault: makes the hash.
        author: who asked for it, at most 100 characters.
        now: the present.
        life: until when it works.
    """
    code = secrets.token_urlsafe(_BYTES)
    session.add(
        PairCode(
            isp_id=account.isp_id,
            account_id=account.id,
            digest=vault.digest(code, purpose=PAIR_CODE_PURPOSE),
            purpose=PAIR,
            created_at=now,
            created_by=author[:100],
            expires_at=now + life,
        )
    )
    return code


def redeem(
    session: Session,
    code: str,
    vault: VaultPort,
    *,
    isp_ids: Collection[int],
    used_by: str,
    now: datetime,
) -> int | None:
    """This function will use a code up; return the account that it pairs, None = it pairs nobody.

    Args:
        session: the unit of work that pairs.
        code: as it was handed in.
        vault: makes the hash.
        isp_ids: those whose codes may be handed in here.
        used_by: the keyed hash of the destination that it pairs.
        now: the present.
    """
    return session.scalars(
        update(PairCode)
        .where(
            PairCode.digest == vault.digest(code, purpose=PAIR_CODE_PURPOSE),
            PairCode.purpose == PAIR,
            PairCode.isp_id.in_(isp_ids),
            PairCode.used_at.is_(None),
            PairCode.expires_at > now,
        )
        .values(used_at=now, used_by=used_by)
        .returning(PairCode.account_id)
        .execution_options(synchronize_session=False)
    ).first()


def was_used_by(session: Session, code: str, vault: VaultPort, *, used_by: str) -> int | None:
    """This function will return the account that this code paired with this very destination."""
    return session.scalars(
        select(PairCode.account_id).where(
            PairCode.digest == vault.digest(code, purpose=PAIR_CODE_PURPOSE),
            PairCode.used_by == used_by,
        )
    ).first()
