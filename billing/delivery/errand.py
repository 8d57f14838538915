"""What goes to one account on one channel, in its order, and how far it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from billing.delivery.together import is_digest, joins
from billing.dossier import Dossier

#: A delivery, and the attempt under which it was claimed.
Claim = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """A delivery that may go: what the gate judged, and as of when."""

    claim: Claim
    dossier: Dossier
    covered: bool
    judged_at: datetime

    @property
    def joins(self) -> bool:
        """Whether it may go in one message with others."""
        return joins(self.dossier, covered=self.covered)


@dataclass(slots=True)
class Errand:
    """The claimed deliveries of one account on one channel, the oldest first.

    Attributes:
        claims: what is not settled and not being sent.
        parcel: what goes next, as one message.
        looked: whether Wispro was asked about them.
        unanswered: why Wispro gave no answer, by delivery.
        unasked: deliveries whose look was left for later, by lack of time.
    """

    account_id: int
    channel_id: int
    claims: list[Claim]
    parcel: tuple[Ready, ...] = ()
    looked: bool = False
    unanswered: Mapping[int, str] = field(default_factory=dict)
    unasked: frozenset[int] = frozenset()

    def drop(self, several: Sequence[Claim]) -> None:
        """Forget deliveries that are settled or on their way."""
        gone = set(several)
        self.claims = [one for one in self.claims if one not in gone]
        self.parcel = ()


def next_parcel(ready: Sequence[Ready]) -> tuple[Ready, ...]:
    """This function will say what of several deliveries goes next as one message.

    First what goes alone (receipts, news), the oldest first; then the reminders, together where
    the ISP's policy makes them one message. The one that the caps bind carries the others, so that
    the message counts and is weighed as a reminder if there is one in it.
    """
    alone = [one for one in ready if not one.joins]
    if alone:
        return (alone[0],)
    if is_digest(ready):
        return tuple(sorted(ready, key=lambda one: not one.dossier.is_capped))
    return tuple(ready[:1])
