"""The filters that Wispro honours, in Wispro's order: oldest first. Unknown ones never get here."""

from __future__ import annotations

import unicodedata
from bisect import bisect_left, bisect_right
from datetime import datetime
from heapq import merge
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from wispro.sandbox.ledger import holds
from wispro.sandbox.model import place_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from wispro.sandbox.state import State

CLIENT_FILTERS = (
    "national_identification_number_eq",
    "custom_id_eq",
    "public_id_eq",
    "email_eq",
    "taxpayer_identification_number_eq",
    "name_unaccent_cont",
)
CONTRACT_FILTERS = (
    "client_id_eq",
    "state_eq",
    "public_id_eq",
    "client_national_identification_number_eq",
    "created_at_after",
    "created_at_before",
)
INVOICE_FILTERS = ("client_national_identification_number_eq", "client_custom_id_eq", "state_eq")
PAYMENT_FILTERS = (
    "payment_date_after",
    "payment_date_before",
    "created_at_after",
    "created_at_before",
)
ISSUE_FILTERS = ("state_eq",)


class BadFilterError(ValueError):
    """A filter value that Wispro answers with body status 400; the text is the filter's name."""


def instant(name: str, value: str) -> datetime:
    """Read the value of an `_after` or `_before`; a bare date or a missing offset is refused."""
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise BadFilterError(name) from None
    if moment.tzinfo is None or len(value) <= 10:
        raise BadFilterError(name)
    return moment


def _between(
    dated: Sequence[tuple[datetime, int]], field: str, filters: Mapping[str, str]
) -> Sequence[int] | None:
    """Return the places dated within an `_after` and a `_before`; None where neither is asked."""
    first, last = 0, len(dated)
    after, before = f"{field}_after", f"{field}_before"
    if after not in filters and before not in filters:
        return None
    if after in filters:
        first = bisect_right(dated, instant(after, filters[after]), key=itemgetter(0))
    if before in filters:
        last = bisect_left(dated, instant(before, filters[before]), key=itemgetter(0))
    return sorted(place for _, place in dated[first:last])


def _in_all(everything: Sequence[int], found: Iterable[Sequence[int] | None]) -> Sequence[int]:
    """Return the places that are in all of these sorted lists; None leaves everything in."""
    asked = [places for places in found if places is not None]
    if len(asked) < 2:
        return asked[0] if asked else everything
    shortest, *others = sorted(asked, key=len)
    return [place for place in shortest if all(holds(places, place) for places in others)]


def check_instants(filters: Mapping[str, str]) -> None:
    """Refuse a bare date, even where there is nothing to compare it with."""
    for name, value in filters.items():
        if name.endswith(("_after", "_before")):
            instant(name, value)


def clients(state: State, filters: Mapping[str, str]) -> Sequence[int]:
    """Return the places of the clients that satisfy the filters."""
    places: Iterable[int] = range(len(state.clients))
    for name, value in filters.items():
        if name.endswith("_eq"):
            found = state.by_key.get((name.removesuffix("_eq"), value), [])
            places = found if isinstance(places, range) else sorted(set(places) & set(found))
    wanted = filters.get("name_unaccent_cont")
    if wanted is not None:
        plain = _unaccented(wanted)
        places = [place for place in places if plain in _unaccented(state.clients[place].name)]
    return places if isinstance(places, (list, range)) else list(places)


def contracts(state: State, filters: Mapping[str, str]) -> Sequence[int]:
    """Return the places of the contracts that satisfy the filters."""
    of_client = of_national_id = of_public_id = None
    if "client_id_eq" in filters:
        holder = place_of("client", filters["client_id_eq"])
        known = holder is not None and holder < len(state.clients)
        of_client = state.clients[holder].contracts if known and holder is not None else []
    national_id = filters.get("client_national_identification_number_eq")
    if national_id is not None:
        holders = state.by_key.get(("national_identification_number", national_id), [])
        of_national_id = sorted(c for holder in holders for c in state.clients[holder].contracts)
    if "public_id_eq" in filters:
        wanted = filters["public_id_eq"]
        of_public_id = [c.place for c in state.contracts if str(c.public_id) == wanted]
    of_state = filters.get("state_eq")
    return _in_all(
        range(len(state.contracts)),
        (
            of_client,
            of_national_id,
            of_public_id,
            None if of_state is None else state.contracts_by_state.get(of_state, []),
            _between(state.contracts_by_creation, "created_at", filters),
        ),
    )


def invoices(state: State, filters: Mapping[str, str]) -> Sequence[int]:
    """Return the places of the invoices that satisfy the filters."""
    holders: set[int] | None = None
    for name, key in (
        ("client_national_identification_number_eq", "national_identification_number"),
        ("client_custom_id_eq", "custom_id"),
    ):
        if name in filters:
            found = set(state.by_key.get((key, filters[name]), []))
            holders = found if holders is None else holders & found
    wanted = filters.get("state_eq")
    if holders is None:
        return state.live if wanted is None else state.by_state.get(wanted, [])
    places = merge(
        *(
            state.contracts[contract].invoices
            for holder in holders
            for contract in state.clients[holder].contracts
        )
    )
    return [p for p in places if wanted is None or state.invoices[p].state == wanted]


def payments(state: State, filters: Mapping[str, str]) -> Sequence[int]:
    """Return the places of the payments that satisfy the filters."""
    dated = state.payments_by_creation  # everything is paid in the moment it is recorded
    return _in_all(
        range(len(state.payments)),
        [_between(dated, field, filters) for field in ("payment_date", "created_at")],
    )


def issues(state: State, filters: Mapping[str, str]) -> Sequence[int]:
    """Return the places of the help-desk issues that satisfy the filters."""
    return [
        place
        for place, issue in enumerate(state.issues)
        if filters.get("state_eq", issue["state"]) == issue["state"]
    ]


def _unaccented(text: Any) -> str:
    apart = unicodedata.normalize("NFD", str(text))
    return "".join(letter for letter in apart if not unicodedata.combining(letter)).casefold()
