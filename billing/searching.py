"""Whom somebody on the phone is: everything that a text may mean, among all that we know.

What is kept in clear is compared (names, ids, numbers of invoices, masked labels); what is kept as
a keyed hash is hashed the same way (national ids, e-mail addresses, destinations, the portal's QR
code). Nothing is opened, and Wispro is not asked.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from sqlalchemy.orm import Session

from billing.identity import LOGIN_PURPOSE, NATIONAL_ID_PURPOSE, email_digest, storable
from billing.invoice_numbers import end_of, may_be
from billing.isps import SetupError, find_isp
from billing.joining import destination_digest
from billing.names import words_of
from billing.ports import DestinationError, ParsedDestination, VaultPort
from models import finding
from models.account import Account, Channel
from models.finding import MOST, FoundAccount, Stranger

#: A screen of hits; who gets more says more.
SHOWN = 20
_LONGEST = 500
_ID = re.compile(r"[0-9]{1,10}")


class By(StrEnum):
    """What of a customer a text was found as; as a prefix ("public:793") it says what it is."""

    CLIENT = "client"
    PUBLIC = "public"
    CUSTOM = "custom"
    NATIONAL = "national"
    QR = "qr"
    EMAIL = "email"
    INVOICE = "invoice"
    CHANNEL = "channel"
    NAME = "name"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """One account that may be meant. `invoice` is the number by which it was found."""

    account: FoundAccount
    by: By
    invoice: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a search came to.

    Args:
        hits: the best ones, at most `SHOWN`.
        others: how many more there are.
        at_least: there may be more than were counted: too many have such names.
        strangers: clients whom nobody paired: their contracts are all that we know.
        searched: as what the text was looked for.
    """

    hits: tuple[Hit, ...]
    others: int = 0
    at_least: bool = False
    strangers: tuple[Stranger, ...] = ()
    searched: tuple[By, ...] = ()


class Searching:
    """The use-case.

    Args:
        vault: makes the keyed hashes.
        login_token: returns the token part of the text in a portal QR code, or None.
        destination: understands what is typed as a destination; None = it may be an Apprise URL.
    """

    def __init__(
        self,
        vault: VaultPort,
        login_token: Callable[[str], str | None],
        destination: Callable[[str], ParsedDestination | None],
    ) -> None:
        self._vault = vault
        self._login_token = login_token
        self._destination = destination

    def find(self, session: Session, text: str, *, slug: str | None = None) -> Found:
        """This function will find the accounts that a text may mean, the likeliest first.

        Args:
            session: reads.
            text: a name or parts of it, an id, an e-mail address, a number of an invoice, a label
                of a channel, the text of a QR code; "public:793" says which it is.
            slug: the ISP in which to look; None = all of them.

        Raises:
            SetupError: if the ISP is unknown, or the text is nothing that can be looked for.
        """
        said, only = _prefix(text)
        if not said or len(said) > _LONGEST or not said.isprintable():
            raise SetupError("say whom to find: a name, an id, an e-mail, a number of an invoice")
        isps = finding.isps(session)
        if slug is not None:
            isp = find_isp(session, slug)
            isps = {isp.id: isp.slug}
        found: dict[int, tuple[By, str | None]] = {}
        searched, at_least = [], False
        for by, question in self._questions(session, isps, said):
            if only not in {None, by}:
                continue
            searched.append(by)
            answers = question()
            at_least = at_least or not answers.all_of_them or len(answers.accounts) > MOST
            for account_id, invoice in answers.accounts[:MOST]:
                found.setdefault(account_id, (by, invoice))
        hits = _ordered(session, found)
        return Found(
            hits=tuple(hits[:SHOWN]),
            others=max(len(hits) - SHOWN, 0),
            at_least=at_least,
            strangers=()
            if only not in {None, By.CLIENT, By.PUBLIC}
            else _strangers(session, isps, said),
            searched=tuple(searched),
        )

    def _questions(
        self, session: Session, isps: Collection[int], said: str
    ) -> Iterable[tuple[By, Callable[[], _Answers]]]:
        """Yield what a text may mean, the surest first, each with the search that it takes."""
        vault = self._vault

        def ids(column: object, *values: object) -> Callable[[], _Answers]:
            return lambda: _plain(finding.by_column(session, isps, column, values))

        if (token := self._login_token(said)) is not None:
            yield By.QR, ids(Account.login_digest, vault.digest(token, purpose=LOGIN_PURPOSE))
            return
        yield By.CLIENT, ids(Account.client_id, said, said.lower())
        if _ID.fullmatch(said) and (public_id := storable(int(said))) is not None:
            yield By.PUBLIC, ids(Account.public_id, public_id)
        yield By.CUSTOM, ids(Account.custom_id, said)
        digests = [vault.digest(one, purpose=NATIONAL_ID_PURPOSE) for one in written_ids(said)]
        yield By.NATIONAL, ids(Account.national_id_digest, *digests)
        if (digest := email_digest(said, vault)) is not None:
            yield By.EMAIL, ids(Account.email_digest, digest)
        yield By.CHANNEL, lambda: _plain(self._by_channel(session, isps, said))
        if end_of(said) is not None:
            yield By.INVOICE, lambda: _by_invoice(session, isps, said)
        words = words_of(said)
        if any(not one.isdigit() for one in words) and "@" not in said:
            yield By.NAME, lambda: _plain(*finding.by_words(session, isps, words))

    def _by_channel(self, session: Session, isps: Collection[int], said: str) -> Sequence[int]:
        """Look for a label as `alerta channels list` shows it, and for an address in full."""
        found = finding.by_channel(session, isps, Channel.label, [said])
        digests = []
        with suppress(DestinationError):
            understood = [self._destination(one) for one in dict.fromkeys((said, said.lower()))]
            digests = [destination_digest(one, self._vault) for one in understood if one]
        if digests:
            found += finding.by_channel(session, isps, Channel.destination_digest, digests)
        return list(dict.fromkeys(found))


