"""Connections that are kept: what is reused, what is closed, and what a broken one means."""

from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from billing.letter import Envelope, Fate, Message, Outcome
from billing.values import Medium
from notifications import channels
from notifications.dialogue import Dialogue, Parcel
from notifications.door import AppriseDoor
from notifications.email import AlertEmail
from notifications.mime_wire import Wire
from notifications.smtp import Account, Lines, NoLineError, Security, TimeLimit
from tests.unit.notifications.servers import RESET, ScriptedSmtp

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MESSAGE = Message(medium=Medium.EMAIL, locale="es_AR", subject="Tu factura", text="Hola")
HELLO, ONE, BYE = ["EHLO"], ["MAIL", "RCPT", "DATA", "dot"], ["QUIT"]


@pytest.fixture
def serve() -> Iterator[Callable[..., ScriptedSmtp]]:
    """Start servers that are closed at the end."""
    begun: list[ScriptedSmtp] = []

    def start(*scripts: dict[str, Any], **more: Any) -> ScriptedSmtp:
        begun.append(ScriptedSmtp(*scripts, **more))
        return begun[-1]

    yield start
    for server in begun:
        server.close()


class Office:
    """A door with its own connections."""

    def __init__(self, *, read: float = 2.0, total: float = 10.0, **limits: Any) -> None:
        self.lines = Lines(**limits)
        self.door = AppriseDoor(
            connect_timeout=2, read_timeout=read, send_timeout=total, lines=self.lines
        )

    def send(self, transport: str | None, to: str = "ana@example.org", **more: Any) -> Outcome:
        """Send a short message."""
        envelope = Envelope(
            scheme="email" if transport else "mailto",
            transport=transport,
            destination=to,
            message_id="0c9e7c2e-5d31-4b6e-9a55-444455556666",
            sender_name="Interatos sas",
            **more,
        )
        return self.door.send(MESSAGE, envelope, ())


def account(server: ScriptedSmtp, **more: Any) -> Account:
    """Return a sending account on a server."""
    values: dict[str, Any] = {
        "host": "127.0.0.1",
        "port": server.port,
        "security": Security.PLAIN,
        "verify": True,
        "own_name": "isp.example",
    }
    return Account(**(values | more))


def limit(total: float = 5.0) -> TimeLimit:
    """Return the time of one send."""
    return TimeLimit(connect=2, read=2, total=total)


def test_one_connection_carries_many_messages(serve: Callable[..., ScriptedSmtp]) -> None:
    """The second message needs no greeting, and the end is said politely."""
    server, office = serve(), Office()

    fates = [office.send(server.url, f"c{place}@example.org").fate for place in range(3)]
    office.door.close()

    assert fates == [Fate.DELIVERED] * 3
    assert server.dialogues == [HELLO + 3 * ONE + BYE]


def test_a_customers_own_account_is_not_kept(serve: Callable[..., ScriptedSmtp]) -> None:
    """Over a whole URL goes one message to one customer, so the connection ends with it."""
    server, office = serve(), Office()
    url = f"mailto://127.0.0.1:{server.port}/ana@example.org?from=ana@example.org"

    assert office.send(None, url).fate is Fate.DELIVERED

    server.wait_until(lambda: server.dialogues == [HELLO + ONE + BYE])


def test_a_connection_is_closed_after_a_number_of_messages(
    serve: Callable[..., ScriptedSmtp],
) -> None:
    """Providers close a line after so many; we do first."""
    server, office = serve(), Office(messages=2)

    for place in range(3):
        assert office.send(server.url, f"c{place}@example.org").fate is Fate.DELIVERED

    assert server.dialogues == [HELLO + 2 * ONE + BYE, HELLO + ONE]


def test_an_idle_connection_is_closed_and_nobody_has_to_ask(
    serve: Callable[..., ScriptedSmtp],
) -> None:
    """When the last alert of the evening is out, the line does not stay open until morning."""
    server, office = serve(), Office(idle=0.05)

    office.send(server.url)

    server.wait_until(lambda: server.dialogues == [HELLO + ONE + BYE])


