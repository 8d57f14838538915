"""A PostgreSQL that takes nobody in: it answers each caller with one error of the protocol."""

from __future__ import annotations

import socket
import struct
import threading
from contextlib import suppress
from typing import Self


class RefusingServer:
    """Listens on a port of 127.0.0.1; a context manager.

    Args:
        code: SQLSTATE, such as 28P01.
        message: for people.
    """

    def __init__(self, code: str, message: str) -> None:
        fields = b"".join(
            kind + text.encode() + b"\0"
            for kind, text in ((b"S", "FATAL"), (b"V", "FATAL"), (b"C", code), (b"M", message))
        )
        self._answer = b"E" + struct.pack("!I", len(fields) + 5) + fields + b"\0"
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join()

    def _serve(self) -> None:
        while True:
            try:
                caller, _ = self._socket.accept()
            except OSError:
                return
            with caller, suppress(OSError, struct.error):
                while True:
                    (length,) = struct.unpack("!I", caller.recv(4, socket.MSG_WAITALL))
                    (kind,) = struct.unpack("!I", caller.recv(length - 4, socket.MSG_WAITALL)[:4])
                    if kind not in {80877103, 80877104}:  # SSLRequest, GSSENCRequest
                        break
                    caller.sendall(b"N")
                caller.sendall(self._answer)
