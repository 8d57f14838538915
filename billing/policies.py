"""Show, weigh and change the policy of an ISP; every one that ever was in force is kept.

A policy that is refused changes nothing. One that is put in force has the ISP's open invoices
planned anew: steps whose time came before that were decided, and stay as they were decided.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from billing.isps import SetupError, find_isp
from billing.policy import Policy
from billing.policy_file import default_text, read_policy
from billing.terms import UnreadablePolicyError, hours_under, policy_of
from billing.values import InvoiceState
from models.database import Database
from models.invoice import Invoice
from models.isp import Isp
from models.policy_version import PolicyVersion

_LONGEST_AUTHOR: int = PolicyVersion.__table__.c.author.type.length  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyShown:
    """The policy in force as it was given; of the default one nobody is the author."""

    text: str
    since: datetime | None
    author: str | None
    default: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyLine:
    """One policy that an ISP had."""

    version: int
    since: datetime
    author: str
    in_force: bool
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicySet:
    """What came of it. `replanned` = the open invoices that are decided anew."""

    changed: bool
    replanned: int


class Policies:
    """The use-case.

    Args:
        database: rows.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def show(self, slug: str) -> PolicyShown:
        """This function will return the policy in force, whether it can be read or not.

        Raises:
            SetupError: if the ISP is unknown.
        """
        with self._database.read() as session:
            isp = find_isp(session, slug)
            if isp.policy is None:
                return PolicyShown(text=default_text(), since=None, author=None, default=True)
            newest = _newest(session, isp)
            return PolicyShown(
                text=isp.policy,
                since=newest.created_at if newest else None,
                author=newest.author if newest else None,
                default=False,
            )

    def history(self, slug: str) -> Sequence[PolicyLine]:
        """This function will return every policy that the ISP was given, the newest first.

        Raises:
            SetupError: if the ISP is unknown.
        """
        with self._database.read() as session:
            isp = find_isp(session, slug)
            rows = session.scalars(
                select(PolicyVersion)
                .where(PolicyVersion.isp_id == isp.id)
                .order_by(PolicyVersion.id.desc())
            ).all()
            return [
                PolicyLine(
                    version=row.id,
                    since=row.created_at,
                    author=row.author,
                    in_force=place == 0 and isp.policy is not None,
                    text=row.text,
                )
                for place, row in enumerate(rows)
            ]

    def compare(self, slug: str, text: str) -> tuple[Policy | None, Policy]:
        """This function will return the policy in force and the one that would take its place.

        Returns:
            The one in force, None if this program cannot read it; and the new one.

        Raises:
            SetupError: if the ISP is unknown, or its alerts could never go.
            PolicyError: if the text is no policy.
        """
        with self._database.read() as session:
            isp = find_isp(session, slug)
            new = _usable(isp, text)
            try:
                return policy_of(isp), new
            except UnreadablePolicyError:
                return None, new

    def set(self, slug: str, text: str, *, author: str, now: datetime) -> PolicySet:
        """This function will put a policy in force; the text that is in force already changes none.

        Args:
            slug: the ISP.
            text: the file, as it was given.
            author: who says so, one line.
            now: the present.

        Raises:
            SetupError: if the ISP is unknown, its alerts could never go, or nobody is the author.
            PolicyError: if the text is no policy.
        """
        if not author.strip() or len(author) > _LONGEST_AUTHOR or not author.isprintable():
            raise SetupError(f"--by: one line of 1 to {_LONGEST_AUTHOR} characters")
        with self._database.write() as session:
            isp = find_isp(session, slug)
            _usable(isp, text)
            if isp.policy == text:
                return PolicySet(changed=False, replanned=0)
            # The ISP first and then its invoices: in the order in which a sync locks them.
            session.execute(
                update(Isp)
                .where(Isp.id == isp.id)
                .values(policy=text)
                .execution_options(synchronize_session=False)
            )
            session.add(PolicyVersion(isp_id=isp.id, text=text, author=author, created_at=now))
            return PolicySet(changed=True, replanned=replan(session, isp.id, now=now))


def _usable(isp: Isp, text: str) -> Policy:
    policy = read_policy(text)
    if not hours_under(policy, isp).ever_open:
        code = policy.preset.code if policy.preset else "none"
        raise SetupError(
            f"nothing would ever go: the contact hours of {isp.slug} ({isp.contact_hours}) are "
            f"never open within those of preset {code}; say hours in the file"
        )
    return policy


def _newest(session: Session, isp: Isp) -> PolicyVersion | None:
    newest = select(func.max(PolicyVersion.id)).where(PolicyVersion.isp_id == isp.id)
    return session.scalars(
        select(PolicyVersion).where(PolicyVersion.id == newest.scalar_subquery())
    ).first()


def replan(session: Session, isp_id: int, *, now: datetime) -> int:
    """This function will have the planner decide on every open invoice; return how many."""
    found = session.execute(
        update(Invoice)
        .where(
            Invoice.state == InvoiceState.PENDING.value,
            Invoice.isp_id == isp_id,
            Invoice.vanished_at.is_(None),
        )
        .values(plan_at=now)
        .execution_options(synchronize_session=False)
    )
    return int(found.rowcount)  # type: ignore[attr-defined]