def test_an_aged_connection_is_not_used_again(serve: Callable[..., ScriptedSmtp]) -> None:
    """What was idle for too long is closed instead of tried, janitor or not."""
    server, lines = serve(), Lines(idle=0.0)
    lines._janitor = threading.current_thread()  # a janitor that is late

    for _ in range(2):
        with lines.lend(account(server), limit()):
            pass

    lines.close()
    assert server.dialogues == [HELLO + BYE, HELLO + BYE]


def test_different_accounts_never_share_a_connection(serve: Callable[..., ScriptedSmtp]) -> None:
    """Another user, another password or another way to encrypt is another line."""
    server, lines = serve(auth="235 welcome"), Lines()
    accounts = [
        account(server),
        account(server, user="a", password="1"),
        account(server, user="a", password="2"),
        account(server, user="b", password="2"),
        account(server, own_name="other.example"),
        account(server, verify=False),
    ]
    for _ in range(2):
        for one in accounts:
            with lines.lend(one, limit()) as line:
                assert line.account == one
    lines.close()

    assert len(server.dialogues) == len(accounts)
    assert [verbs.count("AUTH") for verbs in server.dialogues] == [0, 1, 1, 1, 0, 0]
    assert "1" not in repr(accounts[1]).replace("127.0.0.1", "").replace(str(server.port), "")


def test_one_connection_is_used_by_one_thread_at_a_time(
    serve: Callable[..., ScriptedSmtp],
) -> None:
    """Many threads share few lines: none is lent twice, and there are never more than allowed."""
    server, lines = serve(), Lines(most=3)
    in_use: set[int] = set()
    most, errors = 0, []
    lock = threading.Lock()

    def work() -> None:
        nonlocal most
        for _ in range(10):
            try:
                with lines.lend(account(server), limit(30)) as line:
                    with lock:
                        assert id(line) not in in_use
                        in_use.add(id(line))
                        most = max(most, len(in_use))
                    line.pace(2)
                    assert line.server.noop()[0] == 250
                    with lock:
                        in_use.remove(id(line))
            except Exception as error:  # noqa: BLE001 - it belongs to the main thread
                errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lines.close()

    assert not errors
    assert most <= 3
    assert len(server.dialogues) <= 3
    assert server.got.count("NOOP") == 80


def test_nobody_waits_for_a_connection_for_ever(serve: Callable[..., ScriptedSmtp]) -> None:
    """Where all lines are in use, a send fails within its time and can be tried again."""
    server = serve()
    lines = Lines(most=1)
    with (
        lines.lend(account(server), limit()),
        pytest.raises(NoLineError),
        lines.lend(account(server), limit(0.05)),
    ):
        pass
    with lines.lend(account(server), limit()):  # it came back
        pass


def test_a_failed_connect_gives_its_place_back(serve: Callable[..., ScriptedSmtp]) -> None:
    """A server that refuses to talk does not use up the connections that are allowed."""
    server, lines = serve({"connect": "554 no"}, {"connect": "554 no"}, {}), Lines(most=1)
    for _ in range(2):
        with pytest.raises(OSError, match="554"), lines.lend(account(server), limit()):
            pass
    with lines.lend(account(server), limit()):
        pass


@pytest.mark.parametrize("ends", ["hang up", "421 4.4.2 idle for too long", "250 OK again"])
def test_an_idle_connection_that_the_server_closed_costs_nothing(
    ends: str, serve: Callable[..., ScriptedSmtp]
) -> None:
    """The next message goes over a new line, and nothing was said on the old one.

    What the server says unasked would be taken for the answer to the next command.
    """
    server, office = serve(), Office()
    assert office.send(server.url).fate is Fate.DELIVERED
    if ends == "hang up":
        server.hang_up()
    else:
        server._links[0].sendall(ends.encode() + b"\r\n")
    (idle,) = (line for lines in office.lines._idle.values() for line in lines)
    while idle.is_quiet():  # until the news is here
        time.sleep(0.01)

    assert office.send(server.url).fate is Fate.DELIVERED

    assert server.dialogues == [HELLO + ONE, HELLO + ONE]


