"""A PgBouncer in transaction mode: each transaction may get another connection to the server."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Self

import psycopg
from sqlalchemy.engine import make_url

from tests.support.brokers import free_port
from tests.support.processes import wait_until


class Bouncer:
    """Stands before one database of the tests' server; a context manager.

    Args:
        folder: of its files, made here.
        url: of the database.
        connections: to the server, shared by all who come.
    """

    def __init__(self, folder: Path, url: str, *, connections: int = 2) -> None:
        folder.mkdir(mode=0o755)
        parsed = make_url(url)
        host = parsed.query.get("host", parsed.host)
        self._port = free_port()
        self.url = f"postgresql://anybody@127.0.0.1:{self._port}/{parsed.database}"
        self._owner = Path(str(host)).owner()
        where = f"host={host} port={parsed.port or 5432} user={parsed.username or 'postgres'}"
        self._settings = folder / "pgbouncer.ini"
        self._settings.write_text(
            f"[databases]\n{parsed.database} = {where}\n[pgbouncer]\nlisten_addr = 127.0.0.1\n"
            f"listen_port = {self._port}\nunix_socket_dir =\nauth_type = any\n"
            f"pool_mode = transaction\ndefault_pool_size = {connections}\n"
            "server_round_robin = 1\nserver_reset_query_always = 0\n"
            "ignore_startup_parameters = extra_float_digits\n"
        )
        self._settings.chmod(0o644)
        self._log = folder / "log"

    def __enter__(self) -> Self:
        command = [str(shutil.which("pgbouncer")), str(self._settings)]
        if os.geteuid() == 0:  # it refuses root; who runs PostgreSQL reaches its socket
            command[1:1] = ["--user", self._owner]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        try:
            wait_until(self._answers, seconds=20, what="PgBouncer answers")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(timeout=20)

    def _answers(self) -> bool:
        assert self._process.poll() is None, self._log.read_text()
        try:
            psycopg.connect(self.url, connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True
