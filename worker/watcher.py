"""Whoever looks on: reads rows and the broker with short time limits, and needs no keys.

`status`, `/healthz` and `/metrics` are three views of what it sees.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version

from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from billing.overview import IspStanding, Overview, Totals, read_overview
from config.settings import Settings
from models.database import Database
from models.schema import present_revision, wanted_revision
from worker.broker import LateClient
from worker.database_errors import plain_database_error
from worker.house import utc_now
from worker.pulse import Pulse, feel
from worker.tail import Happened, Tail
from worker.tallies import Tally

#: Seconds for the broker to connect, and to answer.
BROKER_WITHIN = 1.0
#: Seconds for PostgreSQL to connect, and milliseconds until an unanswered packet ends it.
_CONNECT_WITHIN = "3"
_UNANSWERED = "5000"


@dataclass(frozen=True, slots=True, kw_only=True)
class Schema:
    """The revision that the database is at, and the one that this program wants."""

    present: str | None
    wanted: str

    @property
    def fits(self) -> bool:
        """Whether they are the same."""
        return self.present == self.wanted


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How an installation stands; `alerta status --json` prints it, and its names are kept."""

    at: datetime
    version: str
    database: str
    schema: Schema
    broker: Pulse
    totals: Totals
    accounts_resting: int
    accounts_in_trouble: int
    notices_waiting: int
    isps: list[IspStanding]


class Watcher:
    """Sees how an installation stands.

    Args:
        settings: of the installation.
        clock: the present.
    """

    def __init__(self, settings: Settings, *, clock: Callable[[], datetime] = utc_now) -> None:
        self.settings = settings
        self.clock = clock
        self.database = Database(_impatient(settings.database))
        self._client = LateClient(settings, timeout=BROKER_WITHIN)
        self._tail = Tail(self.database, now=clock())

    @property
    def dialect(self) -> str:
        """Which database it is."""
        return self.database.engine.dialect.name

    def schema(self) -> Schema:
        """Ask the database which revision it is at."""
        return Schema(present=present_revision(self.database.engine), wanted=wanted_revision())

    def overview(self, isp_id: int | None = None) -> Overview:
        """Read how every ISP stands, or one."""
        every = self.settings.sync_every
        return read_overview(self.database, now=self.clock(), every=every, isp_id=isp_id)

    def happened(self) -> Happened:
        """Count what happened since this watcher began."""
        return self._tail.advance(now=self.clock())

    def pulse(self) -> Pulse:
        """Ask the broker how it and the processes are."""
        return self.felt()[0]

    def felt(self) -> tuple[Pulse, Mapping[Tally, float]]:
        """Ask the broker how it and the processes are, and what was tallied."""
        try:
            client = self._client()
        except ValueError as error:  # an address nobody reads
            return Pulse(answers=False, why=f"cannot be asked ({error})"), {}
        return feel(client, self.settings, now=self.clock())

    def standing(self, isp_id: int | None = None) -> Standing:
        """Put together how all stands, or what of it is one ISP's."""
        pulse, schema, overview = self.pulse(), self.schema(), self.overview(isp_id)
        return Standing(
            at=overview.at,
            version=program_version(),
            database=self.dialect,
            schema=schema,
            broker=pulse,
            totals=overview.totals,
            accounts_resting=overview.accounts_resting,
            accounts_in_trouble=overview.accounts_in_trouble,
            notices_waiting=overview.notices_waiting,
            isps=overview.isps,
        )

    def close(self) -> None:
        """Close every connection."""
        self._client.close()
        self.database.close()


def program_version() -> str:
    """This function will return the version of this program."""
    try:
        return version("alerta-internet")
    except PackageNotFoundError:
        return "unknown"


def in_a_line(error: BaseException) -> str:
    """This function will say what an error is, without a statement or an address in it."""
    if isinstance(error, SQLAlchemyError):
        return plain_database_error(error)
    return type(error).__name__


def _impatient(url: str) -> str:
    """Let PostgreSQL give up soon where it is out of reach, unless the operator says otherwise."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return url
    ours = {"connect_timeout": _CONNECT_WITHIN, "tcp_user_timeout": _UNANSWERED}
    wanted = {name: value for name, value in ours.items() if name not in parsed.query}
    return parsed.update_query_dict(wanted).render_as_string(hide_password=False)