@pytest.mark.parametrize("pipelining", [(), ("PIPELINING",)])
@pytest.mark.parametrize("ends", [None, RESET, "421 4.7.0 too many messages here", 1.0])
def test_a_connection_that_ends_at_mail_is_replaced(
    ends: Any, pipelining: tuple[str, ...], serve: Callable[..., ScriptedSmtp]
) -> None:
    """Dead without our knowing, or closed after so many messages: nothing was taken, go again."""
    first = {"MAIL": ["250 OK", "250 OK", ends]}
    server, office = serve(first, {}, features=pipelining), Office(read=0.5)

    fates = [office.send(server.url, f"c{place}@example.org").fate for place in range(4)]

    assert fates == [Fate.DELIVERED] * 4
    assert len(server.dialogues) == 2
    assert server.dialogues[1] == HELLO + 2 * ONE
    assert len(server.bodies) == 4


def test_where_one_idle_connection_is_dead_the_others_are_not_tried(
    serve: Callable[..., ScriptedSmtp],
) -> None:
    """A server that was restarted costs one look, and not one for each line that it forgot."""
    ends = {"MAIL": ["421 restarted"]}
    server, office = serve(ends, ends, {}), Office()
    with (
        office.lines.lend(account(server), limit()),
        office.lines.lend(account(server), limit()),
    ):
        pass

    assert office.send(server.url).fate is Fate.DELIVERED

    assert sorted(map(len, server.dialogues)) == [1, 2, 5]


@pytest.mark.parametrize(
    ("ends", "fate"), [(None, Fate.FAILED), ("421 4.7.0 come back later", Fate.HELD_UP)]
)
def test_a_new_connection_that_ends_at_mail_is_not_replaced(
    ends: Any, fate: Fate, serve: Callable[..., ScriptedSmtp]
) -> None:
    """A server that does not want us hears no more of us now."""
    server, office = serve(MAIL=ends), Office()

    assert office.send(server.url).fate is fate

    assert len(server.dialogues) == 1


def test_a_replacement_is_tried_once(serve: Callable[..., ScriptedSmtp]) -> None:
    """Where the new line ends in the same way, the message waits for its next turn."""
    server = serve({"MAIL": ["250 OK", "421 bye"]}, {"MAIL": "421 bye"})
    office = Office()
    assert office.send(server.url).fate is Fate.DELIVERED

    outcome = office.send(server.url)

    assert (outcome.fate, len(server.dialogues)) == (Fate.HELD_UP, 2)
    assert "421 at MAIL" in outcome.detail


