"""The use-cases of a process that never naps."""

from __future__ import annotations

from functools import cached_property

import httpx

from billing.identity import LOGIN_PURPOSE
from billing.ports import Unpaced, WisproAccess
from wispro.client import WisproClient
from wispro.limits import Limits
from wispro.logs import quiet_retries
from worker.house import House


class ImpatientHouse(House):
    """The use-cases, except that nobody sleeps between two tries, or two messages of a bot.

    Messages leave one after the other, so that stories can tell their order; what happens side by
    side has tests of its own.
    """

    lanes = 0
    limits = Limits()

    @property
    def pace(self) -> Unpaced:
        """Turns are taken by real time, and the clock of a town stands still."""
        return Unpaced()

    @cached_property
    def http(self) -> httpx.Client:
        """Without the certificates, which take a moment to load: everything is plain HTTP here."""
        return httpx.Client(follow_redirects=False, verify=False)  # noqa: S501

    def wispro(self, access: WisproAccess) -> WisproClient:
        """Return a client that does not wait its turn either."""
        quiet_retries()
        return WisproClient(
            self.http,
            base_url=access.base_url,
            token=access.token,
            digest_login=lambda token: self.vault.digest(token, purpose=LOGIN_PURPOSE),
            sleep=lambda _: None,
            limits=self.limits,
        )
