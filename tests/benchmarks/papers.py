"""A Wispro that knows two answers: what everybody owes, and one invoice as a PDF of 60 kB.

    python -m tests.benchmarks.papers

Prints its port and answers until its standard input ends. What delivering costs is not to be
measured by what the stand-in costs, which makes each answer anew.
"""

from __future__ import annotations

import asyncio
import random
import sys

import msgspec

PDF_BYTES = 60_000
#: It does not compress, as real ones do not.
PDF = b"%PDF-1.4\n" + random.Random(1).randbytes(PDF_BYTES) + b"\n%%EOF\n"  # noqa: S311


def _reply(body: bytes, kind: bytes) -> bytes:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: %b\r\nContent-Length: %d\r\n\r\n"
    return head % (kind, len(body)) + body


_OWES = {
    "status": 200,
    "meta": {"object": "CurrentAccount", "pagination": {}},
    "data": {
        "balance_amount": "-2590.0",
        "credit_amount": "0.0",
        "invoice_balance_amount": "2590.0",
    },
}
_ACCOUNT = _reply(msgspec.json.encode(_OWES), b"application/json")
_INVOICE = _reply(PDF, b"application/pdf")


class Papers(asyncio.Protocol):
    """One connection."""

    def __init__(self) -> None:
        self._waiting = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where to answer."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer every request that is whole."""
        assert self._transport is not None
        self._waiting += data
        while b"\r\n\r\n" in self._waiting:
            head, _, self._waiting = self._waiting.partition(b"\r\n\r\n")
            asked = head.split(b"\r\n", 1)[0]
            self._transport.write(_INVOICE if b"download_pdf" in asked else _ACCOUNT)


async def _serve() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Papers, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


if __name__ == "__main__":
    asyncio.run(_serve())