@pytest.mark.parametrize("pipelining", [(), ("PIPELINING", "SIZE 100000")])
@pytest.mark.parametrize(
    ("script", "fate", "said", "connections"),
    [
        ({"connect": ["421 busy"]}, Fate.HELD_UP, "421 before", 2),
        ({"connect": ["550 no"]}, Fate.HELD_UP, "550 before", 2),
        ({"EHLO": "421 busy"}, Fate.HELD_UP, "no connection", 2),
        ({"MAIL": ["451 later", "250 OK"]}, Fate.HELD_UP, "451 at MAIL", 1),
        ({"MAIL": ["550 5.1.1 odd", "250 OK"]}, Fate.FAILED, "550 5.1.1 at MAIL", 1),
        ({"MAIL": ["552 5.3.4 too big", "250 OK"]}, Fate.FAILED, "552 5.3.4 at MAIL", 1),
        ({"RCPT": ["451 greylisted", "250 OK"]}, Fate.FAILED, "451 at RCPT", 1),
        ({"RCPT": ["421 closing"]}, Fate.HELD_UP, "421 at RCPT", 2),
        ({"RCPT": ["550 5.1.1 unknown", "250 OK"]}, Fate.REJECTED, "550 5.1.1 at RCPT", 1),
        ({"RCPT": [None]}, Fate.FAILED, "broke at RCPT", 2),
        ({"RCPT": [RESET]}, Fate.FAILED, "broke at", 2),
        ({"RCPT": [1.0]}, Fate.FAILED, "broke at RCPT", 2),
        ({"DATA": ["451 full", "354 go"]}, Fate.FAILED, "451 at DATA", 1),
        ({"DATA": ["550 no", "354 go"]}, Fate.FAILED, "550 at DATA", 1),
        ({"DATA": ["421 closing"]}, Fate.HELD_UP, "421 at DATA", 2),
        ({"DATA": [RESET]}, Fate.FAILED, "broke at", 2),
        ({"DATA": ["250 what"]}, Fate.FAILED, "250 at DATA", 2),
        ({"dot": ["421 4.3.2 closing"]}, Fate.HELD_UP, "421 4.3.2 at the message", 2),
        ({"dot": ["451 4.3.0 later", "250 OK"]}, Fate.FAILED, "451 4.3.0", 1),
        ({"dot": ["550 5.1.1 unknown", "250 OK"]}, Fate.REJECTED, "550 5.1.1", 1),
        ({"dot": ["554 5.7.1 spam", "250 OK"]}, Fate.FAILED, "554 5.7.1", 1),
        ({"dot": ["251 OK"]}, Fate.DELIVERED, "251", 2),
        ({"dot": ["250 OK\r\n250 once more"]}, Fate.DELIVERED, "250", 2),
        ({"dot": ["354 more"]}, Fate.UNCERTAIN, "no sense", 2),
        ({"dot": ["good"]}, Fate.UNCERTAIN, "no sense", 2),
        ({"dot": [None]}, Fate.UNCERTAIN, "broke after", 2),
        ({"dot": [RESET]}, Fate.UNCERTAIN, "broke after", 2),
        ({"dot": [1.0]}, Fate.UNCERTAIN, "no answer after", 2),
    ],
)
def test_what_happens_to_one_message_stays_its_own(
    script: dict[str, Any],
    fate: Fate,
    said: str,
    connections: int,
    pipelining: tuple[str, ...],
    serve: Callable[..., ScriptedSmtp],
) -> None:
    """The next message arrives: over the same line where both sides are in step, else a new one."""
    server, office = serve(script, {}, features=pipelining), Office(read=0.4)

    outcome = office.send(server.url)
    after = office.send(server.url, "beto@example.org")

    assert (outcome.fate, said in outcome.detail) == (fate, True), outcome
    assert after.fate is Fate.DELIVERED
    assert len(server.dialogues) == connections
    assert len(server.bodies) == 1 + (fate is Fate.DELIVERED and "250" in said)


def test_a_refused_recipient_never_gets_the_text(serve: Callable[..., ScriptedSmtp]) -> None:
    """Commands sent at once may be answered with "go on" although nobody is left to go to."""
    server = serve(RCPT="550 5.1.1 unknown", DATA="354 go on", features=("PIPELINING",))
    office = Office()

    assert office.send(server.url).fate is Fate.REJECTED
    office.door.close()
    server.close()

    assert server.dialogues == [[*HELLO, "MAIL", "RCPT", "DATA"]]
    assert server.text_lines == 0  # not even a command that it would take for text


def test_a_message_that_is_too_large_is_refused_before_it_is_sent(
    serve: Callable[..., ScriptedSmtp],
) -> None:
    """The server hears the size first, where it announced that it wants to (RFC 1870)."""
    server, office = serve(features=("SIZE 1000",), MAIL="552 5.3.4 too big"), Office()

    assert "552 5.3.4 at MAIL" in office.send(server.url).detail

    assert "DATA" not in server.got


