"""A mail server that takes everything and notes what it took, at the moment it says so.

It hesitates at every step, differently each time, so that a sender that dies does so at every
stage. What has its closing dot is taken, whether or not the sender still lives, as RFC 5321
(section 4.2.5) asks.
"""

from __future__ import annotations

import asyncio
import random
import re
import socket
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from tests.chaos.serving import Serving

_ID = re.compile(rb"^Message-ID:\s*<([^@>]+)@", re.IGNORECASE | re.MULTILINE)
_TO = re.compile(r"TO:\s*<([^>]*)>", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Taken:
    """One message: for whom, and the left part of its Message-ID."""

    recipient: str
    message_id: str


class Sink(Serving):
    """Listens on a port of 127.0.0.1 that the system chose; a context manager.

    Args:
        rng: draws how long it hesitates.
        hesitate: seconds at most between the closing dot and the answer; a tenth at other steps.
        slow_share: so many messages of one are answered late, …
        slow: … after so many seconds.

    Attributes:
        scheme, limits, settings: as `tests.chaos.owing.Post`.
        taken: what it has said that it took, in order.
        hesitate: as above; may be changed at any time.
        down: whether it turns everybody away at the door; likewise.
        turned_away: how often it did.
    """

    scheme = "email"
    limits: str | None = "none"
    settings: Mapping[str, str] = MappingProxyType({})

    def __init__(
        self,
        rng: random.Random,
        *,
        hesitate: float = 0.1,
        slow_share: float = 0.0,
        slow: float = 0.0,
    ) -> None:
        super().__init__()
        self.taken: list[Taken] = []
        self._rng = rng
        self.hesitate = hesitate
        self.down = False
        self.turned_away = 0
        self._slow_share, self._slow = slow_share, slow
        self._open = 0
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port: int = self._socket.getsockname()[1]

    @property
    def url(self) -> str:
        """The sending account of an ISP that uses this server."""
        return f"mailto://127.0.0.1:{self.port}?from=avisos@interatos.example"

    def address(self, place: int) -> str:
        """Return the mailbox of a customer."""
        return f"c{place}@clientes.example"

    @property
    def busy(self) -> bool:
        """Whether somebody is speaking to it."""
        return self._open > 0

    def copies(self) -> Counter[Taken]:
        """Return how often each message was taken."""
        return Counter(list(self.taken))

    def grows(self, beyond: int, *, seconds: float) -> bool:
        """Wait until more than so many messages came; False = they did not in time."""
        deadline = time.monotonic() + seconds
        while len(self.taken) <= beyond:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.01)
        return True

    async def listen(self) -> asyncio.Server:
        """Begin to listen."""
        return await asyncio.start_server(self._converse, sock=self._socket)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open += 1
        try:
            await self._session(reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # the sender died
        finally:
            self._open -= 1
            writer.close()

    async def _session(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        recipient = ""
        if self.down:
            self.turned_away += 1
            writer.write(b"421 4.3.2 shutting down\r\n")
            await writer.drain()
            return
        await self._say(writer, b"220 sink")
        while line := (await reader.readline()).decode("ascii", "replace").strip():
            match line.split(maxsplit=1)[0].upper():
                case "RCPT":
                    found = _TO.search(line)
                    recipient = found[1] if found else ""
                    await self._say(writer, b"250 ok")
                case "DATA":
                    await self._say(writer, b"354 go on")
                    content = await reader.readuntil(b"\r\n.\r\n")
                    await asyncio.sleep(self._pause())
                    found_id = _ID.search(content)
                    left = found_id[1].decode("ascii") if found_id else ""
                    self.taken.append(Taken(recipient, left))
                    writer.write(b"250 taken\r\n")
                    await writer.drain()
                case "QUIT":
                    writer.write(b"221 bye\r\n")
                    await writer.drain()
                    return
                case _:
                    await self._say(writer, b"250 ok")

    async def _say(self, writer: asyncio.StreamWriter, answer: bytes) -> None:
        await asyncio.sleep(self._rng.uniform(0, self.hesitate / 10))
        writer.write(answer + b"\r\n")
        await writer.drain()

    def _pause(self) -> float:
        if self._rng.random() < self._slow_share:
            return self._slow
        return self._rng.uniform(0, self.hesitate)
