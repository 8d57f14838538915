"""Read a policy from its file, TOML; docs/policies.md shows the form. Pure.

Whatever is wrong is told at once, a line each, with the line of the file and what would do instead.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from datetime import timedelta
from decimal import Decimal
from functools import lru_cache
from importlib import resources
from types import MappingProxyType
from typing import Annotated, Any, TypeVar, get_args
from zoneinfo import available_timezones

import msgspec

from billing import policy_sense
from billing.calendar import DEFAULT_HOURS, PRESETS, Calendar, Caps, ContactHours, Preset, preset
from billing.errors import ForeseenError
from billing.policy import EVENTS, Anchor, Manner, Policy, Step
from billing.toml_lines import NoTomlError, Path, Places, read_toml
from billing.values import TRANSPORT_SCHEMES, AlertKind, Medium

#: Where a step may go: media, and the kinds of channel with a name of their own. Any other kind of
#: Apprise is reached by its medium.
CHANNELS = tuple(dict.fromkeys((*(medium.value for medium in Medium), *TRANSPORT_SCHEMES)))
#: Ten times the longest policy that we can think of; both are our own choice.
LONGEST_FILE = 65_536
MOST_STEPS = 50
#: Above any bill, in any currency.
_LARGEST_MINIMUM = Decimal(10**9)
_CENTS = Decimal("0.0001")
_DATED = tuple(anchor.value for anchor in Anchor if anchor is not Anchor.CHANGE)
_Table = TypeVar("_Table", bound=msgspec.Struct)


class PolicyError(ForeseenError, ValueError):
    """A policy that cannot be used; one problem a line, each beginning with "line N: "."""


class _Caps(msgspec.Struct):
    """The table [caps]; the bounds keep typing errors out and are our own choice."""

    per_day: Annotated[int, msgspec.Meta(ge=1, le=24)] | None = None
    per_week: Annotated[int, msgspec.Meta(ge=1, le=100)] | None = None
    gap_days: Annotated[int, msgspec.Meta(ge=1, le=30)] | None = None
    channels_per_week: Annotated[int, msgspec.Meta(ge=1, le=10)] | None = None


class _Step(msgspec.Struct):
    """One table [[step]]."""

    kind: str | None = None
    anchor: str | None = None
    days: Annotated[int, msgspec.Meta(ge=policy_sense.EARLIEST, le=policy_sense.LATEST)] | None = (
        None
    )
    channels: list[str] | None = None
    template: str | None = None
    capped: bool | None = None


class _File(msgspec.Struct):
    """The file, without its tables.

    `overdue_gap_hours` is never less than a day: "overdue" on the morning after the first sight is
    what hurt people elsewhere (product.md, section 3, rule 5). An overdue step is worth sending for
    60 days at most, as far ahead as an opening is looked for. A digest of one alert is none.
    """

    timezone: str | None = None
    preset: str | None = None
    hours: str | None = None
    minimum_amount: Decimal | None = None
    digest_from: Annotated[int, msgspec.Meta(ge=0, le=100)] | None = None
    catch_up_days: Annotated[int, msgspec.Meta(ge=1, le=60)] | None = None
    overdue_gap_hours: Annotated[int, msgspec.Meta(ge=24, le=720)] | None = None
    confirm: bool | None = None


_TABLES = ("caps", "step")
#: What a key takes; whole numbers say their own bounds.
_TAKES = MappingProxyType(
    {
        "timezone": "an IANA name, e.g. America/Argentina/Cordoba",
        "preset": "one of " + ", ".join(PRESETS),
        "hours": 'contact hours, e.g. "mon-fri 09:00-18:00"',
        "minimum_amount": 'an amount from 0 to 1000000000 with at most 4 decimals, e.g. "500.00"',
        "kind": "one of " + ", ".join(policy_sense.KINDS),
        "anchor": "one of " + ", ".join(_DATED),
        "channels": 'a list such as ["email", "telegram"]',
        "template": "one of " + ", ".join(policy_sense.TEMPLATES),
        "capped": "true or false",
        "confirm": "true or false",
    }
)


@lru_cache(maxsize=256)
def read_policy(text: str) -> Policy:
    """This function will read a policy; of equal texts it returns the same one.

    Args:
        text: the file, TOML, at most `LONGEST_FILE` characters.

    Raises:
        PolicyError: with everything that is wrong.
    """
    return _Reader(text).policy()


@lru_cache(maxsize=1)
def default_text() -> str:
    """Return the file that says what `DEFAULT_POLICY` says, with comments for an operator."""
    return resources.files("billing").joinpath("default_policy.toml").read_text("utf-8")


class _Reader:
    """Reads one file and collects what is wrong with it."""

    def __init__(self, text: str) -> None:
        self._text = text
        #: Where, what, and the place of the other step where there are two.
        self._wrong: list[tuple[Path, str, Path | None]] = []

    def policy(self) -> Policy:
        """Return the policy.

        Raises:
            PolicyError: with everything that is wrong.
        """
        document = self._document()
        top = {name: value for name, value in document.items() if name not in _TABLES}
        head = self._take(_File, top, (), known=_TABLES)
        caps = self._caps(document.get("caps", {}))
        chosen = self._preset(head.preset)
        hours = self._hours(head.hours, chosen)
        if head.digest_from == 1:
            what = "digest_from: a digest of one alert is none: 0 for never, or 2 and more; got 1"
            self._problem(("digest_from",), what)
        self._check_timezone(head.timezone)
        self._check_minimum(head.minimum_amount)
        steps, events = self._steps(document.get("step"), chosen)
        self._raise()
        given: dict[str, Any] = {
            "minimum": head.minimum_amount,
            "timezone": head.timezone,
            "preset": chosen,
            "hours": hours,
            "caps": caps,
            "digest_from": head.digest_from,
            "confirm": head.confirm,
        }
        if head.catch_up_days is not None:
            given["catch_up"] = timedelta(days=head.catch_up_days)
        if head.overdue_gap_hours is not None:
            given["overdue_gap"] = timedelta(hours=head.overdue_gap_hours)
        kept = {name: value for name, value in given.items() if value is not None}
        return Policy(steps=steps, events=events, **kept)

    def _document(self) -> dict[str, Any]:
        length = len(self._text)
        if length > LONGEST_FILE:
            raise PolicyError(f"line 1: {length} characters; a policy has at most {LONGEST_FILE}")
        try:
            return read_toml(self._text)
        except NoTomlError as error:
            wanted = "wanted: key = value, [caps] or [[step]]"
            raise PolicyError(f"line {error.line}: {error}; {wanted}") from None

    def _raise(self) -> None:
        if not self._wrong:
            return
        places = Places(self._text)
        found = []
        for path, what, other in self._wrong:
            also = f", see line {places.line_of(other)}" if other is not None else ""
            found.append((places.line_of(path), what + also))
        raise PolicyError("\n".join(f"line {line}: {what}" for line, what in sorted(set(found))))

    def _problem(self, path: Path, what: str, other: Path | None = None) -> None:
        self._wrong.append((path, what, other))

    def _take(
        self, form: type[_Table], table: Mapping[str, Any], path: Path, known: Iterable[str] = ()
    ) -> _Table:
        """Return what of a table can be used; the rest is a problem each."""
        fields = {field.name: field for field in msgspec.structs.fields(form)}
        usable = {}
        for name, value in table.items():
            field = fields.get(name)
            if field is None:
                hint = _hint(name, (*fields, *known))
                self._problem((*path, name), f"unknown key {_shown(name)}; {hint}")
                continue
            try:
                usable[name] = msgspec.convert(value, field.type)
            except msgspec.ValidationError:
                takes = _TAKES.get(name) or _bounds(field.type)
                self._problem((*path, name), f"{name}: {takes}; got {_shown(value)}")
        return form(**usable)

    # -- the head -----------------------------------------------------------------------------

    def _caps(self, table: Any) -> Caps:
        if not isinstance(table, dict):
            accepted = ", ".join(field.name for field in msgspec.structs.fields(_Caps))
            self._problem(("caps",), f"[caps]: a table with {accepted}; got {_shown(table)}")
            return Caps()
        return Caps(**msgspec.structs.asdict(self._take(_Caps, table, ("caps",))))

    def _preset(self, code: str | None) -> Preset | None:
        if code is None:
            return None
        try:
            return preset(code)
        except ValueError:
            hint = _hint(code, PRESETS)
            self._problem(("preset",), f"preset: no such one: {_shown(code)}; {hint}")
            return None

    def _hours(self, text: str | None, chosen: Preset | None) -> ContactHours | None:
        if text is None:
            return None
        try:
            hours = ContactHours.parse(text)
        except ValueError as error:
            self._problem(("hours",), f"hours: {_one_line(error)}")
            return None
        if chosen is not None and not (hours & chosen.hours).ever_open:
            self._problem(
                ("hours",),
                f"hours: nothing would ever go: {hours} is never open within the hours of "
                f"preset {chosen.code}: {chosen.text}",
            )
        return hours

    def _check_timezone(self, name: str | None) -> None:
        if name is None:
            return
        try:
            Calendar.of(name, DEFAULT_HOURS)
        except ValueError:
            near = difflib.get_close_matches(name[:60], available_timezones(), n=1)
            hint = f"did you mean {near[0]}?" if near else f"wanted: {_TAKES['timezone']}"
            self._problem(("timezone",), f"timezone: no such one: {_shown(name)}; {hint}")

    def _check_minimum(self, amount: Decimal | None) -> None:
        if amount is None:
            return
        if (
            not amount.is_finite()
            or not 0 <= amount <= _LARGEST_MINIMUM
            or amount != amount.quantize(_CENTS)
        ):
            takes = _TAKES["minimum_amount"]
            self._problem(("minimum_amount",), f"minimum_amount: {takes}; got {_shown(amount)}")

    # -- the steps ----------------------------------------------------------------------------

    def _steps(
        self, tables: Any, chosen: Preset | None
    ) -> tuple[tuple[Step, ...], Mapping[AlertKind, Manner]]:
        """Return the date-driven steps in order, and the events with their manner."""
        dated: dict[int, Step] = {}
        events: dict[AlertKind, tuple[int, Manner]] = {}
        if tables is None or tables == []:
            self._problem((), "no step: a policy has at least one [[step]] with a kind")
        elif not isinstance(tables, list) or not all(isinstance(one, dict) for one in tables):
            self._problem(("step",), "step: write [[step]], in two brackets, above each of them")
        elif len(tables) > MOST_STEPS:
            self._problem(
                ("step", MOST_STEPS), f"step: {len(tables)} of them; at most {MOST_STEPS}"
            )
        else:
            for number, table in enumerate(tables):
                step = self._step(number, table, chosen)
                if isinstance(step, Step):
                    dated[number] = step
                elif step is not None and step[0] in events:
                    other: Path = ("step", events[step[0]][0])
                    self._problem(("step", number), f"{step[0]} without days comes twice", other)
                elif step is not None:
                    events[step[0]] = number, step[1]
        if not self._wrong:  # two steps are weighed only where each of them is known
            numbers = list(dated)
            for place, key, why, earlier in policy_sense.troubles(list(dated.values())):
                twin: Path | None = ("step", numbers[earlier]) if earlier is not None else None
                self._problem(("step", numbers[place], key), f"{key}: {why}", twin)
        manners = {kind: manner for kind, (_, manner) in events.items()}
        return tuple(dated.values()), MappingProxyType(manners)

    def _step(
        self, number: int, table: Mapping[str, Any], chosen: Preset | None
    ) -> Step | tuple[AlertKind, Manner] | None:
        """Return one step, an event with its manner, or None if something is wrong with it."""
        path: Path = ("step", number)
        before = len(self._wrong)
        said = self._take(_Step, table, path)
        kind = self._kind(said.kind, path, missing="kind" not in table)
        if kind is None:
            return None
        manner = self._manner(said, kind, path, chosen)
        if len(self._wrong) > before:
            return None
        if said.days is None:
            if kind not in EVENTS:
                self._problem(path, f"days: missing; {kind} is so many days from an anchor")
            elif said.anchor is not None:
                what = f"{kind} without days is told when it happens: leave anchor out"
                self._problem((*path, "anchor"), f"anchor: {what}, or say days")
            else:
                return kind, manner
            return None
        anchor = self._anchor(said.anchor, kind, path)
        if anchor is None:
            return None
        if (wrong := policy_sense.out_of_place(kind, anchor, said.days)) is not None:
            self._problem((*path, wrong[0]), f"{wrong[0]}: {wrong[1]}")
            return None
        return Step(kind, anchor, said.days, manner)

    def _kind(self, text: str | None, path: Path, *, missing: bool) -> AlertKind | None:
        if text is None:
            if missing:
                self._problem(path, f"kind: missing; {_TAKES['kind']}")
            return None
        if text == AlertKind.DIGEST:
            what = "a digest is made of other alerts (digest_from), and is no step"
            self._problem((*path, "kind"), f"kind: {what}; {_TAKES['kind']}")
            return None
        if text not in policy_sense.KINDS:
            hint = _hint(text, policy_sense.KINDS)
            self._problem((*path, "kind"), f"kind: no such one: {_shown(text)}; {hint}")
            return None
        return AlertKind(text)

    def _anchor(self, text: str | None, kind: AlertKind, path: Path) -> Anchor | None:
        dates = policy_sense.SENSE.get(kind)
        if dates is None:
            what = f"{kind} is told when it happens and counted from no date"
            self._problem((*path, "days"), f"days: {what}: leave days and anchor out")
        elif text is None:
            self._problem(path, f"anchor: missing; {kind} is counted from {' or '.join(dates)}")
        elif text not in _DATED:
            hint = _hint(text, tuple(dates))
            self._problem((*path, "anchor"), f"anchor: no such one: {_shown(text)}; {hint}")
        else:
            return Anchor(text)
        return None

    def _manner(self, said: _Step, kind: AlertKind, path: Path, chosen: Preset | None) -> Manner:
        channels = said.channels or []
        if said.channels == []:
            what = "an empty list; leave it out for every channel of the customer"
            self._problem((*path, "channels"), f"channels: {what}")
        for name in channels:
            if name not in CHANNELS:
                hint = _hint(name, CHANNELS)
                self._problem((*path, "channels"), f"channels: no such one: {_shown(name)}; {hint}")
        template = None
        if said.template is not None:
            template = self._template(said.template, kind, path)
        if said.capped is False and kind.capped and chosen and chosen.caps and not chosen.advisory:
            what = f"the caps of preset {chosen.code} ({chosen.rule}) bind every {kind}"
            self._problem((*path, "capped"), f"capped: {what}: leave it out")
        return Manner(frozenset(channels), template, said.capped)

    def _template(self, text: str, kind: AlertKind, path: Path) -> AlertKind | None:
        try:
            template = AlertKind(text)
        except ValueError:
            hint = _hint(text, policy_sense.TEMPLATES)
            self._problem((*path, "template"), f"template: no such one: {_shown(text)}; {hint}")
            return None
        if (wrong := policy_sense.wrong_words(kind, template)) is not None:
            self._problem((*path, "template"), f"template: {wrong}")
        return template


def _hint(word: str, accepted: Iterable[str]) -> str:
    accepted = tuple(accepted)
    near = difflib.get_close_matches(word[:60].casefold(), accepted, n=1)
    mean = f"did you mean {near[0]}? " if near else ""
    return f"{mean}accepted: {', '.join(accepted)}"


def _bounds(kind: Any) -> str:
    """Say what a field of whole numbers takes."""
    for part in get_args(kind):
        for meta in getattr(part, "__metadata__", ()):
            return f"a whole number from {meta.ge} to {meta.le}"
    raise TypeError(f"no bounds: {kind}")


def _shown(value: Any) -> str:
    """Return a value of the file on one short line."""
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return repr(value if len(value) <= 40 else f"{value[:40]}…")
        case int():
            return str(value) if abs(value) < 10**20 else "a huge number"
        case Decimal():
            return str(value)[:40]
        case dict():
            return "a table"
        case list():
            return "a list"
        case _:
            return "a date or a time"


def _one_line(error: ValueError) -> str:
    """Return the words of an error; what was typed may hold anything."""
    return " ".join(str(error).split())[:400]
