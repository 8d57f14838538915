"""What a status means, and whether asking again can help."""

import pickle

import pytest

from billing.ports import UpstreamError
from billing.values import UpstreamReason
from wispro import errors
from wispro.errors import error_for_status


@pytest.mark.parametrize(
    ("status", "kind", "reason", "may_retry"),
    [
        (302, errors.UnexpectedResponse, UpstreamReason.UNEXPECTED_RESPONSE, False),
        (400, errors.Refused, UpstreamReason.REFUSED, False),
        (401, errors.NotAuthorized, UpstreamReason.NOT_AUTHORIZED, False),
        (402, errors.LicenceExpired, UpstreamReason.LICENCE_EXPIRED, False),
        (403, errors.NotAuthorized, UpstreamReason.NOT_AUTHORIZED, False),
        (404, errors.NotFound, UpstreamReason.NOT_FOUND, False),
        (408, errors.TimedOut, UpstreamReason.TIMEOUT, True),
        (412, errors.Refused, UpstreamReason.REFUSED, False),
        (429, errors.RateLimited, UpstreamReason.RATE_LIMITED, True),
        (500, errors.ServerError, UpstreamReason.SERVER_ERROR, True),
        (503, errors.ServerError, UpstreamReason.SERVER_ERROR, True),
        (0, errors.UnexpectedResponse, UpstreamReason.UNEXPECTED_RESPONSE, False),
        (999, errors.UnexpectedResponse, UpstreamReason.UNEXPECTED_RESPONSE, False),
    ],
)
def test_a_status_becomes_its_error(
    status: int, kind: type[errors.WisproError], reason: UpstreamReason, *, may_retry: bool
) -> None:
    """Each status has one error, one stored reason and one retry policy."""
    error = error_for_status(status, what="invoices", retry_after=7)
    assert type(error) is kind
    assert (error.reason, error.may_retry) == (reason, may_retry)
    assert error.retry_after == (7 if may_retry else None)
    assert "\n" not in str(error)


@pytest.mark.parametrize("status", [200, 201, 204, 299])
def test_a_good_status_is_no_error(status: int) -> None:
    """Any 2xx lets the answer be read."""
    assert error_for_status(status, what="invoices") is None


def test_an_error_survives_a_queue() -> None:
    """Celery pickles errors; the reason and the pause must come out again."""
    copy = pickle.loads(pickle.dumps(errors.RateLimited("slow down", retry_after=5)))  # noqa: S301
    assert isinstance(copy, UpstreamError)
    assert (str(copy), copy.reason, copy.retry_after) == (
        "slow down",
        UpstreamReason.RATE_LIMITED,
        5,
    )
