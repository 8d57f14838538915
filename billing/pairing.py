"""Pair a Wispro client with the channels on which they want their alerts.

A client is named by UUID, public id, custom id, national id, e-mail, or by the text inside the QR
code of the customer portal. A bare number may be three of these: all are asked, and more than one
match is refused with the candidates, since a wrong pairing shows one customer another's invoices.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from billing.identity import LOGIN_PURPOSE
from billing.isps import find_isp
from billing.joining import Added, add_channels, join, keep_account, leave
from billing.naming import PREFIXES, AccountFinder, PairingError, ambiguous
from billing.owing import Tally
from billing.ports import (
    DestinationError,
    MessengerPort,
    ParsedDestination,
    UpstreamError,
    VaultPort,
    WisproAccess,
    WisproPort,
)
from billing.terms import access_to
from billing.values import ClientFacts, ClientField, UpstreamReason
from billing.welcoming import welcome
from models.account import Account
from models.database import Database
from models.isp import Transport

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Paired:
    """What was paired. `added` are the labels of new channels, `known` of those it had.

    `welcomed` counts the new ones that will be told so.
    """

    account_id: int
    client: ClientFacts
    added: tuple[str, ...]
    known: tuple[str, ...]
    without_transport: tuple[str, ...]
    welcomed: int = 0


class Pairing:
    """The use-case.

    Args:
        database: rows.
        vault: seals destinations and ids, makes the keyed hashes.
        door: makes a client of an ISP's Wispro.
        messenger: understands destinations.
        login_token: returns the token part of the text in a portal QR code, or None.
    """

    def __init__(
        self,
        database: Database,
        vault: VaultPort,
        door: Callable[[WisproAccess], WisproPort],
        messenger: MessengerPort,
        login_token: Callable[[str], str | None],
    ) -> None:
        self._database = database
        self._vault = vault
        self._door = door
        self._messenger = messenger
        self._login_token = login_token
        self._whom = AccountFinder(vault, login_token)

    def pair(
        self,
        slug: str,
        client: str,
        destinations: Sequence[str],
        *,
        now: datetime,
        locale: str | None = None,
        progress: Progress | None = None,
        first: bool = False,
        quiet: bool = False,
        risk_accepted_by: str | None = None,
    ) -> Paired:
        """This function will pair one client with one or more destinations.

        Pairing again adds channels. An unpaired account comes back with the channels that are named
        now and no other, and begins with a silent baseline.

        Args:
            slug: the ISP.
            client: who, in any of the accepted forms.
            destinations: where, in any of the accepted forms.
            now: the present.
            locale: of the customer; None = the ISP's.
            progress: called with (pages read, pages in all) while a QR code is looked up.
            first: these channels go before those that it has.
            quiet: new channels are not told that alerts will come to them.
            risk_accepted_by: who answers for a gateway that its network may block; None = nobody,
                and such a destination is refused.

        Raises:
            SetupError: if the ISP is unknown.
            PairingError: if the client is unknown or ambiguous, or a destination is unusable.
            UpstreamError: if Wispro gives no usable answer.
        """
        parsed = self._understood(destinations, risk_accepted_by)
        isp_id, facts = self.identify(slug, client, progress=progress)
        with self._database.write() as session:
            account = keep_account(session, isp_id, facts, self._vault)
            join(session, account, now=now)
            account.locale = locale.replace("-", "_") if locale else account.locale
            added = add_channels(
                session,
                account,
                parsed,
                self._vault,
                now=now,
                first=first,
                risk_accepted_by=risk_accepted_by,
            )
            return _paired(session, account, facts, parsed, added, quiet=quiet, now=now)

    def add(
        self,
        slug: str,
        client: str,
        destinations: Sequence[str],
        *,
        now: datetime,
        first: bool = False,
        quiet: bool = False,
        risk_accepted_by: str | None = None,
    ) -> Paired:
        """This function will give a paired account more channels; Wispro is not asked.

        Args: as in `pair`.

        Raises:
            PairingError: if no paired account matches, or several do, or a destination is unusable.
        """
        parsed = self._understood(destinations, risk_accepted_by)
        with self._database.write() as session:
            account = self._whom.find(session, slug, client)
            session.execute(select(Account.id).where(Account.id == account.id).with_for_update())
            if not account.paired:
                raise PairingError(f"{account.name} is not paired: alerta pair {slug} … --to …")
            added = add_channels(
                session,
                account,
                parsed,
                self._vault,
                now=now,
                first=first,
                risk_accepted_by=risk_accepted_by,
            )
            facts = ClientFacts(
                client_id=account.client_id, public_id=account.public_id, name=account.name
            )
            return _paired(session, account, facts, parsed, added, quiet=quiet, now=now)

    def _understood(
        self, destinations: Sequence[str], risk_accepted_by: str | None
    ) -> list[ParsedDestination]:
        if not destinations:
            raise PairingError("at least one destination is needed: --to ana@example.org")
        try:
            parsed = [self._messenger.parse_destination(text) for text in destinations]
        except DestinationError as error:
            raise PairingError(str(error)) from None
        if risk_accepted_by is None and any(one.ban_risk for one in parsed):
            raise PairingError(
                "this goes over an unofficial gateway, and WhatsApp may ban the number for it; "
                "use whatsapp:// (Meta's Cloud API), or say --accept-ban-risk"
            )
        return parsed

    def identify(
        self, slug: str, client: str, *, progress: Progress | None = None
    ) -> tuple[int, ClientFacts]:
        """This function will find out who is meant; return the ISP's id and the client.

        Raises:
            SetupError: if the ISP is unknown.
            PairingError: if the client is unknown or ambiguous.
            UpstreamError: if Wispro gives no usable answer.
        """
        with self._database.read() as session:
            isp = find_isp(session, slug)
            access, isp_id = access_to(isp, self._vault), isp.id
        return isp_id, self._identify(self._door(access), client, progress)

    def unpair(self, slug: str, client: str, *, now: datetime) -> str:
        """This function will stop every alert of an account; return the client's name.

        Raises:
            PairingError: if no paired account matches, or several do.
        """
        with self._database.write() as session:
            account = self._whom.find(session, slug, client)
            if not account.paired:
                raise PairingError(f"{account.name} is not paired")
            leave(session, account, now=now)
            return account.name

    def _identify(self, wispro: WisproPort, text: str, progress: Progress | None) -> ClientFacts:
        text = text.strip()
        if (token := self._login_token(text)) is not None:
            return self._by_login(wispro, token, progress)
        if _is_uuid(text):
            try:
                return wispro.client(text)
            except UpstreamError as error:
                if error.reason is UpstreamReason.NOT_FOUND:
                    raise PairingError("Wispro knows no client with this UUID") from None
                raise
        found: dict[str, ClientFacts] = {}
        for field, value in _readings(text):
            listing = wispro.find_clients(field, value)
            if not listing.complete:
                raise PairingError(
                    f"Wispro's answer was not complete ({listing.why_incomplete}); try again"
                )
            found.update((facts.client_id, facts) for facts in listing.records)
        if not found:
            raise PairingError(
                "Wispro knows no client by this UUID, public id, custom id, national id or e-mail"
            )
        if len(found) > 1:
            raise PairingError(ambiguous(list(found.values())))
        return next(iter(found.values()))

    def _by_login(self, wispro: WisproPort, token: str, progress: Progress | None) -> ClientFacts:
        """Compare keyed hashes client by client: Wispro has no filter for the link."""
        digest = self._vault.digest(token, purpose=LOGIN_PURPOSE)
        for page in wispro.client_pages():
            if progress is not None:
                progress(page.number, page.total_pages)
            for facts in page.records:
                if facts.login_digest == digest:
                    return facts
        raise PairingError(
            "no client of this ISP has this QR code; scan it again in the portal under "
            "Aplicación Móvil"
        )


def _paired(
    session: Session,
    account: Account,
    facts: ClientFacts,
    parsed: Sequence[ParsedDestination],
    added: Added,
    *,
    quiet: bool,
    now: datetime,
) -> Paired:
    """Welcome the new channels, and say what an account was given."""
    welcomed = Tally() if quiet else welcome(session, account, added.new, now=now)
    schemes = select(Transport.scheme).where(Transport.isp_id == account.isp_id)
    present = set(session.scalars(schemes))
    return Paired(
        account_id=account.id,
        client=facts,
        added=tuple(row.label for row in added.new),
        known=tuple(row.label for row in added.known),
        without_transport=tuple(sorted({p.scheme for p in parsed if p.needs_transport} - present)),
        welcomed=welcomed.deliveries,
    )


def _readings(text: str) -> list[tuple[ClientField, str]]:
    """What a text may mean: "public:793" says which; a bare number may be any id."""
    prefix, colon, rest = text.partition(":")
    if colon and prefix in PREFIXES and rest.strip():
        return [(PREFIXES[prefix], rest.strip())]
    if not text:
        raise PairingError("name a client: UUID, public id, custom id, national id or e-mail")
    if "@" in text:
        return [(ClientField.EMAIL, text)]
    readings = [(ClientField.CUSTOM_ID, text), (ClientField.NATIONAL_ID, text)]
    if re.fullmatch(r"[1-9]\d{0,8}", text):
        readings.insert(0, (ClientField.PUBLIC_ID, text))
    return readings


def _is_uuid(text: str) -> bool:
    try:
        return str(uuid.UUID(text)) == text.lower()
    except ValueError:
        return False
