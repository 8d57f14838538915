"""The embedded Valkey: one per home, kept alive, its data kept, gone with its holder."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from redis import Redis

from tests.support.processes import wait_until
from worker.broker import socket_path
from worker.valkey import EmbeddedValkey


def kept(server: EmbeddedValkey) -> bool:
    """Do what the supervisor does five times a second; return whether the server answers."""
    server.keep()
    return server.answers()


def test_a_second_process_uses_the_one_that_runs_and_takes_over(
    valkey: EmbeddedValkey, home: Path
) -> None:
    """Two holders of one home are one server; when the first goes, the second runs it."""
    second = EmbeddedValkey(home)
    second.start()
    try:
        assert second.pid is None
        assert second.answers()
        valkey.stop()
        assert not second.answers()
        second.keep()
        wait_until(second.answers, seconds=30, what="the second answers")
        assert second.pid is not None
    finally:
        second.stop()


def test_killed_it_is_started_again_with_its_data(valkey: EmbeddedValkey, home: Path) -> None:
    """What was acknowledged a second ago is there again after kill -9."""
    with Redis(unix_socket_path=str(socket_path(home))) as client:
        client.set("kept", "yes")
    assert valkey.pid is not None
    before = valkey.pid
    os.kill(before, signal.SIGKILL)
    wait_until(lambda: not valkey.answers(), seconds=30, what="it is dead")
    wait_until(lambda: kept(valkey), seconds=30, what="it is back")

    assert valkey.pid != before
    with Redis(unix_socket_path=str(socket_path(home))) as client:
        assert client.get("kept") == b"yes"
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}


def test_nobody_else_may_enter(valkey: EmbeddedValkey, home: Path) -> None:
    """The socket and its folder are the operator's alone, and there is no TCP port."""
    del valkey
    path = socket_path(home)
    assert path.stat().st_mode & 0o077 == 0
    assert path.parent.stat().st_mode & 0o077 == 0
    with Redis(unix_socket_path=str(path)) as client:
        assert client.config_get("port") == {"port": "0"}


def test_a_home_with_a_long_path_works(tmp_path: Path) -> None:
    """A Unix socket's path is short by law: a deep home gets one elsewhere, closed as well."""
    home = tmp_path / ("deep" * 20) / ("deeper" * 10)
    server = EmbeddedValkey(home)
    server.start()
    try:
        assert server.answers()
        assert socket_path(home).parent.stat().st_mode & 0o077 == 0
    finally:
        server.stop()
        socket_path(home).parent.rmdir()
