"""Draws histories of a `looks.Village`: a story that once went wrong, or may, or chance alone.

By chance alone, what must come together hardly ever does: a list of several pages, a fault on the
one that matters, a second worker just then. So each story sets that up, and leaves open who, when
and which; and any event may happen in between.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from billing.strategy import Strategy
from tests.support.looks import Midst
from wispro.sandbox.faults import FAULTS, IN_RECORDS, ON_PAGE, PDF_ONLY

Event = tuple[str, tuple[Any, ...]]

WHO = st.integers(0, 5)
WHICH = st.integers(0, 4)
DUE_IN = st.sampled_from([10, 10, 6, 5, 3, 1, 0, -2, -8, None])
STATES = st.sampled_from(
    ["pending"] * 8
    + ["draft"] * 3
    + ["paid", "paid", "void", "issuing", "authorizing", "authorizing_error"]
)
SHAPE = st.sampled_from(["", "", "", "", "loose", "unnumbered"])
STRATEGY = st.sampled_from(list(Strategy))
NAMES = st.sampled_from(sorted(FAULTS - PDF_ONLY - {"shift"}))
INVOICES, CONTRACTS, PAYMENTS = "^/invoicing/invoices$", "^/contracts$", "^/invoicing/payments$"
#: Of one record, and of none.
SINGLE = "^/[a-z/]*/[^/]*-"
PATHS = st.sampled_from([INVOICES, INVOICES, CONTRACTS, "^/clients$", PAYMENTS, SINGLE, ""])
PAGE = st.sampled_from([None, None, 1, 2, 3, 4])
TIMES = st.sampled_from([1, 2, 3, 6, None])


@dataclass(frozen=True)
class History:
    """What is to happen.

    `first` and `last` are the looks at the beginning and at the end; `budget` is the time of each
    part of the last one; `thorough` = everything is read anew after it.
    """

    cast: frozenset[int]
    paired: frozenset[int]
    per_page: int
    probed: bool
    bills: tuple[Event, ...]
    first: Strategy | None
    events: tuple[Event, ...]
    last: Strategy
    budget: int | None
    thorough: bool


def _event(name: str, *args: st.SearchStrategy[Any]) -> st.SearchStrategy[Event]:
    return st.tuples(st.just(name), st.tuples(*args))


BILL = _event("issue", WHO, DUE_IN, st.sampled_from([None, 10]), STATES, SHAPE)
TRUTH = (
    BILL,
    BILL,
    _event("pay", WHICH, st.sampled_from([None, None, None, 1000, 4000])),
    _event("pay", WHICH, st.none()),
    _event("misbook", WHICH),
    _event("take_back", WHICH, st.sampled_from([None, 1000])),
    _event("issue_to_all", st.sampled_from(["pending", "draft", "paid"])),
    _event("void_payment", WHICH),
    _event("void", WHICH),
    _event("remove", WHICH),
    _event("promote", WHICH),
    _event("move", WHICH, st.sampled_from([-5, 0, 2, 9]), st.sampled_from([None, 10])),
    _event("reprice", WHICH, st.sampled_from([2590, 3000, 900])),
    _event("renumber", WHICH),
    _event("contract", WHO, st.sampled_from(["alerted", "enabled", "disabled"])),
    _event("hand_over", WHO, WHO),
    _event("correct", WHO, st.sampled_from([None, "20.300.400", "20.300.401", "30.100.203"])),
)
#: Requests before which something happens.
PLACES = st.sampled_from(
    ["", "", "^/invoicing/invoices[?]", "^/invoicing/invoices/", "^/contracts/", "page=1&"]
)
MIDST: st.SearchStrategy[Midst] = st.tuples(
    st.integers(1, 15),
    PLACES,
    st.one_of(
        *TRUTH,
        _event("die"),
        _event("die"),
        _event("die_writing"),
        _event("die_writing"),
        _event("overtake", STRATEGY),
        _event("look_by_hand", WHO),
        st.tuples(st.one_of(*TRUTH), WHO).map(lambda d: ("meanwhile", (*d[0], d[1]))),
        st.tuples(st.one_of(*TRUTH), WHICH).map(lambda d: ("at_once", (*d[0], d[1]))),
    ),
).map(lambda drawn: (drawn[0] if not drawn[1] else 1 + drawn[0] % 4, drawn[1], *drawn[2]))
LOOK = st.tuples(
    STRATEGY,
    st.sampled_from(["", "", "", "", "full", "due"]),
    st.sampled_from([None, None, None, 8, 20]),
    st.one_of(st.none(), MIDST),
)
FAULT = st.one_of(
    st.tuples(NAMES, PATHS, PAGE, TIMES),
    st.tuples(NAMES, st.just(INVOICES), st.integers(1, 4), TIMES),
)
NOISE = st.one_of(
    *TRUTH,
    FAULT.map(lambda drawn: ("break_page", drawn)),
    _event("shift", st.sampled_from(["void", "pay", "remove", "create"]), st.integers(1, 3)),
    _event("mend"),
    _event("look_by_hand", WHO),
    _event("look_at_one", WHICH),
    _event("pair", WHO),
    _event("unpair", WHO),
    _event("plan"),
    _event("deliver"),
    _event("deliver"),
    _event("wait", st.sampled_from([31, 300, 1440, 4400])),
)
EVENTS = st.one_of(
    NOISE,
    NOISE,
    LOOK.map(lambda drawn: ("look", drawn)),
    _event("look_badly", st.lists(FAULT, min_size=1, max_size=2), LOOK),
)

# -- stories --------------------------------------------------------------------------------------

Draw = Callable[[st.SearchStrategy[Any]], Any]
#: What one story sets up: who is paired from the beginning, the bills, the first look, the events.
#: In a story, 0 to 3 are the people of its cast.
Plot = tuple[frozenset[int], list[Event], Strategy | None, list[Event]]
#: With a national id and two contracts; with a custom id only; with neither; with both.
FOUR = (0, 2, 3, 6)
#: Two of them have the same national id.
NAMESAKES = (1, 4, 5, 6)
EVERYBODY = frozenset(range(4))
WHOLE = st.sampled_from([Strategy.SWEEP, Strategy.SWEEP, Strategy.FULL])


def _pending(who: int, due_in: int = 10) -> Event:
    return "issue", (who, due_in, None, "pending", "")


def _closed(who: int, due_in: int = 10) -> Event:
    return "issue", (who, due_in, None, "paid", "")


def _look(way: Strategy, how: str = "", budget: int | None = None, *midst: Any) -> Event:
    return "look", (way, how, budget, midst or None)


def _late_answer(draw: Draw) -> Plot:
    """What a page said is older than what one customer, or one invoice, was found to be since."""
    way, who = draw(STRATEGY), draw(st.integers(0, 3))
    others = [_pending((who + 1) % 4), _pending((who + 2) % 4)]
    mine, which = [_pending(who)], 0
    places = {
        # read last of the open ones, and before the end of the whole list
        Strategy.SWEEP: r"^/invoicing/invoices[?](?!.*state_eq)",
        Strategy.FULL: r"^/invoicing/invoices[?].*\bpage=1\b",
        Strategy.ACCOUNTS: "^/contracts[?]",
    }
    if way is Strategy.SWEEP:
        bills, which = [*mine, *others, _closed(0), _closed(1)], -1
    elif way is Strategy.FULL:
        bills = [*others, *mine]
    else:
        bills = [*mine, *others]
        which = -1
    first, then = draw(
        st.sampled_from(
            [
                (("pay", (which, None)), ("void_payment", (0,))),
                (("reprice", (which, 3000)), ("reprice", (which, 2590))),
                (("reprice", (which, 3000)), ("reprice", (which, 900))),
                (("reprice", (which, 3000)), ("pay", (which, None))),
                (("move", (which, 2, None)), ("void", (which,))),
                (("pay", (which, 1000)), ("pay", (which, None))),
            ]
        )
    )
    how = draw(st.sampled_from(["meanwhile", "at_once"]))
    told = who if how == "meanwhile" else (0 if which == 0 else -1)
    nth = draw(st.integers(2, 4)) if way is Strategy.ACCOUNTS else 1
    return (
        EVERYBODY, bills, way, [first, _look(way, "", None, nth, places[way], how, (*then, told))],
    )  # fmt: skip


def _lost_lease(draw: Draw) -> Plot:
    """Another worker takes over just before one of the requests after which something is stored."""
    way = draw(WHOLE)
    place = draw(
        st.sampled_from(
            [
                "^/invoicing/invoices/", "^/invoicing/invoices/", "^/contracts/", "^/contracts/",
                "^/invoicing/payments", "^/contracts[?]", "^/clients[?]",
                "^/contracts[?].*client_id", "^/invoicing/invoices[?]",
            ]
        )
    )  # fmt: skip
    bills = [_pending(0), _pending(1), _pending(2), _pending(3)]
    changes = draw(
        st.permutations(
            [("void", (0,)), ("remove", (1,)), ("hand_over", (0, 3)), ("reprice", (-1, 900)),
             ("issue", (3, 5, None, "pending", "")), ("pair", (2,))]
        )
    )[:4]  # fmt: skip
    nth, other = draw(st.integers(1, 3)), draw(STRATEGY)
    late = _look(way, "", None, nth, place, "overtake", (other,))
    return EVERYBODY - {2}, bills, way, [*changes, late]


def _strange_payment(draw: Draw) -> Plot:
    """An open invoice is no more in the list, and a payment does not prove that it was paid."""
    who = draw(WHO)
    bills = [_pending(who), _pending(who + 1), _pending(who + 2)]
    which = draw(st.integers(0, 2))
    before = draw(st.lists(st.sampled_from([("pay", (which, 1000)), ("deliver", ())]), max_size=2))
    event = draw(
        st.sampled_from(
            [("misbook", (which,)), ("take_back", (which, 1000)), ("take_back", (which, None)),
             ("pay", (which, None)), ("void", (which,))]
        )
    )  # fmt: skip
    between = [_look(Strategy.SWEEP)] if draw(st.booleans()) else []
    return EVERYBODY, bills, Strategy.SWEEP, [*before, *between, event, _look(Strategy.SWEEP)]


def _missing_page(draw: Draw) -> Plot:
    """A page of a read that is done in parts comes with records missing, or with a strange end."""
    bills = [draw(st.sampled_from([_pending, _closed]))(who) for who in range(6)]
    fault = draw(st.sampled_from(["empty_page", "empty_page", *sorted(ON_PAGE)]))
    path = draw(st.sampled_from([INVOICES, INVOICES, INVOICES, CONTRACTS, "^/clients$"]))
    page, times = draw(st.integers(1, 3)), draw(st.sampled_from([1, 2, 2, 2, 3, None]))
    budget = draw(st.sampled_from([3, 4, 6, 9]))
    way, how = draw(st.sampled_from([(Strategy.FULL, ""), (Strategy.FULL, ""), *_WAYS]))
    bad = ("break_page", (fault, path, page, times))
    looks = [_look(way, how, budget)] + [_look(way, "", budget)] * draw(st.integers(2, 5))
    looks.insert(draw(st.integers(0, 2)), bad)
    if draw(st.booleans()):
        looks.insert(draw(st.integers(0, 3)), ("issue_to_all", ("pending",)))
    fresh = draw(st.booleans())  # nobody was ever looked at: what is missed is announced one day
    paired = EVERYBODY if draw(st.booleans()) else EVERYBODY - {0, 2}
    return paired, bills, None if fresh else way, looks


_WAYS = [(Strategy.SWEEP, ""), (Strategy.ACCOUNTS, ""), (Strategy.SWEEP, "full")]


def _aimed_fault(draw: Draw) -> Plot:
    """One fault, on one page of a list of several, in one strategy."""
    way = draw(STRATEGY)
    fault = draw(st.one_of(NAMES, NAMES, st.sampled_from(sorted(ON_PAGE | IN_RECORDS))))
    path = draw(st.sampled_from([INVOICES, INVOICES, CONTRACTS, "^/clients$", PAYMENTS, SINGLE]))
    page, times = draw(st.sampled_from([1, 2, 3, 4])), draw(st.sampled_from([1, 2, 3, None]))
    if path == SINGLE:
        page = None
    bills = [_pending(0), _pending(1), _closed(2), _pending(2), _pending(3)]
    changes = draw(st.lists(st.one_of(*TRUTH), min_size=1, max_size=2))
    how = draw(st.sampled_from(["", "", "full"]))
    bad = ("look_badly", ([(fault, path, page, times)], (way, how, None, None)))
    again = [bad] if draw(st.booleans()) else []
    return EVERYBODY, bills, way, [*changes, bad, *again]


def _loose(draw: Draw) -> Plot:
    """An invoice without a contract, printed for an id that two customers may have."""
    alone = draw(st.sampled_from([1, 2, 1, 2, 0]))
    who = draw(st.sampled_from([1, 2, 1, 2, 0]))
    events: list[Event] = [("issue", (who, draw(DUE_IN), None, "pending", "loose"))]
    if draw(st.booleans()):
        events.insert(0, ("correct", (draw(WHO), "30.100.203")))
    way = draw(STRATEGY)
    return EVERYBODY - {alone}, [_pending(0), _pending(1)], way, [*events, _look(draw(STRATEGY))]


def _moving(draw: Draw) -> Plot:
    """A contract goes to another customer with its invoices, open and closed."""
    giver, taker = draw(st.sampled_from([0, 0, 3])), draw(st.sampled_from([1, 2, 2, 3]))
    # What is due in three days is of the contract that goes.
    bills = [_closed(giver, 3), _pending(giver, 3), _pending(taker), _closed(giver)]
    first, then = draw(STRATEGY), draw(STRATEGY)
    move = ("hand_over", (giver, taker))
    look = draw(
        st.sampled_from(
            [
                [_look(then)],
                [("look_by_hand", (taker,))],
                [_look(then, "", None, 1, "^/invoicing/invoices[?]", "look_by_hand", (taker,))],
            ]
        )
    )
    back = [("hand_over", (taker, giver)), _look(then)] if draw(st.booleans()) else []
    return EVERYBODY, bills, first, [move, *look, *back]


def _vanishing(draw: Draw) -> Plot:
    """An invoice is no more, or Wispro says so for a while."""
    ways = draw(st.lists(STRATEGY, min_size=1, max_size=2))
    bills = [_pending(who) for who in range(4)]
    if draw(st.booleans()):
        return EVERYBODY, bills, ways[0], [("remove", (draw(WHICH),)), *map(_look, ways)]
    faults = [
        ("empty_page", INVOICES, draw(st.integers(1, 3)), None),
        ("body_404", "^/invoicing/invoices/", None, None),
    ]
    return (
        EVERYBODY,
        bills,
        ways[0],
        [("look_badly", (faults, (way, "", None, None))) for way in ways],
    )


def _drafts(draw: Draw) -> Plot:
    """More drafts than are asked for one by one; some come out, some do not."""
    way = draw(STRATEGY)
    bills: list[Event] = [("issue_to_all", ("draft",)), _pending(0)]
    events = draw(
        st.lists(
            st.sampled_from(
                [("promote", (0,)), ("promote", (3,)), ("void", (1,)), ("remove", (2,)),
                 ("reprice", (0, 900))]
            ),
            min_size=1,
            max_size=3,
        )
    )  # fmt: skip
    return EVERYBODY, bills, way, [*events, ("wait", (1441,)), _look(draw(WHOLE))]


def _dying(draw: Draw) -> Plot:
    """The process ends at some writing, and another one goes on."""
    way = draw(STRATEGY)
    bills = [_pending(who) for who in range(4)]
    changes = draw(st.lists(st.one_of(*TRUTH), min_size=1, max_size=3))
    dying = _look(way, "", None, draw(st.integers(1, 25)), "", "die_writing", ())
    return EVERYBODY, bills, way, [*changes, dying, _look(draw(STRATEGY))]


_STORIES = (
    _late_answer, _late_answer, _lost_lease, _lost_lease, _strange_payment, _missing_page,
    _aimed_fault, _aimed_fault, _aimed_fault, _loose, _moving, _vanishing, _drafts, _dying,
)  # fmt: skip
#: One history in three is none of them.
_PLOTS = (None,) * 7 + _STORIES


@st.composite
def histories(draw: Draw, *, long: bool) -> History:
    """Draw a history.

    Args:
        draw: of hypothesis.
        long: many events each, where there is time.
    """
    plot = draw(st.sampled_from(_PLOTS))
    if plot is None:
        cast = draw(st.frozensets(st.integers(0, 6), min_size=2, max_size=5 if long else 4))
        paired = cast - draw(st.frozensets(st.integers(0, 5), max_size=2))
        bills = draw(st.lists(BILL, min_size=1, max_size=8 if long else 4))
        first = draw(STRATEGY)
        least, most = (6, 14) if long else (1, 4)
        events = draw(st.lists(EVENTS, min_size=least, max_size=most))
        per_page = draw(st.integers(2, 5))
    else:
        who, bills, first, events = plot(draw)
        people = NAMESAKES if plot is _loose else FOUR
        cast, paired = frozenset(people), frozenset(people[one] for one in who)
        for event in draw(st.lists(EVENTS if long else NOISE, max_size=6 if long else 1)):
            events.insert(draw(st.integers(0, len(events))), event)
        per_page = 2
    return History(
        cast=cast,
        paired=paired,
        per_page=per_page,
        probed=draw(st.sampled_from([True] * 9 + [False])),
        bills=tuple(bills),
        first=first,
        events=tuple(events),
        last=draw(STRATEGY),
        budget=draw(st.sampled_from([None] * 7 + [3])),
        thorough=draw(st.booleans() if long else st.sampled_from([True] + [False] * 7)),
    )
