"""Measure how many e-mails one thread sends in a second, and where time goes: `make bench-mail`.

python -m tests.benchmarks.mail [--messages 300] [--delay MS …]

Each message has the invoice (60 kB) and the QR code, to a sink in a process of its own. Compared
with what a plain Apprise loop does: a fresh `Apprise()` for each, `add` the account with its
recipient, `notify` with the same HTML and files.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from apprise import Apprise, NotifyFormat
from apprise.attachment.memory import AttachMemory

from billing.letter import Attachment, Envelope, Fate, Message
from billing.values import Medium
from notifications import channels, qr
from notifications.door import AppriseDoor
from tests.support.smtp_sink import sink
from tests.unit.notifications.letters import seed

PDF_BYTES = 60_000
CASES = ("plain Apprise", "ours, a connection each", "ours")


@dataclass(frozen=True)
class Work:
    """What each way sends."""

    message: Message
    files: Sequence[Attachment]


def prepare() -> Work:
    """Return the seed's reminder with its files; the PDF does not compress, as real ones do not."""
    door = AppriseDoor()
    pdf = b"%PDF-1.4\n" + random.Random(1).randbytes(PDF_BYTES)  # noqa: S311
    letter = seed("due_soon")
    return Work(
        door.render(letter, medium=Medium.EMAIL, locale="es_AR"),
        door.attachments(letter, scheme="email", locale="es_AR", pdf=pdf),
    )


def plainly(work: Work, port: int, number: int) -> None:
    """Send one message as a loop around Apprise does."""
    room = Apprise()
    room.add(f"mailto://127.0.0.1:{port}/c{number}@example.org?from=avisos@isp.example")
    sent = room.notify(
        title=work.message.subject,
        body=work.message.html or "",
        body_format=NotifyFormat.HTML,
        attach=[
            AttachMemory(content=file.content, name=file.name, mimetype=file.media_type)
            for file in work.files
        ],
    )
    assert sent


def ours(door: AppriseDoor, work: Work, port: int, number: int, *, keep: bool) -> None:
    """Send one message through the door; only the ISP's own account keeps its connection."""
    host, sender = f"mailto://127.0.0.1:{port}", "?from=avisos@isp.example"
    to = f"c{number}@example.org"
    envelope = Envelope(
        scheme="email" if keep else "mailto",
        transport=f"{host}{sender}" if keep else None,
        destination=to if keep else f"{host}/{to}{sender}",
        message_id=f"{number}-0c9e7c2e-5d31-4b6e-9a55",
        sender_name="Interatos sas",
        reply_to="soporte@isp.example",
        thread_id="invoice-1",
    )
    outcome = door.send(work.message, envelope, work.files)
    assert outcome.fate is Fate.DELIVERED, outcome


def measure(case: str, work: Work, messages: int, **how: Any) -> dict[str, float]:
    """Return messages per second, milliseconds and CPU milliseconds for each, and connections."""
    door = AppriseDoor()
    with sink(**how) as server:
        one: Callable[[int], None] = {
            CASES[0]: lambda number: plainly(work, server.port, number),
            CASES[1]: lambda number: ours(door, work, server.port, number, keep=False),
            CASES[2]: lambda number: ours(door, work, server.port, number, keep=True),
        }[case]
        one(0)  # what is loaded once
        wall, cpu = time.perf_counter(), time.process_time()
        for number in range(1, messages + 1):
            one(number)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        door.close()
        counted = server.end()
    assert counted.messages == messages + 1
    return {
        "per_second": messages / wall,
        "ms": 1000 * wall / messages,
        "cpu_ms": 1000 * cpu / messages,
        "connections": counted.connections,
    }


def stages(work: Work, turns: int = 200) -> dict[str, float]:
    """Return the CPU milliseconds of what happens before the line."""
    door, letter = AppriseDoor(), seed("due_soon")
    envelope = Envelope(
        scheme="email",
        transport="mailto://127.0.0.1:25?from=avisos@isp.example",
        destination="ana@example.org",
        message_id="1",
        sender_name="Interatos sas",
        thread_id="invoice-1",
    )
    steps: dict[str, Callable[[], Any]] = {
        "render": lambda: door.render(letter, medium=Medium.EMAIL, locale="es_AR"),
        "QR code, first time": lambda: qr.png.__wrapped__(letter.pay_url),
        "QR code, again": lambda: qr.png(letter.pay_url),
        "service and message": lambda: door._service(work.message, envelope, work.files),
    }
    found = {}
    with channels.listening():
        for name, step in steps.items():
            step()
            begun = time.process_time()
            for _ in range(turns):
                step()
            found[name] = 1000 * (time.process_time() - begun) / turns
    return found


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(prog="make bench-mail")
    options.add_argument("--messages", type=int, default=300)
    options.add_argument("--delay", type=float, nargs="*", default=[0.0, 20.0])
    given = options.parse_args()
    work = prepare()
    for name, ms in stages(work).items():
        print(f"{name:32} {ms:8.2f} ms CPU")
    for delay in given.delay:
        for case in CASES:
            messages = given.messages if not delay else max(20, given.messages // 10)
            found = measure(case, work, messages, delay_ms=delay)
            print(
                f"{case:26} answers after {delay:3g} ms {found['per_second']:8.1f}/s "
                f"{found['ms']:8.2f} ms, CPU {found['cpu_ms']:6.2f} ms, "
                f"{found['connections']:4.0f} connections"
            )


if __name__ == "__main__":
    main()
