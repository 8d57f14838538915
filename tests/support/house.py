"""The use-cases of a process that never naps."""

from __future__ import annotations

from functools import cached_property

import httpx

from billing.identity import LOGIN_PURPOSE
from billing.listening import Listening
from billing.ports import WisproAccess
from wispro.client import WisproClient
from wispro.limits import Limits
from worker.house import House


class ImpatientHouse(House):
    """The use-cases, except that nobody sleeps between two tries at Wispro.

    Messages leave one after the other, so that stories can tell their order; what happens side by
    side has tests of its own.
    """

    lanes = 0
    limits = Limits()

    @cached_property
    def listening(self) -> Listening:
        """Hear and answer without waiting a turn: the clock of a town stands still."""
        return Listening(self.database, self.vault, self.chat, self.messenger)

    def _client(self) -> httpx.Client:
        if self._http is None:
            self._http = httpx.Client(follow_redirects=False, verify=False)  # noqa: S501 - plain HTTP
        return self._http

    def wispro(self, access: WisproAccess) -> WisproClient:
        """Return a client that does not wait its turn either."""
        return WisproClient(
            self._client(),
            base_url=access.base_url,
            token=access.token,
            digest_login=lambda token: self.vault.digest(token, purpose=LOGIN_PURPOSE),
            sleep=lambda _: None,
            limits=self.limits,
        )
