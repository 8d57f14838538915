"""Call an address that somebody outside expects to be called: Healthchecks.io and its like.

One GET, which all of them take, without a word of ours: an address says all there is to say. What
goes wrong becomes a few words outside of the `except` that caught it: an exception of httpx carries
the request, and with it the secret.
"""

from __future__ import annotations

import httpx

from billing.ports import PingTrouble
from notifications.beacons import check_url, failure_of, label_of

#: Seconds for each of connecting, writing and reading: a tick later it is tried again anyway.
TIMEOUT = 4.0
_HEADERS = {"User-Agent": "alerta-internet", "Accept": "*/*"}


class HeartbeatDoor:
    """The door.

    Args:
        client: of this process.
        timeout: seconds for each step of a call.
    """

    def __init__(self, client: httpx.Client, *, timeout: float = TIMEOUT) -> None:
        self._client = client
        self._timeout = timeout

    def check(self, url: str) -> str:
        """Return an address that may be called. Raises `DestinationError`, quoting nothing."""
        return check_url(url)

    def label(self, url: str) -> str:
        """Return what of an address may be shown."""
        return label_of(url)

    def ping(self, url: str, *, failed: bool = False) -> PingTrouble | None:
        """Call an address once; return what went wrong, without the address; never raises."""
        target = failure_of(url) if failed else url
        try:
            # The answer's body is nobody's business, and may be endless.
            with self._client.stream(
                "GET", target, headers=_HEADERS, timeout=self._timeout, follow_redirects=False
            ) as answer:
                status = answer.status_code
        except httpx.TimeoutException:
            return PingTrouble("does not answer in time", answered=False)
        except httpx.ConnectError:
            return PingTrouble("cannot be reached", answered=False)
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
            return PingTrouble(f"gives no answer ({type(error).__name__})", answered=False)
        if 200 <= status < 300:
            return None
        if 300 <= status < 400:
            words = f"leads elsewhere ({status}): give the address that it leads to"
            return PingTrouble(words, answered=True)
        return PingTrouble(f"answers {status}", answered=True)
