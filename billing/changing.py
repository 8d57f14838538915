"""Change what an operator told about an ISP, and say what that does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from decimal import Decimal

from sqlalchemy import delete
from sqlalchemy.orm import Session

from billing.isps import IspSetup, SetupError, find_isp
from billing.policies import replan
from billing.ports import SecretError, VaultPort
from billing.terms import UnreadablePolicyError, hours_under, policy_of
from models.database import Database
from models.isp import Isp
from models.listing import Probe

#: A setting that is given as this is taken away.
NOTHING = "none"
#: What every step's instant is computed from.
_OF_THE_CALENDAR = frozenset({"timezone", "contact_hours"})
_CAN_BE_TAKEN_AWAY = frozenset({"portal_url", "pay_url", "support"})
_EFFECTS = {
    "name": "the next messages are signed with it",
    "base_url": "the next look asks there; check it: alerta doctor {slug}",
    "token": "the next look uses it; check it: alerta doctor {slug}",
    "timezone": "days and hours are counted there; {replanned} open invoices are decided anew",
    "contact_hours": "{replanned} open invoices are decided anew; what is planned waits for them",
    "locale": "messages to customers without a language of their own are in it",
    "currency": "amounts are written in it from the next message on; nothing is converted",
    "minimum_amount": "asked at the last moment before each message",
    "debt_sign": "balances are read the other way round; check one: alerta explain {slug} CLIENT",
}
_OTHERWISE = "from the next message on"


@dataclass(frozen=True, slots=True, kw_only=True)
class IspChange:
    """What is to be another way; None = as it is, `NOTHING` = none where that is possible."""

    name: str | None = None
    base_url: str | None = None
    token: str | None = field(default=None, repr=False)
    timezone: str | None = None
    locale: str | None = None
    currency: str | None = None
    portal_url: str | None = None
    pay_url: str | None = None
    support: str | None = None
    contact_hours: str | None = None
    minimum_amount: Decimal | None = None
    debt_sign: str | None = None

    @property
    def given(self) -> dict[str, str | Decimal | None]:
        """What is given, by its name in `IspSetup`."""
        values = {one.name: getattr(self, one.name) for one in fields(self)}
        return {
            name: None if value == NOTHING and name in _CAN_BE_TAKEN_AWAY else value
            for name, value in values.items()
            if value is not None
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """One setting that is another one now. A token is never shown."""

    name: str
    before: str | None
    after: str | None
    effect: str


class Changing:
    """The use-case."""

    def __init__(self, database: Database, vault: VaultPort) -> None:
        self._database = database
        self._vault = vault

    def change(self, slug: str, wanted: IspChange, *, now: datetime) -> Sequence[Changed]:
        """This function will change an ISP; what is given as it is already changes nothing.

        Args:
            slug: the ISP.
            wanted: what is to be another way.
            now: the present.

        Returns:
            What is another way now, and what comes of it.

        Raises:
            SetupError: if the ISP is unknown, a value cannot be used, or its alerts could never go.
        """
        with self._database.write() as session:
            isp = find_isp(session, slug)
            before = self._setup_of(isp)
            after = replace(before, **wanted.given)  # type: ignore[arg-type]
            after = replace(
                after,
                name=after.name.strip(),
                base_url=after.base_url.rstrip("/"),
                locale=after.locale.replace("-", "_"),
            )
            if problems := after.problems():
                raise SetupError("\n".join(problems))
            names = [name for name in wanted.given if getattr(before, name) != getattr(after, name)]
            for name in names:
                if name == "token":
                    isp.token_sealed = self._vault.seal(after.token)
                else:
                    setattr(isp, name, getattr(after, name))
            replanned = self._apply(session, isp, frozenset(names), now=now)
        return [
            Changed(
                name=name,
                before=_shown(name, getattr(before, name)),
                after=_shown(name, getattr(after, name)),
                effect=_EFFECTS.get(name, _OTHERWISE).format(slug=slug, replanned=replanned),
            )
            for name in names
        ]

    def _apply(self, session: Session, isp: Isp, names: frozenset[str], *, now: datetime) -> int:
        if names & {"base_url", "token"}:
            isp.failures, isp.trouble, isp.trouble_until = 0, None, None
        if "base_url" in names:  # another place may have other habits
            session.execute(delete(Probe).where(Probe.isp_id == isp.id))
        if not names & _OF_THE_CALENDAR:
            return 0
        try:
            policy = policy_of(isp)
        except UnreadablePolicyError:
            return 0  # nothing is planned until it can be read
        if not hours_under(policy, isp).ever_open:
            raise SetupError(
                f"--contact-hours: nothing would ever go: {isp.contact_hours} is never open within "
                f"the policy of {isp.slug}"
            )
        session.flush()
        return replan(session, isp.id, now=now)

    def _setup_of(self, isp: Isp) -> IspSetup:
        try:
            token = self._vault.open(isp.token_sealed)
        except SecretError:
            token = "x" * 8  # any that passes: a new one may be just what is being given
        return IspSetup(
            slug=isp.slug,
            name=isp.name,
            base_url=isp.base_url,
            token=token,
            timezone=isp.timezone,
            locale=isp.locale,
            currency=isp.currency,
            portal_url=isp.portal_url,
            pay_url=isp.pay_url,
            support=isp.support,
            contact_hours=isp.contact_hours,
            minimum_amount=isp.minimum_amount,
            debt_sign=isp.debt_sign,
        )


def _shown(name: str, value: object) -> str | None:
    if name == "token":
        return "…"
    return None if value is None else str(value)
