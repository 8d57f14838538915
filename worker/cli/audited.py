"""Commands that change something say so here, and are on record: who, when, what, how it ended.

The entry is written when such a command opens its house, before it does anything; its end when the
command ends, in whatever way. A command that is refused before it opens one has touched nothing and
leaves no entry, like a word that `alerta` does not know.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from enum import Enum
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from sqlalchemy.exc import SQLAlchemyError

from billing.errors import ForeseenError
from worker.cli.given import STDIN, who
from worker.cli.show import listening_to_complaints

if TYPE_CHECKING:
    from billing.auditing import Outcome
    from worker.house import House

BY_HELP = "Who says so; default: who is logged in."
#: Texts that are kept as they were given. Whatever is not here may be a secret, or personal.
PLAIN = frozenset({
    "contact_hours", "currency", "debt_sign", "hours", "invoice", "kind", "limits", "locale",
    "medium", "minimum_amount", "name", "off", "on", "reason", "segments", "timezone", "until",
})  # fmt: skip
#: Texts that are kept as the label of the channel that they are.
DESTINATIONS = frozenset({"destination", "to"})
#: How a command shows its answer, and what stands in columns of its own.
_LEFT_OUT = frozenset({"by", "client", "json", "slug", "yes"})
_HIDDEN = "…"


@dataclass(slots=True)
class Action:
    """A command that changes something, while it runs."""

    command: str
    given: Mapping[str, Any]
    who: str
    nameless: bool = False
    closing: ExitStack = field(default_factory=ExitStack)
    house: House | None = None
    entry_id: int | None = None
    account_id: int | None = None

    def begin(self, house: House) -> None:
        """Record it, once; the house stays open until its end is on record as well."""
        if self.house is not None:
            return
        about = house.auditing.about(
            slug=self.given.get("slug"),
            client=self.given.get("client"),
            delivery=self.given.get("delivery"),
        )
        arguments = {name: _kept(name, value, house) for name, value in self.given.items()}
        arguments = {name: value for name, value in arguments.items() if name not in _LEFT_OUT}
        if (client := self.given.get("client")) is not None and not self.nameless:
            arguments = {"client": about.client or f"{_HIDDEN}{client[-2:]}", **arguments}
        self.entry_id = house.auditing.begin(
            about, who=self.who, command=self.command, arguments=arguments, now=house.clock()
        )
        self.house, self.account_id = house, about.account_id

    def end(self, outcome: Outcome, detail: str | None) -> None:
        """Record how it ended, and whom it was about if it was not known before."""
        if self.house is None or self.entry_id is None:
            return
        found = None
        if self.account_id is None:
            slug, client = self.given.get("slug"), self.given.get("client")
            found = self.house.auditing.about(slug=slug, client=client).account_id
        self.house.auditing.end(
            self.entry_id, outcome, detail=detail, account_id=found, now=self.house.clock()
        )


_present: ContextVar[Action | None] = ContextVar("action", default=None)


@contextmanager
def on_record(house: House) -> Iterator[Callable[[], None]]:
    """Yield what records the beginning of the action that is under way, if one is.

    The house is closed behind it: that of an action once its end is on record.
    """
    action = _present.get()
    if action is None:
        with closing(house):
            yield lambda: None
        return
    action.closing.enter_context(closing(house))
    yield lambda: action.begin(house)


def audited(
    function: Callable[..., None] | None = None,
    *,
    if_given: str | tuple[str, ...] | None = None,
    nameless: bool = False,
) -> Callable[..., Any]:
    """This function will put a command on record whenever it runs, and give it `--by`.

    Args:
        function: the command.
        if_given: it only shows something unless one of these parameters is given.
        nameless: what it was given names a customer who is to be named nowhere.
    """
    if function is None:
        return lambda later: audited(later, if_given=if_given, nameless=nameless)
    signature = inspect.signature(function, eval_str=True)
    own_by = "by" in signature.parameters
    deciding = (if_given,) if isinstance(if_given, str) else if_given

    @wraps(function)
    def recorded(*, context_of_command: typer.Context, **given: Any) -> None:
        by = given.get("by") if own_by else given.pop("by", None)
        named = {
            name: value
            for name, value in given.items()
            if value not in (signature.parameters[name].default, None, [])
        }
        if deciding is not None and not any(name in named for name in deciding):
            function(**given)
            return
        words = context_of_command.command_path.split()
        root = len(context_of_command.find_root().command_path.split())
        action = Action(" ".join(words[root:]), named, who(by), nameless=nameless)
        with action.closing:
            _run(action, lambda: function(**given))

    more = [
        inspect.Parameter(
            "context_of_command", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context
        )
    ]
    if not own_by:
        annotation = Annotated[str | None, typer.Option(help=BY_HELP)]
        by_hand = inspect.Parameter(
            "by", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation
        )
        more.append(by_hand)
    recorded.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=[*signature.parameters.values(), *more]
    )
    recorded.audited = True  # type: ignore[attr-defined]
    return recorded


def _run(action: Action, command: Callable[[], None]) -> None:
    """Run a command and record how it ends; what ends it goes on."""
    from billing.auditing import Outcome

    token = _present.set(action)
    try:
        with listening_to_complaints() as complaints:
            command()
    except typer.Exit as end:
        said = complaints[-1] if complaints else None
        action.end(Outcome.NOT_DONE if end.exit_code else Outcome.DONE, said)
        raise
    except typer.Abort:
        action.end(Outcome.REFUSED, "it was not confirmed")
        raise
    except Exception as error:
        # What went wrong is to be told, even where the database is what went wrong.
        with suppress(SQLAlchemyError):
            action.end(*_end_of(error))
        raise
    except BaseException:
        with suppress(SQLAlchemyError):
            action.end(Outcome.BROKE_OFF, None)
        raise
    else:
        action.end(Outcome.DONE, None)
    finally:
        _present.reset(token)


def _end_of(error: Exception) -> tuple[Outcome, str]:
    """Say how an error ended it; of one that nobody foresaw only what it is."""
    from billing.auditing import Outcome

    if isinstance(error, ForeseenError):
        return Outcome.REFUSED, next(iter(str(error).splitlines()), type(error).__name__)
    return Outcome.NOT_DONE, type(error).__name__


def _kept(name: str, value: Any, house: House) -> str:
    """Return what may be kept of an argument."""
    if isinstance(value, list | tuple):
        return ", ".join(_kept(name, one, house) for one in value)
    if isinstance(value, Path):
        return value.name
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str) and not isinstance(value, Enum):
        if name in DESTINATIONS:
            return _label(value, house)
        return value if name in PLAIN else _HIDDEN
    return str(value.value if isinstance(value, Enum) else value)


def _label(destination: str, house: House) -> str:
    from billing.ports import DestinationError

    if destination == STDIN:
        return _HIDDEN
    try:
        return house.messenger.parse_destination(destination).label
    except DestinationError:
        return _HIDDEN