@pytest.mark.parametrize(
    ("script", "fate"),
    [
        ({"connect": 20.0}, Fate.HELD_UP),
        ({"RCPT": 20.0}, Fate.FAILED),
        ({"DATA": 20.0}, Fate.FAILED),
        ({"dot": 20.0}, Fate.UNCERTAIN),
    ],
)
def test_a_send_ends_in_its_time_and_says_how_far_it_came(
    script: dict[str, Any], fate: Fate, serve: Callable[..., ScriptedSmtp]
) -> None:
    """A stalled server takes no longer than a whole send may, whatever one answer may take."""
    server, office = serve(script), Office(read=20, total=0.3)

    assert office.send(server.url).fate is fate


@pytest.mark.parametrize(
    ("at", "fate", "said"),
    [
        ("DATA", Fate.FAILED, "not handed over within 0.6 s"),
        ("dot", Fate.UNCERTAIN, "no answer within 0.6 s"),
    ],
)
def test_a_server_that_drips_is_given_up(
    at: str, fate: Fate, said: str, serve: Callable[..., ScriptedSmtp]
) -> None:
    """An answer byte by byte never times out; the send ends all the same, and says how far it came.

    The thread that was given up finds its line cut, and hands nothing over behind our back.
    """
    server = serve({at: 20.0})
    office = Office(read=0.4, total=0.6)
    stop = threading.Event()

    def drip() -> None:
        server.wait_until(lambda: at in server.got)
        while not stop.wait(0.05):
            try:
                server._links[0].sendall(b"3")
            except OSError:
                return

    dripping = threading.Thread(target=drip)
    dripping.start()
    outcome = office.send(server.url)
    dripping.join(10)  # it ends by itself, because its line was cut
    cut = not dripping.is_alive()
    stop.set()
    dripping.join()
    assert cut

    assert (outcome.fate, outcome.detail) == (fate, f"email: {said}")
    assert ("dot" in server.got) == (at == "dot")


@pytest.mark.parametrize("given_up_first", [True, False])
def test_either_the_dot_leaves_or_the_send_is_given_up(*, given_up_first: bool) -> None:
    """Both threads agree on which came first, so that a failure is never delivered."""
    service = channels.instantiate(
        channels.addressed("email", "mailto://127.0.0.1:25?from=a@isp.example", "b@isp.example"),
        asset=channels.asset_for("Interatos sas"), connect=1, read=1, kind=AlertEmail,
    )  # fmt: skip
    if given_up_first:
        assert service.give_up("in time").fate is Fate.FAILED
        assert not service._may_finish()
    else:
        assert service._may_finish()
        assert service.give_up("in time").fate is Fate.UNCERTAIN


def test_a_send_that_was_given_up_leaves_the_dot_away(serve: Callable[..., ScriptedSmtp]) -> None:
    """Even if its line still works at that moment: what was called a failure must stay one."""
    server, lines = serve(), Lines()
    parcel = Parcel(
        sender="avisos@isp.example", recipient="ana@example.org", wire=Wire([b"Hola\r\n"])
    )

    with lines.lend(account(server), limit()) as line:
        outcome = Dialogue(line, parcel, limit()).hold(may_finish=lambda: False)

    server.close()
    assert outcome.fate is Fate.FAILED
    assert server.dialogues == [["EHLO", "MAIL", "RCPT", "DATA"]]
    assert not lines._idle


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_begins_without_connections(serve: Callable[..., ScriptedSmtp]) -> None:
    """The parent's line is neither used nor closed by its child."""
    server, lines = serve(), Lines()
    with lines.lend(account(server), limit()):
        pass

    child = os.fork()
    if child == 0:
        os._exit(len(lines._idle) + sum(lines._lent.values()) + (lines._janitor is not None))
    _, status = os.waitpid(child, 0)

    assert os.waitstatus_to_exitcode(status) == 0
    with lines.lend(account(server), limit()) as line:
        line.pace(2)
        assert line.server.noop()[0] == 250
    assert len(server.dialogues) == 1
    lines.close()
