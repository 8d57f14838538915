"""What must be true at the end, delivery by delivery. Pure.

A message may be there twice only if an earlier attempt broke off without an answer, and then under
one Message-ID (`billing.ending.ONCE_MORE_AFTER`); what broke off twice stays `uncertain`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tests.chaos.owing import Owed
from tests.chaos.sink import Taken

#: How often a message may leave without a certain outcome: once, and once more.
_MOST_DOUBTS = 2


@dataclass(frozen=True, slots=True)
class Stand:
    """How one delivery stands; `fates` of its attempts in order, None = it broke off.

    `claims` counts how often it was taken up; a claim that is given back makes no attempt.
    """

    delivery_id: int
    state: str
    reason: str | None
    fates: tuple[str | None, ...]
    claims: int = 1

    @property
    def doubts(self) -> int:
        """How many attempts may have arrived without our knowing."""
        return sum(fate in {None, "uncertain"} for fate in self.fates)

    @property
    def delivered(self) -> int:
        """How many attempts arrived for certain."""
        return self.fates.count("delivered")


@dataclass(frozen=True, slots=True)
class Findings:
    """What is to be told of a trial; `faults` names every broken promise."""

    faults: tuple[str, ...]
    deliveries: int
    sent: int
    uncertain: int
    uncertain_arrived: int
    again: int
    twice: int
    messages: int


def judge(owed: Sequence[Owed], stands: Sequence[Stand], copies: Mapping[Taken, int]) -> Findings:
    """This function will hold the rows against what arrived.

    Args:
        owed: what was to be sent.
        stands: how each of them ended.
        copies: how often each message arrived.
    """
    by_id = {one.delivery_id: one for one in stands}
    left = Counter(copies)
    faults: list[str] = []
    arrived: dict[int, int] = {}
    for one in owed:
        stand = by_id.get(one.delivery_id)
        number = arrived[one.delivery_id] = left.pop(Taken(one.recipient, one.message_id), 0)
        if stand is None:
            faults.append(f"delivery {one.delivery_id}: its row is gone")
        else:
            faults += [f"delivery {one.delivery_id}: {why} ({stand}, {number} arrived)"
                       for why in _faults(stand, number)]  # fmt: skip
    faults += [f"{number} × {stray}: nobody owes it" for stray, number in left.items()]
    uncertain = [one for one in stands if one.state == "uncertain"]
    return Findings(
        faults=tuple(faults),
        deliveries=len(owed),
        sent=sum(one.state == "sent" for one in stands),
        uncertain=len(uncertain),
        uncertain_arrived=sum(arrived.get(one.delivery_id, 0) > 0 for one in uncertain),
        again=sum(len(one.fates) > 1 for one in stands),
        twice=sum(number > 1 for number in arrived.values()),
        messages=sum(copies.values()),
    )


def _faults(stand: Stand, arrived: int) -> list[str]:
    found = []
    match stand.state:
        case "sent":
            if arrived == 0:
                found.append("sent, and no message")
            if stand.delivered != 1 or stand.fates[-1] != "delivered":
                found.append("sent, and its attempts do not say so")
            if stand.doubts >= _MOST_DOUBTS:
                found.append("sent a third time")
        case "uncertain":
            if stand.delivered or stand.doubts < _MOST_DOUBTS:
                found.append("uncertain before its second chance")
        case _:
            found.append("no end, or one that nothing gives a reason for")
    if arrived > stand.delivered + stand.doubts:
        found.append("more messages than attempts that may have arrived")
    if arrived < stand.delivered:
        found.append("delivered, and no message")
    if stand.doubts > _MOST_DOUBTS:
        found.append("sent again and again")
    return found


def not_at_once(stands: Sequence[Stand]) -> list[str]:
    """This function will name the deliveries that took more than one attempt, where none should."""
    return [f"{one}" for one in stands if (one.state, one.fates) != ("sent", ("delivered",))]


def overtaken(stands: Sequence[Stand]) -> list[str]:
    """This function will name the deliveries that somebody took up while another one held them."""
    return [f"{one}" for one in stands if one.claims != 1]
