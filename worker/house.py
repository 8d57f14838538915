"""The composition root: everything that is built once per process, and handed to constructors.

The doors are loaded when they are first needed: Apprise and httpx take half of a command's time to
start, and most commands of support need neither.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cached_property, partial
from typing import TYPE_CHECKING

from sqlalchemy.exc import SQLAlchemyError

from billing.auditing import Auditing
from billing.baseline import Baseline
from billing.changing import Changing
from billing.channels import Channels
from billing.delivery.batch import LANES
from billing.delivery.delivering import Delivering
from billing.delivery.resending import Resending
from billing.delivery.trial import Trial
from billing.forgetting import Forgetting
from billing.holds import Holds
from billing.identity import LOGIN_PURPOSE
from billing.inviting import Inviting
from billing.isps import Isps
from billing.listening import Listening
from billing.maintenance import Maintenance
from billing.naming import AccountFinder
from billing.notices import Telling
from billing.operators import Operators
from billing.overrides import Overrides
from billing.pairing import Pairing
from billing.planning import Planning
from billing.policies import Policies
from billing.ports import DestinationError, PacePort, SecretError, WisproAccess
from billing.pruning import Pruning
from billing.removing import Removing
from billing.stopping import Stopping
from billing.switching import Switching
from billing.sync import Sync
from billing.watch.heartbeats import Heartbeats
from billing.watch.mornings import Mornings
from billing.watch.ticks import Ticks
from billing.watch.watching import Watching
from config.keys import open_vault
from config.settings import Settings
from models.database import Database
from models.schema import present_revision, wanted_revision
from tasks import counts, desk
from wispro.login import login_token
from wispro.logs import quiet_http_logs
from worker.database_errors import plain_database_error
from worker.errors import NotReadyError
from worker.pace import SharedPacer
from worker.shelf import Shelf

if TYPE_CHECKING:
    import httpx

    from notifications.door import AppriseDoor
    from notifications.telegram import TelegramDoor
    from wispro.client import WisproClient
    from worker.buckets import Buckets
    from worker.records import Records
    from worker.tallies import Tallies
    from worker.traces import Traces
    from worker.turns import Turns

#: Seconds for one whole send; with the look before it, it ends well before the soft limit.
SEND_TIMEOUT = 45.0


def utc_now() -> datetime:
    """Return the present; the only clock of the daemon."""
    return datetime.now(UTC)


class House:
    """The use-cases of one process with their doors.

    Args:
        settings: of this process.
        children: how many processes like this one there are; a command by hand stands for itself.

    Raises:
        SettingsError: if the ring of keys cannot be opened.
    """

    #: How many messages of a batch are under way at once.
    lanes = LANES

    def __init__(self, settings: Settings, *, children: int = 1) -> None:
        quiet_http_logs()
        self.settings = settings
        self.clock = utc_now
        self.vault = open_vault(settings)
        self.database = Database(settings.database)
        self.traces: Traces | None = None
        self._http: httpx.Client | None = None
        self._children = children
        self._buckets: Buckets | None = None
        self._pacers: dict[tuple[int, float], SharedPacer] = {}
        self.sync = Sync(self.database, self.vault, self.wispro, every=settings.sync_every)
        self.planning = Planning(self.database)
        self.baseline = Baseline(self.database)
        self.resending = Resending(self.database)
        self.stopping = Stopping(self.database, self.vault)
        self.whom = AccountFinder(self.vault, login_token)
        self.auditing = Auditing(self.database, self.whom)
        self.holds = Holds(self.database, self.whom)
        self.channels = Channels(self.database, self.whom)
        self.policies = Policies(self.database)
        self.overrides = Overrides(self.database, self.whom)
        self.maintenance = Maintenance(self.database, self.vault)
        self.watching = Watching(self.database, self.vault, every=settings.sync_every)
        self.ticks = Ticks(self.database)
        self.mornings = Mornings(self.database)
        self.changing = Changing(self.database, self.vault)
        self.forgetting = Forgetting(self.database, self.vault, self.whom)
        self.pruning = Pruning(self.database)
        self.switching = Switching(self.database)
        self.removing = Removing(self.database, self._bot_of)

    @cached_property
    def tallies(self) -> Tallies:
        """Count what no row says."""
        from worker.tallies import Tallies  # noqa: PLC0415 - see above

        return Tallies(self.settings)

    @cached_property
    def messenger(self) -> AppriseDoor:
        """The door to people."""
        from notifications.door import AppriseDoor  # noqa: PLC0415 - see above

        return AppriseDoor(send_timeout=SEND_TIMEOUT, telegram_api=self.settings.telegram_api)

    @cached_property
    def chat(self) -> TelegramDoor:
        """The door to the bots."""
        from notifications.telegram import TelegramDoor  # noqa: PLC0415 - see above

        return TelegramDoor(self._client(), api=self.settings.telegram_api)

    @cached_property
    def isps(self) -> Isps:
        """Set ISPs up."""
        return Isps(self.database, self.vault, self.messenger)

    @cached_property
    def pairing(self) -> Pairing:
        """Pair customers."""
        return Pairing(self.database, self.vault, self.wispro, self.messenger, login_token)

    @cached_property
    def inviting(self) -> Inviting:
        """Invite customers to pair themselves."""
        return Inviting(self.database, self.vault, self.pairing, self.chat)

    @cached_property
    def listening(self) -> Listening:
        """Hear and answer what people write to the bots."""
        return Listening(self.database, self.vault, self.chat, self.messenger, pace=self.pace)

    @cached_property
    def operators(self) -> Operators:
        """Say where operators are told."""
        return Operators(self.database, self.vault, self.messenger)

    @cached_property
    def telling(self) -> Telling:
        """Tell operators what is due."""
        return Telling(self.database, self.vault, self.messenger)

    @cached_property
    def heartbeats(self) -> Heartbeats:
        """Call the URLs that are called while all is well."""
        from notifications.heartbeat import HeartbeatDoor  # noqa: PLC0415 - see above

        url = self.settings.heartbeat_url
        return Heartbeats(
            self.database,
            self.vault,
            HeartbeatDoor(self._client()),
            installation=None if url is None else url.get_secret_value(),
            rest=max(self.settings.tick, timedelta(minutes=1)),
        )

    @cached_property
    def delivering(self) -> Delivering:
        """Send what is due."""
        return Delivering(
            self.database,
            self.vault,
            self.wispro,
            self.messenger,
            max_pdf_bytes=self.settings.max_pdf_bytes,
            pace=self.pace,
            shelf=self.shelf,
            lanes=self.lanes,
            public_url=self.settings.public_url,
        )

    @cached_property
    def shelf(self) -> Shelf:
        """Invoice PDFs that were fetched lately."""
        return Shelf(self.settings.home / "papers", self.vault)

    @cached_property
    def trial(self) -> Trial:
        """Send a test message."""
        return Trial(self.database, self.whom, self.delivering)

    @property
    def pace(self) -> PacePort:
        """Keeps messages apart at providers that count by the second."""
        return self._turns

    @cached_property
    def _turns(self) -> Turns:
        from worker.turns import Turns  # noqa: PLC0415 - see above

        return Turns(self.settings, children=self._children)

    def wispro(self, access: WisproAccess) -> WisproClient:
        """Return a client for one ISP; connections are shared in this process, the pace by all."""
        from wispro.client import WisproClient  # noqa: PLC0415 - see above

        return WisproClient(
            self._client(),
            base_url=access.base_url,
            token=access.token,
            digest_login=lambda token: self.vault.digest(token, purpose=LOGIN_PURPOSE),
            pace=self._pacer(access.isp_id, access.requests_per_second),
            told=partial(self.tallies.add, counts.WISPRO_REQUESTS, str(access.isp_id)),
        )

    def _bot_of(self, sealed: str) -> int | None:
        """Say which Telegram bot a sealed sending account is."""
        try:
            return self.chat.access(self.vault.open(sealed)).bot_id
        except (SecretError, DestinationError):
            return None

    def records(self) -> Records:
        """Return the DNS as this machine sees it."""
        from worker.records import Records  # noqa: PLC0415 - only the doctor asks

        return Records()

    @property
    def http(self) -> httpx.Client:
        """The connections of this process to whatever speaks HTTP."""
        return self._client()

    def _client(self) -> httpx.Client:
        import httpx  # noqa: PLC0415 - see above

        if self._http is None:
            self._http = httpx.Client(follow_redirects=False)
        return self._http

    def _pacer(self, isp_id: int, per_second: float) -> SharedPacer:
        from worker.buckets import Buckets  # noqa: PLC0415 - see above

        if self._buckets is None:
            self._buckets = Buckets(self.settings)
        if (isp_id, per_second) not in self._pacers:
            self._pacers[isp_id, per_second] = SharedPacer(
                isp_id, per_second, self._buckets.take, children=self._children
            )
        return self._pacers[isp_id, per_second]

    def require_schema(self) -> None:
        """Refuse to work on a database that was not migrated.

        Raises:
            NotReadyError: saying what to do.
        """
        present = self.require_known_schema()
        if present != wanted_revision():
            state = "has no tables yet" if present is None else f"is at revision {present}"
            raise NotReadyError(f"the database {state}; run: alerta migrate")

    def require_known_schema(self) -> str | None:
        """Return the database's revision, None before the first; refuse one from the future.

        Raises:
            NotReadyError: saying what to do.
        """
        try:
            present = present_revision(self.database.engine)
        except SQLAlchemyError as error:
            why = plain_database_error(error)
            raise NotReadyError(f"the database does not answer: {why}") from None
        except (OSError, ValueError) as error:  # its folder, or an option of its address
            raise NotReadyError(f"the database cannot be opened: {error}") from None
        if present is not None and present > wanted_revision():
            raise NotReadyError(
                f"the database is at revision {present}, newer than this program: update it"
            )
        return present

    def after_fork(self) -> None:
        """Forget what did not survive the fork of this child."""
        from notifications.door import reset_after_fork  # noqa: PLC0415 - see above

        reset_after_fork()

    def lay_desk(self) -> None:
        """Hand the use-cases to the tasks of this process."""
        desk.lay(
            desk.Desk(
                self.sync,
                self.planning,
                self.delivering,
                self.maintenance,
                self.watching,
                self.telling,
                self.listening,
                self.ticks,
                self.heartbeats,
                self.mornings,
                self.clock,
                self.tallies.add,
            )
        )

    def close(self) -> None:
        """Close every connection."""
        if self._http is not None:
            self._http.close()
        if self._buckets is not None:
            self._buckets.close()
        if "messenger" in vars(self):
            self.messenger.close()
        if "_turns" in vars(self):
            self._turns.close()
        if "tallies" in vars(self):
            self.tallies.close()
        if self.traces is not None:
            self.traces.close()
        self.database.close()