class _Answers(NamedTuple):
    """Accounts, each with the number of the invoice by which it was found; whether it is all."""

    accounts: Sequence[tuple[int, str | None]]
    all_of_them: bool = True


def _plain(ids: Iterable[int], all_of_them: bool = True) -> _Answers:  # noqa: FBT001, FBT002
    return _Answers([(one, None) for one in ids], all_of_them)


def _prefix(text: str) -> tuple[str, By | None]:
    """Part "public:793" in what is said and what it is; another colon is the text's own."""
    prefix, colon, rest = text.strip().partition(":")
    with suppress(ValueError):
        if colon and rest.strip():
            return rest.strip(), By(prefix.strip().lower())
    return text.strip(), None


def written_ids(said: str) -> list[str]:
    """Return the ways in which Wispro may hold a national id that somebody says.

    As it is said; of digits alone, with the dots of a DNI or the dashes of a CUIT.
    """
    digits = re.sub(r"[\s.\-/]", "", said)
    ways = [said]
    if digits.isascii() and digits.isdigit() and len(digits) <= 15:
        ways += [digits, f"{int(digits):,}".replace(",", ".")]
        if len(digits) == 11:
            ways.append(f"{digits[:2]}-{digits[2:10]}-{digits[10]}")
    return list(dict.fromkeys(ways))


def _by_invoice(session: Session, isps: Collection[int], said: str) -> _Answers:
    end = end_of(said)
    assert end is not None
    alike = finding.by_number_end(session, isps, end)
    return _Answers([(one.account_id, one.number) for one in alike if may_be(said, one.number)])


def _ordered(session: Session, found: dict[int, tuple[By, str | None]]) -> list[Hit]:
    """Return hits, the surest first; among equals those who get alerts, then by name."""
    accounts = finding.accounts(session, found)
    surest = {by: place for place, by in enumerate(By)}
    hits = [
        Hit(account=account, by=found[row_id][0], invoice=found[row_id][1])
        for row_id, account in accounts.items()
    ]
    hits.sort(
        key=lambda hit: (
            surest[hit.by],
            not hit.account.paired,
            words_of(hit.account.name),
            hit.account.id,
        )
    )
    return hits


def _strangers(session: Session, isps: Collection[int], said: str) -> tuple[Stranger, ...]:
    public_id = storable(int(said)) if _ID.fullmatch(said) else None
    return tuple(finding.strangers(session, isps, client_id=said.lower(), public_id=public_id))
