"""What of an ISP's own no key opens any more: its token, its sending accounts."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from billing.notices import tell_operator
from billing.ports import VaultPort
from billing.sealed import opens
from billing.values import NoticeKind
from models.isp import Isp, Transport


@dataclass(frozen=True, slots=True)
class Unreadable:
    """What of one ISP cannot be opened, and a name for just this set of sealed texts."""

    token: bool
    accounts: Sequence[str]
    name: str


def unreadable_secrets(session: Session, vault: VaultPort) -> Mapping[int, Unreadable]:
    """This function will try every ISP's own secrets, and name those that do not open."""
    transports: dict[int, list[Transport]] = {}
    for row in session.scalars(select(Transport).order_by(Transport.scheme)):
        transports.setdefault(row.isp_id, []).append(row)
    found = {}
    for isp in session.scalars(select(Isp).where(Isp.enabled.is_(True)).order_by(Isp.id)):
        closed = [row for row in transports.get(isp.id, ()) if not opens(vault, row.url_sealed)]
        token = not opens(vault, isp.token_sealed)
        if token or closed:
            sealed = [row.url_sealed for row in closed] + [isp.token_sealed] * token
            name = hashlib.sha256("\n".join(sealed).encode()).hexdigest()[:32]
            found[isp.id] = Unreadable(token, [row.scheme for row in closed], name)
    return found


def tell_of_secrets(session: Session, found: Mapping[int, Unreadable], *, now: datetime) -> int:
    """This function will tell operators what cannot be opened, once for each set of it."""
    new = 0
    for isp_id, one in found.items():
        details = {"token": "yes"} if one.token else {}
        if one.accounts:
            details |= {"accounts": ", ".join(one.accounts), "account": one.accounts[0]}
        kind = NoticeKind.SECRET_UNREADABLE
        new += tell_operator(session, isp_id, kind, f"sealed:{one.name}", details, now=now)
    return new
