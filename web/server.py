"""Serves the pages on one address, for a proxy with TLS before it."""

from __future__ import annotations

import socket

import uvicorn
from starlette.applications import Starlette

from web.errors import ListenError

#: Connections at a time; who comes beyond them is told to come back (503).
_MOST_AT_ONCE = 64
#: Seconds: for a proxy's idle connection, and for what is under way when we are told to stop.
_KEEP_ALIVE = 5
_FINISH_WITHIN = 10


def serve(app: Starlette, *, host: str, port: int) -> None:
    """This function will serve until SIGTERM or SIGINT.

    Neither requests nor addresses are logged: a link is as good as a password.

    Args:
        app: answers.
        host: an address of this machine, or a name of it.
        port: 0 to 65535; 0 = any that is free.

    Raises:
        ListenError: if the address is not ours or is taken.
    """
    try:
        family, kind, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError as error:
        raise ListenError(
            f"ALERTA_WEB: cannot listen at {host}:{port}: {error.strerror}; "
            "choose another address, or stop what listens there"
        ) from None
    with listener:
        uvicorn.Server(
            uvicorn.Config(
                app,
                access_log=False,
                log_config=None,
                server_header=False,
                proxy_headers=False,
                lifespan="off",
                limit_concurrency=_MOST_AT_ONCE,
                timeout_keep_alive=_KEEP_ALIVE,
                timeout_graceful_shutdown=_FINISH_WITHIN,
            )
        ).run(sockets=[listener])
