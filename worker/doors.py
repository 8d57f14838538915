"""What one process reaches the outside by: each door is built when it is first gone through.

Apprise, httpx and Redis take most of a command's time to load, and most commands of support need
none of them.
"""

from __future__ import annotations

import threading
from functools import partial
from typing import TYPE_CHECKING

from billing.identity import LOGIN_PURPOSE
from billing.ports import DestinationError, PacePort, SecretError, WisproAccess
from config.keys import open_vault
from config.settings import Settings
from models.database import Database
from tasks import counts
from wispro.logs import quiet_http_logs, quiet_retries
from worker.late import late

if TYPE_CHECKING:
    import httpx

    from notifications.door import AppriseDoor
    from notifications.heartbeat import HeartbeatDoor
    from notifications.telegram import TelegramDoor
    from wispro.client import WisproClient
    from worker.buckets import Buckets
    from worker.pace import SharedPacer
    from worker.records import Records
    from worker.shelf import Shelf
    from worker.tallies import Tallies
    from worker.traces import Traces
    from worker.turns import Turns

#: Seconds for one whole send; with the look before it, it ends well before the soft limit.
SEND_TIMEOUT = 45.0


class Doors:
    """The database, the vault, and the doors to people, bots, Wispro and the broker.

    Args:
        settings: of this process.
        children: how many processes like this one there are; a command by hand stands for itself.

    Raises:
        SettingsError: if the ring of keys cannot be opened.
    """

    def __init__(self, settings: Settings, *, children: int = 1) -> None:
        quiet_http_logs()
        self.settings = settings
        self.vault = open_vault(settings)
        self.database = Database(settings.database)
        self.traces: Traces | None = None
        self._children = children
        self._pacing = threading.Lock()
        self._pacers: dict[tuple[int, float], SharedPacer] = {}

    @late
    def tallies(self) -> Tallies:
        """Count what no row says."""
        from worker.tallies import Tallies

        return Tallies(self.settings)

    @late
    def messenger(self) -> AppriseDoor:
        """The door to people."""
        from notifications.door import AppriseDoor

        return AppriseDoor(send_timeout=SEND_TIMEOUT, telegram_api=self.settings.telegram_api)

    @late
    def chat(self) -> TelegramDoor:
        """The door to the bots."""
        from notifications.telegram import TelegramDoor

        return TelegramDoor(self.http, api=self.settings.telegram_api)

    @late
    def heartbeat(self) -> HeartbeatDoor:
        """The door to the URLs that are called while all is well."""
        from notifications.heartbeat import HeartbeatDoor

        return HeartbeatDoor(self.http)

    @late
    def shelf(self) -> Shelf:
        """Invoice PDFs that were fetched lately."""
        from worker.shelf import Shelf

        return Shelf(self.settings.home / "papers", self.vault)

    @property
    def pace(self) -> PacePort:
        """Keeps messages apart at providers that count by the second."""
        return self._turns

    @late
    def _turns(self) -> Turns:
        from worker.turns import Turns

        return Turns(self.settings, children=self._children)

    def wispro(self, access: WisproAccess) -> WisproClient:
        """Return a client for one ISP; connections are shared in this process, the pace by all."""
        from wispro.client import WisproClient

        quiet_retries()
        return WisproClient(
            self.http,
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
        from worker.records import Records

        return Records()

    @late
    def http(self) -> httpx.Client:
        """The connections of this process to whatever speaks HTTP."""
        import httpx

        return httpx.Client(follow_redirects=False)

    @late
    def _buckets(self) -> Buckets:
        from worker.buckets import Buckets

        return Buckets(self.settings)

    def _pacer(self, isp_id: int, per_second: float) -> SharedPacer:
        from worker.pace import SharedPacer

        with self._pacing:
            if (isp_id, per_second) not in self._pacers:
                self._pacers[isp_id, per_second] = SharedPacer(
                    isp_id, per_second, self._buckets.take, children=self._children
                )
            return self._pacers[isp_id, per_second]

    def after_fork(self) -> None:
        """Forget what did not survive the fork of this child."""
        from notifications.door import reset_after_fork

        reset_after_fork()

    def close(self) -> None:
        """Close every connection that was opened."""
        for name in ("http", "_buckets", "messenger", "_turns", "tallies"):
            if name in vars(self):
                getattr(self, name).close()
        if self.traces is not None:
            self.traces.close()
        self.database.close()
