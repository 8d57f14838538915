"""Ways into what several hosts share: by TCP at `HUB`, with TLS where a server has none itself."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable
from contextlib import suppress

from tests.chaos.network import HUB
from tests.chaos.serving import Serving

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
#: Requests that a client of PostgreSQL sends before it says who it is (protocol 3.0, message
#: formats SSLRequest and GSSENCRequest): length, then code.
_TLS_PLEASE = (8).to_bytes(4, "big") + (80877103).to_bytes(4, "big")
_GSS_PLEASE = (8).to_bytes(4, "big") + (80877104).to_bytes(4, "big")


class Front(Serving):
    """Listens on a port of `HUB` and hands on; a context manager.

    Args:
        behind: connects to the server.
        tls: what it speaks at once, or, where `postgres` is set, once it is asked to.
        postgres: whether callers ask for TLS as clients of PostgreSQL do.

    Attributes:
        port: of `HUB`.
        last_from: the address of the host that spoke last.
    """

    def __init__(
        self,
        behind: Callable[[], Awaitable[Streams]],
        *,
        tls: ssl.SSLContext | None = None,
        postgres: bool = False,
    ) -> None:
        super().__init__()
        self._behind = behind
        self._tls = tls
        self._postgres = postgres
        self._socket = socket.create_server((HUB, 0), backlog=256)
        # As a server would be set that notices hosts that are gone; what it accepts inherits it.
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 20_000)
        self.port: int = self._socket.getsockname()[1]
        self.last_from = ""

    async def listen(self) -> asyncio.Server:
        """Begin to listen."""
        at_once = None if self._postgres else self._tls
        return await asyncio.start_server(self._take, sock=self._socket, ssl=at_once)

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            if self._postgres and not await self._is_private(reader, writer):
                return  # sslmode=verify-full never comes here
            inner, outer = await self._behind()
            caller = writer.get_extra_info("peername")[0]
            await asyncio.gather(self._pass(reader, outer, caller), self._pass(inner, writer, None))
        writer.close()

    async def _is_private(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        while (asked := await reader.readexactly(8)) == _GSS_PLEASE:
            writer.write(b"N")
        if asked != _TLS_PLEASE or self._tls is None:
            return False
        writer.write(b"S")
        await writer.drain()
        await writer.start_tls(self._tls)
        return True

    async def _pass(
        self, source: asyncio.StreamReader, target: asyncio.StreamWriter, caller: str | None
    ) -> None:
        with suppress(OSError):
            while data := await source.read(65536):
                if caller is not None:
                    self.last_from = caller
                target.write(data)
                await target.drain()
        target.close()


def at_port(port: int) -> Callable[[], Awaitable[Streams]]:
    """Return what connects to a port of this machine."""
    return lambda: asyncio.open_connection("127.0.0.1", port)


def at_socket(path: str) -> Callable[[], Awaitable[Streams]]:
    """Return what connects to a Unix socket of this machine."""
    return lambda: asyncio.open_unix_connection(path)
