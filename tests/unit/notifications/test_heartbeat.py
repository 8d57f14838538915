"""Which addresses may be called while all is well, and what a call comes to."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from billing.ports import DestinationError
from notifications.beacons import FORMS, LONGEST, check_url, failure_of, label_of
from notifications.heartbeat import HeartbeatDoor
from tests.support.watcher import UUID, Watcher
from tests.unit.notifications.servers import free_port


@pytest.fixture
def watcher() -> Iterator[Watcher]:
    """Run somebody who expects to be called."""
    with Watcher() as running:
        yield running


@pytest.fixture
def door() -> Iterator[HeartbeatDoor]:
    """Open a door that loses its patience soon."""
    with httpx.Client() as client:
        yield HeartbeatDoor(client, timeout=0.5)


@pytest.mark.parametrize(
    "url",
    [
        "https://hc-ping.com/5f0c1d2e",
        "https://user:pass@uptime.isp.example/api/push/x?status=up&msg=OK",
        "https://10.0.0.5/x",
        "http://10.0.0.5:3001/api/push/x",
        "http://[fd00::1]/x",
        "http://kuma:3001/x",
        "http://kuma.lan/x",
        "http://localhost/x",
        " https://hc-ping.com/x ",
    ],
)
def test_an_address_is_called_in_secret_or_inside(url: str) -> None:
    """Over TLS anywhere, in clear only where the public internet does not come by."""
    assert check_url(url) == url.strip()


@pytest.mark.parametrize(
    "url",
    [
        "http://hc-ping.com/secret-1",
        "http://8.8.8.8/secret-1",
        "http://[2606:4700::1111]/secret-1",
        "ftp://hc-ping.com/secret-1",
        "hc-ping.com/secret-1",
        "https:///secret-1",
        "https://hc-ping.com:99999/secret-1",
        "https://hc-ping.com/secret-1#top",
        "https://hc-ping.com/secret-1\r\nHost: x",
        "https://hc-ping.com/secret 1",
        "https://ñandú.example/secret-1",
        "https://hc-ping.com/" + "secret-1" * 100,
        "",
    ],
)
def test_an_unusable_address_is_refused_and_not_repeated(url: str) -> None:
    """What was typed may be a secret of somebody else."""
    with pytest.raises(DestinationError) as caught:
        check_url(url)
    assert str(caught.value) == FORMS
    assert len(url) < LONGEST * 2


def test_the_longest_address_is_one_character_short_of_too_long() -> None:
    """A column and a line of a log hold it."""
    base = "https://hc-ping.com/"
    assert check_url(base + "x" * (LONGEST - len(base)))
    with pytest.raises(DestinationError):
        check_url(base + "x" * (LONGEST - len(base) + 1))


def test_of_an_address_its_host_is_shown() -> None:
    """Neither its path nor a password before the host."""
    assert label_of("https://u:p@hc-ping.com:8443/uuid?x=1") == "hc-ping.com/…"


@pytest.mark.parametrize(
    ("url", "failure"),
    [
        ("https://hc-ping.com/uuid", "https://hc-ping.com/uuid/fail"),
        ("https://hc-ping.com/uuid/", "https://hc-ping.com/uuid/fail"),
        ("https://hc-ping.com/uuid?create=1", "https://hc-ping.com/uuid/fail?create=1"),
    ],
)
def test_a_failure_is_told_below_the_address(url: str, failure: str) -> None:
    """As Healthchecks.io wants it (https://healthchecks.io/docs/signaling_failures/)."""
    assert failure_of(url) == failure


def test_a_call_is_one_get(watcher: Watcher, door: HeartbeatDoor) -> None:
    """Success at the address itself, failure below it; nothing follows a redirect."""
    assert door.ping(watcher.url) is None
    assert door.ping(watcher.url, failed=True) is None
    assert watcher.calls == [f"/{UUID}", f"/{UUID}/fail"]


@pytest.mark.parametrize(
    ("status", "words", "answered"),
    [
        (404, "answers 404", True),
        (500, "answers 500", True),
        (301, "leads elsewhere (301)", True),
        (0, "gives no answer (RemoteProtocolError)", False),
    ],
)
def test_what_goes_wrong_is_said_without_the_address(
    watcher: Watcher, door: HeartbeatDoor, status: int, words: str, *, answered: bool
) -> None:
    """Whoever reads the log learns what to mend, and no secret."""
    watcher.status = status
    trouble = door.ping(watcher.url)
    assert trouble is not None
    assert trouble.words.startswith(words)
    assert trouble.answered is answered
    assert UUID not in trouble.words
    assert len(watcher.calls) == 1


def test_nobody_there_and_nobody_who_answers(watcher: Watcher, door: HeartbeatDoor) -> None:
    """A closed port and a silent one are two troubles, and neither takes longer than a moment."""
    import threading

    trouble = door.ping(f"http://127.0.0.1:{free_port()}/x")
    assert trouble is not None
    assert (trouble.words, trouble.answered) == ("cannot be reached", False)
    watcher.hold = threading.Barrier(2)
    trouble = door.ping(watcher.url)
    assert trouble is not None
    assert (trouble.words, trouble.answered) == ("does not answer in time", False)
    watcher.hold.wait(10)
