"""Which steps make sense: from which date a kind is counted, and how two steps get along. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType

from billing.policy import EVENTS, Anchor, Step
from billing.values import AlertKind

#: Nobody bills a service more than two months before it is due: an earlier reminder is a mistake.
EARLIEST = -60
#: A debt that is older than a year is beyond reminders. Both are our own choice.
LATEST = 365

#: From which dates a kind is counted, and the least and most of days. `due_soon` speaks of what is
#: ahead, `due_today` is true on one day only, `overdue` never comes before a due date (product.md,
#: section 3, rule 5).
_AFTER = (1, LATEST)
SENSE: Mapping[AlertKind, Mapping[Anchor, tuple[int, int]]] = MappingProxyType(
    {
        AlertKind.DUE_SOON: {Anchor.FIRST_DUE: (EARLIEST, -1), Anchor.ISSUED: (1, -EARLIEST)},
        AlertKind.DUE_TODAY: {Anchor.FIRST_DUE: (0, 0)},
        AlertKind.SECOND_DUE_SOON: {Anchor.SECOND_DUE: (EARLIEST, -1)},
        AlertKind.OVERDUE: {
            Anchor.FIRST_DUE: _AFTER,
            Anchor.SECOND_DUE: _AFTER,
            Anchor.CUTOFF: _AFTER,
            Anchor.PREVIOUS: _AFTER,
        },
        AlertKind.CUTOFF_WARNING: {Anchor.CUTOFF: _AFTER, Anchor.PREVIOUS: _AFTER},
    }
)
#: Kinds that a step may name: a digest is made of others.
KINDS = tuple(kind for kind in AlertKind if kind in EVENTS or kind in SENSE)
#: Kinds whose words say that the due date is over.
_LATE = frozenset({AlertKind.OVERDUE, AlertKind.CUTOFF_WARNING})
#: Kinds whose words say that it is ahead.
_AHEAD = frozenset({AlertKind.DUE_SOON, AlertKind.SECOND_DUE_SOON})
#: Kinds whose words another kind may use.
TEMPLATES = tuple(kind for kind in AlertKind if kind.asks_to_pay and kind is not AlertKind.DIGEST)

#: A day that a step may fall on: so many days from a date of the invoice or of its contract.
_Place = tuple[Anchor, int]
#: The place of a step in a sequence, the key that is wrong, why, and the other step if it is two.
Trouble = tuple[int, str, str, int | None]


def wrong_words(kind: AlertKind, template: AlertKind) -> str | None:
    """This function will say why a kind cannot use another one's words, or None."""
    if template not in TEMPLATES:
        return f"accepted: {', '.join(TEMPLATES)}; got {template.value!r}"
    if not kind.asks_to_pay:
        return f"{kind} asks for nothing and has words of its own: leave template out"
    if template in _LATE and kind not in _LATE:
        return f"{kind} may go while the invoice is not overdue, and {template.value!r} says it is"
    if template in _AHEAD and kind in _LATE:
        return f"{kind} goes when the due date is over, and {template.value!r} says it is ahead"
    if template is AlertKind.DUE_TODAY and kind is not template:
        return f"'due_today' is true on the due date only; got it for {kind}"
    return None


def out_of_place(kind: AlertKind, anchor: Anchor, days: int) -> tuple[str, str] | None:
    """This function will say which key of a date-driven step makes no sense and why, or None.

    Args:
        kind: one of `SENSE`.
        anchor: from which date.
        days: after it, or, negative, before it.
    """
    bounds = SENSE[kind].get(anchor)
    if bounds is None:
        return "anchor", f"{kind} is counted from {' or '.join(SENSE[kind])}; got {anchor.value!r}"
    least, most = bounds
    if least <= days <= most:
        return None
    span = f"{least}" if least == most else f"{least} to {most}"
    return "days", f"{kind} from {anchor} takes {span}; got {days}"


def troubles(steps: Sequence[Step]) -> Iterator[Trouble]:
    """This function will find the steps that do not get along with those before them.

    A step counted from `previous` has to come after a due date or a cut-off wherever it may fall;
    no two steps fall on one day or share kind and name, which are their key.

    Args:
        steps: date-driven, each of which makes sense by itself, in the order of the file.
    """
    places: list[frozenset[_Place]] = []
    for number, step in enumerate(steps):
        mine = _places(step, steps[:number], places)
        places.append(mine)
        if not mine:
            yield number, "anchor", "'previous' needs a step with days before it", None
            continue
        if step.anchor is Anchor.PREVIOUS and (wrong := _too_soon(step, mine)):
            yield number, "days", wrong, None
        for earlier in range(number):
            if (steps[earlier].kind, steps[earlier].name) == (step.kind, step.name):
                why = f"two steps cannot both be {step.kind} {step.name}"
                yield number, "days", why, earlier
            elif mine & places[earlier]:
                anchor, day = min(mine & places[earlier])
                yield number, "days", f"two steps fall on {anchor} {day:+d} days", earlier


def _places(
    step: Step, before: Sequence[Step], places: Sequence[frozenset[_Place]]
) -> frozenset[_Place]:
    """Return where a step may fall; with `previous`, after whichever step is there.

    An invoice without a second due date lacks the steps counted from it, and `previous` is then the
    step before them; one counted from the first due date is always there.
    """
    if step.anchor is not Anchor.PREVIOUS:
        return frozenset({(step.anchor, step.offset)})
    found: set[_Place] = set()
    for number in reversed(range(len(before))):
        found |= {(anchor, day + step.offset) for anchor, day in places[number]}
        if before[number].anchor is Anchor.FIRST_DUE:
            break
    return frozenset(found)


def _too_soon(step: Step, places: frozenset[_Place]) -> str | None:
    for anchor, day in sorted(places):
        if anchor not in SENSE[AlertKind.OVERDUE] or not 1 <= day <= LATEST:
            return (
                f"{step.kind} goes 1 to {LATEST} days after a due date or a cut-off; "
                f"counted from previous it may fall on {anchor} {day:+d} days"
            )
    return None
