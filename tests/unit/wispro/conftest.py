"""A stand-in Wispro for the stories, a scripted one for the hard cases; nobody really waits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest

from wispro.client import WisproClient
from wispro.limits import Limits
from wispro.sandbox import seed
from wispro.sandbox.ledger import Switches, argentine_now
from wispro.sandbox.server import SandboxServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TOKEN = "0c6f9a52-secret-token-4b1e"


@pytest.fixture(scope="session")
def server() -> Iterator[SandboxServer]:
    """Serve one stand-in for all tests."""
    with SandboxServer(token=TOKEN) as running:
        yield running


@pytest.fixture(scope="session")
def http() -> Iterator[httpx.Client]:
    """Share one HTTP client, as a worker process does."""
    with httpx.Client(trust_env=False) as client:
        yield client


@pytest.fixture
def sandbox(server: SandboxServer) -> SandboxServer:
    """Start each test with the customer of the seed document and no faults."""
    server.faults.clear()
    server.state.clear()
    server.state.switches = Switches()
    server.state.clock = argentine_now
    seed.interatos(server.state)
    return server


@pytest.fixture
def naps() -> list[float]:
    """Collect the pauses that were asked for instead of sleeping them."""
    return []


@pytest.fixture
def make_wispro(
    sandbox: SandboxServer, http: httpx.Client, naps: list[float]
) -> Callable[[float], WisproClient]:
    """Make clients of the stand-in that wait so many seconds for an answer."""

    def make(patience: float) -> WisproClient:
        return WisproClient(
            http,
            base_url=sandbox.base_url,
            token=TOKEN,
            digest_login=lambda token: f"digest-{len(token)}-{token[-4:]}",
            sleep=naps.append,
            limits=Limits(
                json_timeout=patience,
                json_deadline_seconds=patience,
                pdf_timeout=patience,
                pdf_deadline_seconds=patience,
            ),
        )

    return make


@pytest.fixture
def wispro(make_wispro: Callable[[float], WisproClient]) -> WisproClient:
    """Ask the stand-in, and wait for its answer however busy the machine is."""
    return make_wispro(20)


@pytest.fixture
def impatient(make_wispro: Callable[[float], WisproClient]) -> WisproClient:
    """Ask the stand-in, and give it up soon: for what is about slowness."""
    return make_wispro(0.2)


@pytest.fixture
def scripted(naps: list[float]) -> Iterator[Callable[..., WisproClient]]:
    """Make clients whose answers are a function of the request; time passes by pauses only."""
    opened: list[httpx.Client] = []

    def make(answer: Callable[[httpx.Request], httpx.Response], **given: object) -> WisproClient:
        http = httpx.Client(transport=httpx.MockTransport(answer))
        opened.append(http)
        settings: dict[str, object] = {
            "base_url": "https://www.cloud.wispro.example/api/v1",
            "token": TOKEN,
            "digest_login": lambda token: "digest",
            "sleep": naps.append,
            "clock": lambda: sum(naps),
            "jitter": lambda: 0.0,
        }
        return WisproClient(http, **{**settings, **given})  # type: ignore[arg-type]

    yield make
    for client in opened:
        client.close()
