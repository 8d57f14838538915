"""Set an ISP up: its Wispro account, how it signs, and its own sending accounts."""

from __future__ import annotations

import re
import urllib.parse
from dataclasses import dataclass, field, fields
from datetime import datetime
from decimal import Decimal

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from billing.calendar import DEFAULT_HOURS, Calendar
from billing.delivery.limits import LimitsError, ProviderLimits, limits_for
from billing.errors import ForeseenError
from billing.facts import is_storable
from billing.paylink import PAY_URL_FIELDS, fill_pay_url
from billing.ports import DestinationError, MessengerPort, VaultPort
from billing.values import TRANSPORT_SCHEMES, DeliveryState, Medium, Reason
from models.alert import Budget, Delivery
from models.base import MONEY_DECIMALS
from models.database import Database
from models.isp import Isp, Transport

_SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?")
LOCALE = re.compile(r"[a-z]{2,3}(?:[_-][A-Za-z]{2,4})?")
_CURRENCY = re.compile(r"[A-Z]{3}")
#: Printable, one line: it becomes a header.
_TOKEN = re.compile(r"[\x21-\x7e]{8,500}")
_LONGEST_HOURS: int = Isp.__table__.c.contact_hours.type.length  # type: ignore[attr-defined]
#: One request in a hundred seconds; less would never get through a list.
_LEAST_RATE = 0.01
#: More than any ISP sends, and what a column holds.
_MOST_SEGMENTS = 100_000_000


