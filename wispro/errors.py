"""Why Wispro gave no usable answer, and whether asking again can help.

    billing.ports.UpstreamError
    └── WisproError
        ├── Unreachable            no connection, or it broke                        retry
        ├── TimedOut               no whole answer in time                           retry
        ├── RateLimited            asked too often; carries `retry_after`            retry
        ├── ServerError            Wispro failed (5xx, or body status 5xx)           retry
        ├── NotAuthorized          wrong or missing token
        ├── LicenceExpired         the ISP's own Wispro licence has expired
        ├── NotFound               there is no such record
        ├── Refused                the request was refused, by Wispro or before it went
        └── UnexpectedResponse     an answer of another shape than the documented one
            └── BrokenResponse     cut off, or not JSON at all                       retry

The text of each is one plain line for a person. It names the kind of thing that was asked for and
never holds the token, an address with its query, or anything of the body.
"""

# ruff: noqa: N818 - the names say what happened, as billing reads them

from __future__ import annotations

from typing import ClassVar

from billing.ports import UpstreamError
from billing.values import UpstreamReason


class WisproError(UpstreamError):
    """No usable answer from Wispro; raise one of the subclasses.

    Args:
        message: one line for a person.
        retry_after: seconds that Wispro asked us to wait, where it did.
    """

    reason_of_kind: ClassVar[UpstreamReason] = UpstreamReason.UNEXPECTED_RESPONSE
    may_retry: ClassVar[bool] = False

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message, reason=self.reason_of_kind, retry_after=retry_after)


class Unreachable(WisproError):
    """No connection could be made, or it broke before an answer came."""

    reason_of_kind = UpstreamReason.UNREACHABLE
    may_retry = True


class TimedOut(WisproError):
    """No whole answer came in time."""

    reason_of_kind = UpstreamReason.TIMEOUT
    may_retry = True


class RateLimited(WisproError):
    """Wispro asks us to slow down."""

    reason_of_kind = UpstreamReason.RATE_LIMITED
    may_retry = True


class ServerError(WisproError):
    """Wispro itself failed."""

    reason_of_kind = UpstreamReason.SERVER_ERROR
    may_retry = True


class NotAuthorized(WisproError):
    """The token is wrong, missing or withdrawn."""

    reason_of_kind = UpstreamReason.NOT_AUTHORIZED


class LicenceExpired(WisproError):
    """The ISP has not paid its own Wispro licence."""

    reason_of_kind = UpstreamReason.LICENCE_EXPIRED


class NotFound(WisproError):
    """There is no such record, or not for this token."""

    reason_of_kind = UpstreamReason.NOT_FOUND


class Refused(WisproError):
    """The request was refused; sending it again unchanged is useless."""

    reason_of_kind = UpstreamReason.REFUSED


class UnexpectedResponse(WisproError):
    """The answer has another shape than the documented one."""

    reason_of_kind = UpstreamReason.UNEXPECTED_RESPONSE


class BrokenResponse(UnexpectedResponse):
    """The answer was cut off or cannot be parsed; the next one may be whole."""

    may_retry = True


_BY_STATUS: dict[int, tuple[type[WisproError], str]] = {
    401: (NotAuthorized, "did not accept the token"),
    402: (LicenceExpired, "said that the ISP's own licence has expired"),
    403: (NotAuthorized, "did not accept the token"),
    404: (NotFound, "found no such record"),
    408: (TimedOut, "took too long"),
    410: (NotFound, "found no such record"),
    429: (RateLimited, "asked for fewer requests"),
}
_BY_CLASS: dict[int, tuple[type[WisproError], str]] = {
    3: (UnexpectedResponse, "pointed elsewhere"),
    4: (Refused, "refused"),
    5: (ServerError, "failed"),
}
_UNKNOWN: tuple[type[WisproError], str] = (UnexpectedResponse, "gave an unknown status")


def error_for_status(
    status: int, *, what: str, retry_after: float | None = None
) -> WisproError | None:
    """Translate a status, of HTTP or of the body, into an error.

    Args:
        status: an HTTP status code or the `status` of Wispro's envelope.
        what: the kind of thing that was asked for, such as "invoices".
        retry_after: seconds of a `Retry-After` header, where there was one.

    Returns:
        None for 2xx, else the error to raise.
    """
    if 200 <= status < 300:
        return None
    kind, says = _BY_STATUS.get(status) or _BY_CLASS.get(status // 100, _UNKNOWN)
    asked_to_wait = retry_after if kind.may_retry else None
    return kind(f"Wispro {says} when asked for {what} ({status}).", retry_after=asked_to_wait)
