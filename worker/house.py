"""The composition root: everything that is built once per process, and handed to constructors."""

from __future__ import annotations

from datetime import UTC, datetime

import httpx
from sqlalchemy.exc import SQLAlchemyError

from billing.delivery import Delivering
from billing.identity import LOGIN_PURPOSE
from billing.isps import Isps
from billing.maintenance import Maintenance
from billing.pairing import Pairing
from billing.planning import Planning
from billing.ports import WisproAccess
from billing.sync import Sync
from config.keys import open_vault
from config.settings import Settings
from models.database import Database
from models.schema import present_revision, wanted_revision
from notifications.door import AppriseDoor, reset_after_fork
from tasks import desk
from wispro.client import WisproClient
from wispro.login import login_token
from wispro.logs import quiet_http_logs
from worker.pace import Pacer

#: Seconds for one whole send; with the look before it, it ends well before the soft limit.
SEND_TIMEOUT = 45.0


class NotReadyError(Exception):
    """The installation cannot work yet; the text says which command mends it."""


def utc_now() -> datetime:
    """Return the present; the only clock of the daemon."""
    return datetime.now(UTC)


class House:
    """The use-cases of one process with their doors.

    Args:
        settings: of this process.

    Raises:
        SettingsError: if the ring of keys cannot be opened.
    """

    def __init__(self, settings: Settings) -> None:
        quiet_http_logs()
        self.settings = settings
        self.clock = utc_now
        self.vault = open_vault(settings)
        self.database = Database(settings.database)
        self.messenger = AppriseDoor(send_timeout=SEND_TIMEOUT)
        self._http: httpx.Client | None = None
        self._pacers: dict[int, Pacer] = {}
        self.isps = Isps(self.database, self.vault, self.messenger)
        self.pairing = Pairing(self.database, self.vault, self.wispro, self.messenger, login_token)
        self.sync = Sync(self.database, self.vault, self.wispro, every=settings.sync_every)
        self.planning = Planning(self.database)
        self.delivering = Delivering(
            self.database,
            self.vault,
            self.wispro,
            self.messenger,
            max_pdf_bytes=settings.max_pdf_bytes,
        )
        self.maintenance = Maintenance(self.database, self.vault)

    def wispro(self, access: WisproAccess) -> WisproClient:
        """Return a client for one ISP; the connections and the pace are shared in this process."""
        if self._http is None:
            self._http = httpx.Client(follow_redirects=False)
        pacer = self._pacers.setdefault(access.isp_id, Pacer(access.requests_per_second))
        return WisproClient(
            self._http,
            base_url=access.base_url,
            token=access.token,
            digest_login=lambda token: self.vault.digest(token, purpose=LOGIN_PURPOSE),
            pace=pacer,
        )

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
        if present is not None and present > wanted_revision():
            raise NotReadyError(
                f"the database is at revision {present}, newer than this program: update it"
            )
        return present

    def after_fork(self) -> None:
        """Forget what did not survive the fork of this child."""
        reset_after_fork()

    def lay_desk(self) -> None:
        """Hand the use-cases to the tasks of this process."""
        desk.lay(desk.Desk(self.sync, self.planning, self.delivering, self.maintenance, self.clock))

    def close(self) -> None:
        """Close every connection."""
        if self._http is not None:
            self._http.close()
        self.database.close()


def plain_database_error(error: SQLAlchemyError) -> str:
    """Return one line of a database error, without the statement."""
    cause = getattr(error, "orig", None) or error
    return next(iter(str(cause).strip().splitlines()), type(cause).__name__)
