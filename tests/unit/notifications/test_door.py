"""The door to people: one call each, outcomes told apart, nothing secret left behind."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from apprise import NotifyType
from apprise import apprise as engine
from apprise.manager_plugins import NotificationManager

from billing.letter import Envelope, Fate, Outcome
from billing.values import AlertKind, Medium
from notifications import channels
from notifications.door import AppriseDoor, pdf_name, reset_after_fork, warm
from notifications.outcomes import judge
from tests.unit.notifications.letters import LINK, PDF, maximal, seed
from tests.unit.notifications.servers import Provider, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

    from billing.ports import MessengerPort

#: However busy the machine is, only a provider that says nothing is late.
DOOR = AppriseDoor(connect_timeout=20, read_timeout=20, send_timeout=60)
ROOT = Path(__file__).resolve().parents[3]
TOKEN = "123456789:SECRETtoken"
TOPIC = "secretTopic42"


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> Iterator[Provider]:
    """A provider on loopback that stands for Telegram, ntfy and any webhook."""
    warm()
    server = Provider()
    telegram = NotificationManager()["tgram"]
    monkeypatch.setattr(telegram, "notify_url", f"http://127.0.0.1:{server.port}/bot")
    yield server
    server.close()


def send(
    provider: Provider | int,
    scheme: str,
    *,
    door: AppriseDoor = DOOR,
    files: bool = True,
    kind: str = "due_soon",
    **more: Any,
) -> Outcome:
    """Send the seed's reminder over one kind of channel."""
    port = provider if isinstance(provider, int) else provider.port
    transport, destination, medium = {
        "telegram": (f"tgram://{TOKEN}", "-100123456", Medium.CHAT),
        "ntfy": (f"ntfy://tk_SECRET@127.0.0.1:{port}", TOPIC, Medium.PUSH),
        "json": (None, f"json://127.0.0.1:{port}/SECRET?redirect=yes&retry=4", Medium.CHAT),
    }[scheme]
    letter = seed(kind, **more)
    attachments = door.attachments(letter, scheme=scheme, locale="es_AR", pdf=PDF) if files else ()
    outcome = door.send(
        door.render(letter, medium=medium, locale="es_AR"),
        Envelope(
            scheme=scheme,
            transport=transport,
            destination=destination,
            message_id="0c9e7c2e",
            sender_name="Interatos ñ\r\nX: y",
            click_url=letter.pay_url,
        ),
        attachments,
    )
    for secret in ("SECRET", TOPIC, "100123456", "127.0.0.1", "tk_", "Ana"):
        assert secret not in outcome.detail
    return outcome


def test_the_door_is_what_the_use_cases_ask_for() -> None:
    """The adapter fits the port, method by method."""
    port: MessengerPort = DOOR

    assert port.takes_pdf("email")
    assert not port.takes_pdf("twilio")


def test_telegram_gets_the_text_with_the_code_and_then_the_invoice(provider: Provider) -> None:
    """The text is the caption of the QR, so that it cannot arrive without its message."""
    outcome = send(provider, "telegram", first_name="A<b>&")

    assert outcome.fate is Fate.DELIVERED
    photo, document = provider.requests
    assert photo[0] == f"/bot{TOKEN}/sendPhoto"
    assert document[0] == f"/bot{TOKEN}/sendDocument"
    caption = photo[2].decode("utf-8", "replace")
    assert "Hola, A&lt;b&gt;&amp;:" in caption
    assert "<b>Total a pagar:</b> $" in caption
    assert "\u2060" in caption  # the empty lines
    assert "<br" not in caption
    assert PDF in document[2]
    assert b"Factura_A-0001-793_2021-10.pdf" in document[2]


def test_a_pause_is_heard_however_logging_was_set_up(provider: Provider) -> None:
    """How long a bot is to wait is only in a text at debug level; a level set later hides none."""
    logging.getLogger("apprise").setLevel(logging.WARNING)
    provider.answers = [(429, {"parameters": {"retry_after": 35}})]

    outcome = send(provider, "telegram", files=False)

    assert (outcome.fate, outcome.retry_after) == (Fate.HELD_UP, 35)


def test_telegram_gets_the_text_alone(provider: Provider) -> None:
    """Without files it is one message of HTML to exactly this chat."""
    send(provider, "telegram", files=False)

    ((path, _, body),) = provider.requests
    sent = json.loads(body)
    assert path.endswith("/sendMessage")
    assert sent["chat_id"] == -100123456
    assert sent["parse_mode"] == "HTML"
    assert LINK in sent["text"]


