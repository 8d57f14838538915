"""An SMTP server that keeps nothing, fast enough not to be what is measured.

    python -m tests.support.smtp_sink [--delay MS] [--pipelining]

It prints its port, answers until its standard input ends, and prints what it counted. `--delay`
answers each command that much later, as a server some way off does; of commands that came together
each waits only once.
"""

from __future__ import annotations

import argparse
import asyncio
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator

_END = b"\r\n.\r\n"


class Counted(msgspec.Struct):
    """What arrived."""

    connections: int = 0
    messages: int = 0
    bytes: int = 0


class Sink(asyncio.Protocol):
    """One connection."""

    def __init__(self, counted: Counted, delay: float, features: bytes) -> None:
        self._counted, self._delay, self._features = counted, delay, features
        self._waiting = bytearray()
        self._in_text = False
        self._transport: Any = None

    def connection_made(self, transport: Any) -> None:
        """Greet."""
        self._transport = transport
        self._counted.connections += 1
        self._say(b"220 sink\r\n")

    def data_received(self, data: bytes) -> None:
        """Answer every command that is whole; swallow the text of a message."""
        self._waiting += data
        answers = []
        while True:
            # Only the new end can hold the dot: the text before it was looked at.
            sought = _END if self._in_text else b"\r\n"
            start = max(0, len(self._waiting) - len(data) - len(_END)) if self._in_text else 0
            end = self._waiting.find(sought, start)
            if end < 0:
                break
            line = bytes(self._waiting[:end]) if not self._in_text else b""
            self._counted.bytes += end if self._in_text else 0
            del self._waiting[: end + len(sought)]
            answers.append(self._answer(line))
        if answers:
            self._say(b"".join(answers))

    def _answer(self, line: bytes) -> bytes:
        if self._in_text:
            self._in_text = False
            self._counted.messages += 1
            return b"250 swallowed\r\n"
        verb = line[:4].upper()
        if verb == b"DATA":
            self._in_text = True
            return b"354 go on\r\n"
        if verb == b"EHLO":
            return self._features
        return b"221 bye\r\n" if verb == b"QUIT" else b"250 OK\r\n"

    def _say(self, answer: bytes) -> None:
        if self._delay:
            asyncio.get_running_loop().call_later(self._delay, self._transport.write, answer)
        else:
            self._transport.write(answer)


async def _serve(counted: Counted, delay: float, features: bytes) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Sink(counted, delay, features), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)  # noqa: T201
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


def main() -> None:
    """Serve until the standard input ends."""
    options = argparse.ArgumentParser()
    options.add_argument("--delay", type=float, default=0.0, help="milliseconds")
    options.add_argument("--pipelining", action="store_true")
    given = options.parse_args()
    features = b"250-sink\r\n250-PIPELINING\r\n250 8BITMIME\r\n"
    counted = Counted()
    asyncio.run(
        _serve(
            counted,
            given.delay / 1000,
            features if given.pipelining else b"250-sink\r\n250 8BITMIME\r\n",
        )
    )
    print(msgspec.json.encode(counted).decode())  # noqa: T201


class Running:
    """A sink in a process of its own; `counted` is known once it ended."""

    def __init__(self, process: subprocess.Popen[str], port: int) -> None:
        self._process = process
        self.port = port
        self.counted = Counted()

    def end(self) -> Counted:
        """Stop it and return what it counted."""
        out, _ = self._process.communicate("", timeout=30)
        self.counted = msgspec.json.decode(out, type=Counted)
        return self.counted


@contextmanager
def sink(*, delay_ms: float = 0.0, pipelining: bool = True) -> Iterator[Running]:
    """Run a sink in a process of its own."""
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "tests.support.smtp_sink", "--delay", f"{delay_ms}"),
            *(["--pipelining"] if pipelining else []),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    running = Running(process, int(process.stdout.readline()))
    try:
        yield running
    finally:
        if process.poll() is None:
            running.end()


if __name__ == "__main__":
    main()