class SetupError(ForeseenError, ValueError):
    """What was given cannot be used; one problem a line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IspSetup:
    """What an operator tells about an ISP. `requests_per_second`: product.md, section 6."""

    slug: str
    name: str
    base_url: str
    token: str = field(repr=False)
    timezone: str = "America/Argentina/Cordoba"
    locale: str = "es_AR"
    currency: str = "ARS"
    portal_url: str | None = None
    pay_url: str | None = None
    support: str | None = None
    contact_hours: str = DEFAULT_HOURS
    minimum_amount: Decimal = Decimal(0)
    debt_sign: str = "negative"
    requests_per_second: float = 2.0

    def problems(self) -> list[str]:
        """Return everything that is wrong with it, a line each; the token is never quoted."""
        found = []
        if not _SLUG.fullmatch(self.slug):
            found.append("SLUG: lower-case letters, digits and dashes, at most 64, e.g. interatos")
        if not self.name.strip() or len(self.name) > 200 or not self.name.isprintable():
            found.append("--name: one line of 1 to 200 characters")
        if not _TOKEN.fullmatch(self.token):
            found.append("--token-file: must hold one token and nothing else")
        if not LOCALE.fullmatch(self.locale):
            found.append(f"--locale: {self.locale!r} is not a locale, e.g. es_AR, pt_BR, en")
        if not _CURRENCY.fullmatch(self.currency):
            found.append(f"--currency: {self.currency!r} is not an ISO 4217 code, e.g. ARS")
        if self.debt_sign not in {"negative", "positive"}:
            found.append("--debt-sign: negative or positive")
        if not 0 < self.requests_per_second <= 1000:
            found.append("--rate: requests per second, above 0 and at most 1000")
        if not is_storable(self.minimum_amount) or self.minimum_amount < 0:
            found.append(f"--minimum-amount: zero or more, with at most {MONEY_DECIMALS} decimals")
        if len(self.support or "") > 500 or not (self.support or "").isprintable():
            found.append("--support: one line of at most 500 characters")
        found += self._address_problems()
        try:
            Calendar.of(self.timezone, self.contact_hours)
        except ValueError as error:
            found.append(f"--timezone, --contact-hours: {error}")
        if len(self.contact_hours) > _LONGEST_HOURS:
            found.append(f"--contact-hours: at most {_LONGEST_HOURS} characters")
        return found

    def _address_problems(self) -> list[str]:
        found = []
        if not _is_web_url(self.base_url) or set("?#") & set(self.base_url):
            found.append("--base-url: an address such as https://www.cloud.wispro.co/api/v1")
        if self.portal_url and not _is_web_url(self.portal_url):
            found.append("--portal-url: an address such as https://isp.wispro.co/portal/sign_in")
        if self.pay_url:
            try:
                fill_pay_url(self.pay_url, {})
                if not _is_web_url(self.pay_url) or set("{}") & set(_without_fields(self.pay_url)):
                    found.append("--pay-url: an address, e.g. https://pay.example/{invoice_id}")
            except ValueError as error:
                found.append(f"--pay-url: {error}")
        return found


def _is_web_url(text: str) -> bool:
    if not text.isprintable() or " " in text or len(text) > 500:
        return False
    try:
        parts = urllib.parse.urlsplit(text)
        parts.port  # noqa: B018 - it raises
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname) and "@" not in parts.netloc


def _without_fields(pay_url: str) -> str:
    for name in PAY_URL_FIELDS:
        pay_url = pay_url.replace(f"{{{name}}}", "")
    return pay_url


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuning:
    """How an ISP is looked at; None = as it is. See `models.isp.Isp` for what each means."""

    requests_per_second: float | None = None
    full_every_days: int | None = None
    hold_share: int | None = None
    hold_at_least: int | None = None
    hold_volume: int | None = None
    no_look_hours: int | None = None
    no_send_hours: int | None = None

    def problems(self) -> list[str]:
        """Return everything that is wrong with it, a line each."""
        bounds = (
            ("--rate", self.requests_per_second, _LEAST_RATE, 1000),
            ("--full-every-days", self.full_every_days, 1, 90),
            ("--hold-share", self.hold_share, 1, 100),
            ("--hold-at-least", self.hold_at_least, 1, 1_000_000),
            ("--hold-volume", self.hold_volume, 1, 1000),
            ("--no-look-hours", self.no_look_hours, 1, 168),
            ("--no-send-hours", self.no_send_hours, 1, 168),
        )
        return [
            f"{name}: from {least:g} to {most:g}"
            for name, value, least, most in bounds
            if value is not None and not least <= value <= most
        ]


def find_isp(session: Session, slug: str) -> Isp:
    """This function will return the ISP with this slug.

    Raises:
        SetupError: naming the slugs that exist.
    """
    isp = session.scalars(select(Isp).where(Isp.slug == slug)).first()
    if isp is None:
        known = ", ".join(session.scalars(select(Isp.slug).order_by(Isp.slug).limit(20)))
        raise SetupError(
            f"no ISP {slug!r}; " + (f"known: {known}" if known else "add one: alerta isp add")
        )
    return isp


def check_paid(medium: str) -> None:
    """This function will refuse a medium that costs nothing by the piece.

    Raises:
        SetupError: naming the one that does.
    """
    if medium != Medium.SMS.value:
        raise SetupError(f"no budget for {medium!r}: only sms is paid for by the piece")


class Isps:
    """The use-case."""

    def __init__(self, database: Database, vault: VaultPort, messenger: MessengerPort) -> None:
        self._database = database
        self._vault = vault
        self._messenger = messenger

    def add(self, setup: IspSetup, *, now: datetime) -> int:
        """This function will keep a new ISP, its token sealed.

        Raises:
            SetupError: with everything that is wrong, a line each.
        """
        if problems := setup.problems():
            raise SetupError("\n".join(problems))
        with self._database.write() as session:
            if session.scalars(select(Isp.id).where(Isp.slug == setup.slug)).first():
                raise SetupError(f"there is an ISP {setup.slug!r} already")
            isp = Isp(
                slug=setup.slug,
                name=setup.name.strip(),
                base_url=setup.base_url.rstrip("/"),
                token_sealed=self._vault.seal(setup.token),
                timezone=setup.timezone,
                locale=setup.locale.replace("-", "_"),
                currency=setup.currency,
                portal_url=setup.portal_url,
                pay_url=setup.pay_url,
                support=setup.support,
                contact_hours=setup.contact_hours,
                minimum_amount=setup.minimum_amount,
                debt_sign=setup.debt_sign,
                requests_per_second=setup.requests_per_second,
                created_at=now,
            )
            session.add(isp)
            session.flush()
            return isp.id

    def tune(self, slug: str, tuning: Tuning) -> dict[str, float]:
        """This function will change how an ISP is looked at; return how it is then.

        Raises:
            SetupError: if the ISP is unknown or a value is out of its bounds.
        """
        if problems := tuning.problems():
            raise SetupError("\n".join(problems))
        names = [one.name for one in fields(Tuning)]
        with self._database.write() as session:
            isp = find_isp(session, slug)
            for name in names:
                if (value := getattr(tuning, name)) is not None:
                    setattr(isp, name, value)
            return {name: getattr(isp, name) for name in names}

    def set_limits(self, slug: str, scheme: str, text: str | None) -> ProviderLimits:
        """This function will keep what the provider of a sending account lets through.

        Args:
            slug: the ISP.
            scheme: of the sending account.
            text: "30/second; 2000/day; recipient 1/second", "none", or None = the defaults.

        Raises:
            SetupError: if there is no such sending account, or the text cannot be read.
        """
        try:
            limits = limits_for(scheme, text)
        except LimitsError as error:
            raise SetupError(str(error)) from None
        with self._database.write() as session:
            isp = find_isp(session, slug)
            row = session.scalars(
                select(Transport).where(Transport.isp_id == isp.id, Transport.scheme == scheme)
            ).first()
            if row is None:
                raise SetupError(
                    f"{slug} has no sending account for {scheme!r}: "
                    f"alerta isp transport {slug} {scheme} URL"
                )
            row.limits = text
        return limits

    def set_budget(self, slug: str, medium: str, segments: int | None, *, now: datetime) -> None:
        """This function will keep what an ISP may spend on a medium in a calendar month.

        What waits because the former budget was spent is judged anew.

        Args:
            slug: the ISP.
            medium: "sms", the only one that is paid for by the piece.
            segments: at most so many; None = without a budget.
            now: the present.

        Raises:
            SetupError: if the ISP is unknown, or the medium or the number cannot be used.
        """
        check_paid(medium)
        if segments is not None and not 1 <= segments <= _MOST_SEGMENTS:
            raise SetupError(f"a budget is 1 to {_MOST_SEGMENTS} segments a month, or none")
        with self._database.write() as session:
            isp = find_isp(session, slug)
            row = session.get(Budget, (isp.id, medium), with_for_update=True)
            if segments is None:
                if row is not None:
                    session.delete(row)
            elif row is None:
                session.add(Budget(isp_id=isp.id, medium=medium, segments=segments))
            else:
                row.segments = segments
            session.execute(
                update(Delivery)
                .where(
                    Delivery.state == DeliveryState.PLANNED.value,
                    Delivery.isp_id == isp.id,
                    Delivery.reason == Reason.BUDGET.value,
                )
                .values(not_before=now, reason=None)
                .execution_options(synchronize_session=False)
            )

    def set_transport(self, slug: str, scheme: str, url: str, *, now: datetime) -> None:
        """This function will keep the ISP's own sending account for a kind of channel.

        Raises:
            SetupError: if the kind or the URL cannot be used.
        """
        if scheme not in TRANSPORT_SCHEMES:
            raise SetupError(f"no such kind: {scheme!r}; known: {', '.join(TRANSPORT_SCHEMES)}")
        try:
            checked = self._messenger.check_transport(scheme, url)
        except DestinationError as error:
            raise SetupError(str(error)) from None
        sealed = self._vault.seal(checked)
        with self._database.write() as session:
            isp = find_isp(session, slug)
            row = session.scalars(
                select(Transport).where(Transport.isp_id == isp.id, Transport.scheme == scheme)
            ).first()
            if row is None:
                session.add(
                    Transport(isp_id=isp.id, scheme=scheme, url_sealed=sealed, created_at=now)
                )
            else:
                row.url_sealed = sealed
                row.created_at = now