@pytest.mark.parametrize("kind", list(AlertKind))
def test_the_longest_chat_fits_the_caption(provider: Provider, kind: AlertKind) -> None:
    """Even at its longest a message is one request per file."""
    letter = maximal(kind)
    message = DOOR.render(letter, medium=Medium.CHAT, locale="es_AR")
    files = DOOR.attachments(letter, scheme="telegram", locale="es_AR", pdf=PDF)
    to = Envelope(
        scheme="telegram",
        transport=f"tgram://{TOKEN}",
        destination="1",
        message_id="x",
        sender_name="Interatos",
    )

    assert DOOR.send(message, to, files).fate is Fate.DELIVERED
    assert len(provider.requests) == len(files)


def test_ntfy_gets_one_notification_that_opens_the_pay_page(provider: Provider) -> None:
    """Every attachment would be a notification of its own: the PDF alone goes, with the text."""
    outcome = send(provider, "ntfy")

    ((path, headers, body),) = provider.requests
    assert outcome.fate is Fate.DELIVERED
    assert path.startswith(f"/{TOPIC}?")
    assert "Factura_A-0001-793_2021-10.pdf" in path
    assert headers["X-Click"] == LINK
    assert headers["Authorization"] == "Bearer tk_SECRET"
    assert headers["User-Agent"] == "Interatos n X: y"
    assert "X-Icon" not in headers
    assert body == PDF


def test_ntfy_without_an_invoice_shows_the_code(provider: Provider) -> None:
    """With no PDF the QR code takes the one place."""
    letter = seed("due_soon")

    (only,) = DOOR.attachments(letter, scheme="ntfy", locale="es_AR", pdf=None)

    assert only.media_type == "image/png"
    assert only.content_id is None


def test_a_webhook_is_called_once_and_not_redirected(provider: Provider) -> None:
    """Options in a customer's URL neither repeat a send nor lead it elsewhere."""
    provider.answers = [(302, {})]
    moved = send(provider, "json", files=False)
    provider.answers = [(500, {})]
    broken = send(provider, "json", files=False)

    assert "302" in moved.detail
    assert (moved.fate, broken.fate) == (Fate.FAILED, Fate.FAILED)
    assert [path for path, _, _ in provider.requests] == ["/SECRET", "/SECRET"]


ANSWERS: list[tuple[str, int, dict[str, Any], Fate, float | None]] = [
    (
        "telegram",
        429,
        {
            "description": "Too Many Requests: retry after 35",
            "parameters": {"retry_after": 35},
        },
        Fate.HELD_UP,
        35,
    ),
    (
        "telegram",
        403,
        {"description": "Forbidden: bot was blocked by the user"},
        Fate.REJECTED,
        None,
    ),
    ("telegram", 400, {"description": "Bad Request: chat not found"}, Fate.REJECTED, None),
    ("telegram", 400, {"description": "Bad Request: can't parse entities"}, Fate.FAILED, None),
    ("telegram", 401, {"description": "Unauthorized"}, Fate.HELD_UP, None),
    ("telegram", 404, {"description": "Not Found"}, Fate.HELD_UP, None),
    ("telegram", 502, {}, Fate.HELD_UP, None),
    ("telegram", 504, {}, Fate.UNCERTAIN, None),
    ("ntfy", 429, {"code": 42901, "error": "limit reached"}, Fate.HELD_UP, None),
    ("ntfy", 401, {"code": 40101, "error": "unauthorized"}, Fate.HELD_UP, None),
    ("ntfy", 403, {"code": 40301, "error": "forbidden"}, Fate.FAILED, None),
    ("ntfy", 500, {"code": 50001}, Fate.FAILED, None),
    ("json", 404, {}, Fate.REJECTED, None),
    ("json", 410, {}, Fate.REJECTED, None),
    ("json", 401, {}, Fate.REJECTED, None),
    ("json", 400, {}, Fate.FAILED, None),
    ("json", 503, {}, Fate.HELD_UP, None),
    ("ntfy", 202, {}, Fate.UNCERTAIN, None),  # taken, in words that Apprise does not know
]


@pytest.mark.parametrize(("scheme", "status", "answer", "fate", "pause"), ANSWERS)
@pytest.mark.parametrize("files", [True, False])
def test_an_answer_is_understood(
    provider: Provider,
    scheme: str,
    status: int,
    answer: dict[str, Any],
    fate: Fate,
    pause: float | None,
    *,
    files: bool,
) -> None:
    """Gone for good, failed for now, or not known: with files and without, and one try only."""
    provider.answers = [(status, answer)]

    outcome = send(provider, scheme, files=files)

    assert (outcome.fate, outcome.retry_after) == (fate, pause), outcome
    assert str(status) in outcome.detail
    assert len(provider.requests) == 1


