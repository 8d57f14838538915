"""What one customer wants otherwise: language, quiet hours, steps that they do not want.

They narrow what the ISP sends and never widen it: hours hold besides the ISP's and a preset's.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import update
from sqlalchemy.orm import Session

from billing.calendar import ContactHours
from billing.isps import LOCALE, SetupError
from billing.naming import AccountFinder
from billing.policy import EVENTS, Policy
from billing.terms import hours_under, policy_of
from billing.values import InvoiceState
from models.account import Account
from models.database import Database
from models.invoice import Invoice
from models.isp import Isp

#: Takes a customer back to what the ISP says.
AS_THE_ISP = "default"
_LONGEST_HOURS: int = Account.__table__.c.contact_hours.type.length  # type: ignore[attr-defined]


class OverrideError(SetupError):
    """What was given cannot be used; one problem a line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountTerms:
    """What holds for one customer.

    Args:
        customer: the name.
        locale: the language in force; `own_locale` = the customer's, None = the ISP's.
        hours: when alerts may go, all windows together; `own_hours` as for the locale.
        steps_off: what the customer does not want: "due_soon -5d", or a whole kind.
        steps: what the ISP's policy sends, in the words that `--off` takes.
    """

    customer: str
    locale: str
    own_locale: str | None
    hours: str
    own_hours: str | None
    steps_off: Sequence[str]
    steps: Sequence[str]


class Overrides:
    """The use-case.

    Args:
        database: rows.
        whom: finds a customer by what names them.
    """

    def __init__(self, database: Database, whom: AccountFinder) -> None:
        self._database = database
        self._whom = whom

    def show(self, slug: str, client: str) -> AccountTerms:
        """This function will return what holds for a customer.

        Raises:
            SetupError: if the ISP is unknown or its policy cannot be read.
            PairingError: if no account matches, or several do.
        """
        with self._database.read() as session:
            account = self._whom.find(session, slug, client)
            return _terms(account, policy_of(account.isp))

    def set(
        self,
        slug: str,
        client: str,
        *,
        now: datetime,
        locale: str | None = None,
        hours: str | None = None,
        off: Iterable[str] = (),
        on: Iterable[str] = (),
    ) -> AccountTerms:
        """This function will change what one customer wants otherwise; the rest stays.

        Args:
            slug: the ISP.
            client: who, in any form that names an account of ours.
            now: the present; open invoices are decided anew at once.
            locale: "pt_BR"; `AS_THE_ISP` = the ISP's again; None = as it is.
            hours: in the form of `ContactHours.parse`, at most 200 characters; the others as above.
            off: steps to leave out: "due_soon -5d", or "due_soon" for all of a kind.
            on: steps to send again; a kind brings all of its steps back.

        Raises:
            OverrideError: with everything that cannot be used; then nothing changes.
            SetupError: if the ISP is unknown or its policy cannot be read.
            PairingError: if no account matches, or several do.
        """
        with self._database.write() as session:
            account = self._whom.find(session, slug, client)
            policy = policy_of(account.isp)
            problems: list[str] = []
            if locale is not None:
                account.locale = _locale(locale, problems)
            if hours is not None:
                account.contact_hours = _hours(hours, policy, account.isp, problems)
            account.steps_off = _steps_off(account.steps_off, off, on, policy, problems)
            if problems:
                raise OverrideError("\n".join(problems))
            _replan(session, account.id, now=now)
            return _terms(account, policy)


def _terms(account: Account, policy: Policy) -> AccountTerms:
    own = account.contact_hours
    hours = hours_under(policy, account.isp)
    return AccountTerms(
        customer=account.name,
        locale=account.locale or account.isp.locale,
        own_locale=account.locale,
        hours=str(hours & ContactHours.parse(own) if own else hours),
        own_hours=own,
        steps_off=tuple(account.steps_off),
        steps=_known(policy),
    )


def _known(policy: Policy) -> tuple[str, ...]:
    """Return what a policy sends: steps by kind and name, the kinds that just happen."""
    dated = [f"{step.kind} {step.name}" for step in policy.steps]
    return (*dated, *sorted(policy.events))


def _locale(text: str, problems: list[str]) -> str | None:
    if text == AS_THE_ISP:
        return None
    if not LOCALE.fullmatch(text):
        problems.append(
            f"--locale: {text!r} is not a locale, e.g. es_AR, pt_BR, en; {AS_THE_ISP} = the ISP's"
        )
    return text.replace("-", "_")


def _hours(text: str, policy: Policy, isp: Isp, problems: list[str]) -> str | None:
    if text == AS_THE_ISP:
        return None
    if len(text) > _LONGEST_HOURS:
        problems.append(f"--hours: at most {_LONGEST_HOURS} characters")
        return None
    try:
        mine = ContactHours.parse(text)
    except ValueError as error:
        problems.append(f"--hours: {error}")
        return None
    theirs = hours_under(policy, isp)
    if not (mine & theirs).ever_open:
        problems.append(
            f"--hours: nothing would ever go: {mine} is never open within the hours of "
            f"{isp.slug}: {theirs}"
        )
    return text


def _steps_off(
    present: Sequence[str],
    off: Iterable[str],
    on: Iterable[str],
    policy: Policy,
    problems: list[str],
) -> list[str]:
    known = {*_known(policy), *EVENTS, *(step.kind for step in policy.steps)}
    found = list(dict.fromkeys(present))
    for step in (_plain(text) for text in off):
        if step not in known:
            accepted = ", ".join(sorted(known))
            problems.append(f"--off: no such step: {step!r}; accepted: {accepted}")
        elif step not in found:
            found.append(step)
    for step in (_plain(text) for text in on):
        kind, _, name = step.partition(" ")
        gone = [one for one in found if one == step or (not name and one.startswith(f"{kind} "))]
        if name and kind in found:
            problems.append(f"--on: {kind} is off as a whole: --on {kind}")
        elif not gone:
            which = ", ".join(found) or "none"
            problems.append(f"--on: {step!r} is not off; off are: {which}")
        found = [one for one in found if one not in gone]
    return found


def _plain(text: str) -> str:
    return " ".join(text.split())


def _replan(session: Session, account_id: int, *, now: datetime) -> None:
    session.execute(
        update(Invoice)
        .where(
            Invoice.account_id == account_id,
            Invoice.state == InvoiceState.PENDING.value,
            Invoice.vanished_at.is_(None),
        )
        .values(plan_at=now)
        .execution_options(synchronize_session=False)
    )
