"""Secrets and queries never reach a log, a repr or an error, whatever goes wrong."""

from __future__ import annotations

import logging
import traceback
from typing import TYPE_CHECKING

import httpx
import pytest

from billing.values import ClientField
from wispro.errors import WisproError
from wispro.logs import quiet_http_logs
from wispro.sandbox import FIXTURE_SECRETS
from wispro.sandbox.faults import FAULTS, Rule

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from wispro.client import WisproClient
    from wispro.sandbox.server import SandboxServer

NATIONAL_ID = "27.345.678"
CLIENT = "c1000000-0000-4000-8000-000000000000"
INVOICE = "1f000000-0000-4000-8000-000000000003"


@pytest.fixture
def loud_logs(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """Hear everything that any library logs, as a careless root logger would."""
    levels = {name: logging.getLogger(name).level for name in ("httpx", "httpcore")}
    caplog.set_level(logging.DEBUG)
    yield caplog
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


def chain(error: BaseException | None) -> Iterator[BaseException]:
    """Walk an error and all that it was raised from or during."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def questions(wispro: WisproClient) -> list[Callable[[], object]]:
    """List every method of the door."""
    return [
        lambda: wispro.client(CLIENT),
        lambda: wispro.find_clients(ClientField.NATIONAL_ID, NATIONAL_ID),
        lambda: list(wispro.client_pages()),
        lambda: wispro.contracts_of(CLIENT),
        lambda: wispro.invoices_by_national_id(NATIONAL_ID),
        lambda: wispro.invoices_by_custom_id("001042"),
        wispro.pending_invoices,
        lambda: wispro.invoice(INVOICE),
        lambda: wispro.balance(CLIENT),
        lambda: wispro.invoice_pdf(INVOICE, max_bytes=10_000_000),
    ]


@pytest.mark.parametrize("fault", ["none", *sorted(FAULTS - {"timeout", "trickle", "pdf_slow"})])
def test_no_secret_leaves_the_door(
    sandbox: SandboxServer,
    wispro: WisproClient,
    loud_logs: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
    fault: str,
) -> None:
    """Token, login links, passwords and query values are in nothing that people or disks see."""
    quiet_http_logs()
    if fault != "none":
        sandbox.faults.add(Rule(fault=fault, size=1000))
    shown: list[str] = [repr(wispro)]
    for ask in questions(wispro):
        try:
            shown.append(repr(ask()))
        except WisproError as error:
            shown += [repr(one) + str(one) for one in chain(error)]
            shown.append("".join(traceback.format_exception(error)))
    logged = "\n".join(f"{record.getMessage()} {record.args}" for record in loud_logs.records)
    printed = "".join(capsys.readouterr())
    for place in ("\n".join(shown), logged, printed):
        for secret in (sandbox.state.token, *FIXTURE_SECRETS, "portal_api"):
            assert secret not in place
        for line in place.splitlines():  # the source line of a traceback may name a constant
            assert NATIONAL_ID not in line


@pytest.mark.parametrize(
    "trouble",
    [
        httpx.ConnectError("token=0c6f9a52-secret-token-4b1e"),
        httpx.ReadTimeout("27.345.678"),
        httpx.LocalProtocolError("Illegal header value b'0c6f9a52-secret-token-4b1e'"),
        httpx.RemoteProtocolError("0c6f9a52-secret-token-4b1e"),
        httpx.DecodingError("0c6f9a52-secret-token-4b1e"),
        httpx.ProxyError("0c6f9a52-secret-token-4b1e"),
    ],
)
def test_no_error_of_the_library_is_chained(
    scripted: Callable[..., WisproClient], trouble: httpx.RequestError
) -> None:
    """An httpx error carries the request and its header, so nothing is raised from or during it."""

    def answer(request: httpx.Request) -> httpx.Response:
        raise trouble

    with pytest.raises(WisproError) as raised:
        scripted(answer).invoices_by_national_id(NATIONAL_ID)
    for error in chain(raised.value):
        assert isinstance(error, WisproError)
        assert not hasattr(error, "request")
        assert "0c6f9a52" not in str(error)
        assert NATIONAL_ID not in str(error)


def test_without_quiet_logs_the_query_would_leak(
    wispro: WisproClient, loud_logs: pytest.LogCaptureFixture
) -> None:
    """The need for `quiet_http_logs` is real: httpx logs the query, though never the token."""
    for name in ("httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.DEBUG)
    wispro.invoices_by_national_id(NATIONAL_ID)
    assert NATIONAL_ID in loud_logs.text
    assert "secret-token" not in loud_logs.text
    loud_logs.clear()
    quiet_http_logs()
    wispro.invoices_by_national_id(NATIONAL_ID)
    assert NATIONAL_ID not in loud_logs.text


def test_the_stand_in_holds_what_must_not_leak(sandbox: SandboxServer) -> None:
    """The leak tests look for secrets that are really there."""
    state = sandbox.state
    written = repr(state.clients[0].wire()) + repr(state.contracts[0].wire())
    assert all(secret in written for secret in FIXTURE_SECRETS)