def test_a_message_whose_invoice_was_refused_is_delivered(provider: Provider) -> None:
    """The text went with the first file: sending it again would repeat it."""
    provider.answers = [(200, {}), (429, {"parameters": {"retry_after": 5}})]

    outcome = send(provider, "telegram")

    assert outcome.fate is Fate.DELIVERED
    assert "attachment did not" in outcome.detail


@pytest.mark.parametrize("scheme", ["telegram", "ntfy", "json"])
def test_no_answer_is_uncertain(provider: Provider, scheme: str) -> None:
    """The request went out: whether it did its work nobody can tell."""
    provider.answers = [(-1, {})]
    door = AppriseDoor(connect_timeout=20, read_timeout=0.5, send_timeout=60)
    late = send(provider, scheme, door=door)
    provider.answers = [(0, {})]
    cut = send(provider, scheme)

    assert (late.fate, cut.fate) == (Fate.UNCERTAIN, Fate.UNCERTAIN)
    assert len(provider.requests) == 2


def test_no_connection_is_a_failure() -> None:
    """What never left was not delivered; where the ISP's own account gets nowhere, nothing does."""
    for scheme, fate in (("ntfy", Fate.HELD_UP), ("json", Fate.FAILED)):
        outcome = send(free_port(), scheme)
        assert outcome.fate is fate
        assert "no connection" in outcome.detail


def test_the_total_time_ends_in_uncertainty(provider: Provider) -> None:
    """A send that exceeds its time may still arrive."""
    provider.answers = [(-1, {})]
    door = AppriseDoor(connect_timeout=20, read_timeout=20, send_timeout=0.4)

    outcome = send(provider, "ntfy", door=door)

    assert outcome.fate is Fate.UNCERTAIN
    assert "within 0.4 s" in outcome.detail


def test_what_a_plugin_logs_reaches_no_handler(
    provider: Provider, caplog: pytest.LogCaptureFixture
) -> None:
    """Topics, chat ids, tokens and payloads of Apprise and urllib3 stay out of every log."""
    caplog.set_level(logging.NOTSET)
    provider.answers = [(500, {"error": TOPIC})]

    for scheme in ("telegram", "ntfy", "json"):
        send(provider, scheme)
        send(provider, scheme, files=False)

    assert not [record for record in caplog.records if record.name == "apprise"]
    for secret in ("SECRET", TOPIC, "100123456"):
        assert secret not in caplog.text


def test_sends_at_the_same_time_do_not_mix(provider: Provider) -> None:
    """Two threads that send at once each hear their own provider."""
    results: dict[str, Outcome] = {}
    provider.answers = [(503, {})]

    def run(scheme: str) -> None:
        results[scheme] = send(provider, scheme, files=False)

    threads = [threading.Thread(target=run, args=(name,)) for name in ("telegram", "ntfy", "json")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert {name: outcome.detail for name, outcome in results.items()} == {
        name: f"{name}: answered 503, the provider is not at work"
        for name in ("telegram", "ntfy", "json")
    }


def test_apprise_keeps_nothing_of_ours_on_disk() -> None:
    """No storage, no keys, no pictures and no redirects of Apprise's own."""
    asset = channels.asset_for("Interatos")

    assert asset.storage_mode == "memory"
    assert asset.http_redirects is False
    assert asset.pgp_autogen is False
    assert not asset.image_url(NotifyType.INFO)
    assert not asset.image_url_logo


def test_options_that_read_files_are_dropped() -> None:
    """A URL cannot make the worker read a key or a template from its disk."""
    parts = channels.parse(
        "mailto://u:p@smtp.example.org/a@b.co?from=a@b.co&pgp=sign&pgpprv=/etc/shadow&wkd=yes"
        "&verify=no&template=/etc/passwd&rto=1&cto=1&retry=3",
        trusted=False,
    )

    assert "/etc" not in str({key: value for key, value in parts.items() if key != "url"})
    assert parts["verify"] is True
    service = channels.instantiate(parts, asset=channels.asset_for("x"), connect=3, read=4)
    assert service.pgp_mode == "no"
    assert (service.socket_connect_timeout, service.socket_read_timeout) == (3, 4)
    assert len(service) == 1


def test_a_topic_is_never_sent_to_the_public_server() -> None:
    """Apprise takes a bare host for a topic of ntfy.sh; ours stays on its host."""
    parts = channels.addressed("ntfy", "ntfy://127.0.0.1:8080", TOPIC)
    service = channels.instantiate(parts, asset=channels.asset_for("x"), connect=1, read=1)

    assert service.mode == "private"
    assert service.topics == [TOPIC]
    assert (service.host, service.port) == ("127.0.0.1", 8080)
    assert channels.addressed("ntfy", "ntfy://ntfy.sh", TOPIC)["secure"] is True


@pytest.mark.parametrize(
    ("number", "name"),
    [
        ("A-0001-793", "Factura_A-0001-793_2021-10.pdf"),
        ("A 0001/793", "Factura_A-0001-793_2021-10.pdf"),
        ("../../etc/passwd", "Factura_etc-passwd_2021-10.pdf"),
        ("Ñ\r\n5", "Factura_5_2021-10.pdf"),
        (None, "Factura_2021-10.pdf"),
        ("null", "Factura_2021-10.pdf"),
    ],
)
def test_a_pdf_is_named_after_its_invoice(number: str | None, name: str) -> None:
    """Plain ASCII, no path, the month where there is no number."""
    assert pdf_name(seed("issued", invoice_number=number), "es_AR") == name


def test_attachments_fit_the_letter() -> None:
    """Nothing to pay, no code; no PDF, none attached; the e-mail's code goes inline."""
    paid = DOOR.attachments(seed("paid"), scheme="email", locale="es_AR", pdf=PDF)
    covered = DOOR.attachments(
        seed("issued", covered_by_credit=True), scheme="email", locale="es_AR", pdf=None
    )
    due = DOOR.attachments(seed("due_soon"), scheme="email", locale="es_AR", pdf=PDF)

    assert [file.media_type for file in paid] == ["application/pdf"]
    assert covered == ()
    assert [file.content_id is None for file in due] == [False, True]
    assert DOOR.attachments(seed("due_soon"), scheme="twilio", locale="es_AR", pdf=PDF) == ()


def test_the_reason_of_a_broken_line_decides() -> None:
    """A connection that was never made failed; one that broke later is uncertain."""
    never = "Socket Exception: HTTPSConnectionPool(...): (Caused by NewConnectionError(...))"
    later = "Socket Exception: HTTPSConnectionPool(...): Read timed out. (read timeout=30)"

    assert judge([never], scheme="json", shared=False).fate is Fate.FAILED
    assert judge([later], scheme="json", shared=False).fate is Fate.UNCERTAIN
    assert judge([], scheme="json", shared=False).fate is Fate.UNCERTAIN
    assert judge(["error=302."], scheme="json", shared=False).fate is Fate.FAILED


def test_an_absurd_pause_is_bounded() -> None:
    """A provider cannot stop a bot for longer than a day."""
    outcome = judge(["x, error=429.", "retry after 999999"], scheme="telegram", shared=True)

    assert outcome.retry_after == 24 * 3600


FORK = """
import os, sys
sys.path.insert(0, {root!r})
from tests.unit.notifications.servers import Provider
from tests.unit.notifications.test_door import send
from notifications.door import AppriseDoor, reset_after_fork
from billing.letter import Fate
provider = Provider()
assert send(provider, "ntfy").fate is Fate.DELIVERED
door = AppriseDoor(connect_timeout=20, read_timeout=20, send_timeout={patience})
child = os.fork()
if child == 0:
    if {reset}:
        reset_after_fork()
    os._exit(0 if send(provider, "ntfy", door=door).fate is Fate.DELIVERED else 7)
code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
provider.close()
sys.exit(code)
"""


@pytest.mark.parametrize(("reset", "code"), [(True, 0), (False, 7)])
def test_a_forked_child_can_send_once_it_has_reset(*, reset: bool, code: int) -> None:
    """The parent's thread pool has no threads in the child; without the reset nothing goes out."""
    script = FORK.format(root=str(ROOT), reset=reset, patience=60 if reset else 1.5)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script],
        check=False,
        capture_output=True,
        timeout=90,
    )

    assert done.returncode == code, done.stderr.decode()


def test_the_reset_leaves_fresh_pools() -> None:
    """What we reset is still called that; a new Apprise that renames it fails here."""
    for name in (
        "_shared_executor",
        "_coordinator_executor",
        "_shared_executor_lock",
        "_coordinator_executor_lock",
        "_abandoned_futures_lock",
        "_abandoned_futures",
    ):
        assert hasattr(engine, name)

    reset_after_fork()

    assert engine._shared_executor is None
    assert engine._coordinator_executor is None
