"""`alerta`, as scripts and people call it."""

from __future__ import annotations

import io
import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

import structlog

from config.settings import PREFIX
from tests.support.house import ImpatientHouse
from tests.support.processes import ROOT, Running

#: No command of the stories takes a tenth of it.
_SECONDS = 60
_KEPT = {"PATH", "LANG", "TMPDIR", "TZ", "SSL_CERT_FILE", "SSL_CERT_DIR"}


@dataclass(frozen=True, slots=True)
class Ran:
    """How one command ended."""

    code: int
    stdout: str = field(repr=False)
    stderr: str

    @property
    def json(self) -> Any:
        """The one document on stdout."""
        return json.loads(self.stdout)

    @property
    def text(self) -> str:
        """Everything that it said."""
        return self.stdout + self.stderr


class Cli:
    """Runs `alerta` on one home.

    Args:
        home: `ALERTA_HOME`.
        settings: other settings, by their names in the environment without the prefix.
    """

    def __init__(self, home: Path, **settings: str) -> None:
        self.home = home
        self.settings = {"HOME": str(home), **settings}
        self.said: list[str] = []
        self.terminal = False

    def environment(self, **settings: str) -> dict[str, str]:
        """Return a whole environment: ours, and what any process needs."""
        kept = {k: v for k, v in os.environ.items() if k in _KEPT}
        ours = {f"{PREFIX}{k}": v for k, v in {**self.settings, **settings}.items()}
        return {**kept, **ours, "PYTHONPATH": str(ROOT), "HOME": str(self.home), "COLUMNS": "250"}

    def __call__(self, *words: str, stdin: str | None = None, **settings: str) -> Ran:
        """Run one command as a process of its own; `stdin` is what it reads from a pipe."""
        done = subprocess.run(
            [sys.executable, "-m", "worker", *words],
            cwd=ROOT,
            env=self.environment(**settings),
            input=stdin or "",
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
        return self._keep(Ran(done.returncode, done.stdout, done.stderr))

    def here(self, *words: str, stdin: str | None = None, **settings: str) -> Ran:
        """Run one command in this process, without naps between two tries at Wispro.

        Forty times as fast as a process of its own: for tables of cases. `stdin` is what it reads,
        from a pipe, or at a terminal where `terminal` is set.
        """
        from worker.cli import house
        from worker.cli.main import main

        out, err = io.StringIO(), io.StringIO()
        code: Any = 0
        with (
            mock.patch.dict(os.environ, self.environment(**settings), clear=True),
            mock.patch.object(sys, "argv", ["alerta", *words]),
            mock.patch.object(sys, "stdin", _Stdin(stdin or "", terminal=self.terminal)),
            mock.patch.object(house, "House", ImpatientHouse),
            _own_logging(),
            redirect_stdout(out),
            redirect_stderr(err),
        ):
            try:
                main()
            except SystemExit as end:
                code = end.code
        return self._keep(Ran(code or 0, out.getvalue(), err.getvalue()))

    def well(self, *words: str, stdin: str | None = None, **settings: str) -> Ran:
        """Run one command as a process, and insist that it succeeds."""
        ran = self(*words, stdin=stdin, **settings)
        assert ran.code == 0, f"alerta {' '.join(words)}: {ran.text}"
        return ran

    def well_here(self, *words: str, stdin: str | None = None, **settings: str) -> Ran:
        """Run one command in this process, and insist that it succeeds."""
        ran = self.here(*words, stdin=stdin, **settings)
        assert ran.code == 0, f"alerta {' '.join(words)}: {ran.text}"
        return ran

    def start(self, *words: str, log: str = "process.log", **settings: str) -> Running:
        """Start a command that goes on by itself."""
        return Running(
            [sys.executable, "-m", "worker", *words],
            environment=self.environment(**settings),
            log=self.home / log,
        )

    def _keep(self, ran: Ran) -> Ran:
        self.said.append(ran.text)
        return ran


class _Stdin(io.StringIO):
    """What a command reads; says whether somebody types it."""

    def __init__(self, text: str, *, terminal: bool) -> None:
        super().__init__(text)
        self._terminal = terminal

    def isatty(self) -> bool:
        """Whether this is a terminal."""
        return self._terminal


@contextmanager
def _own_logging() -> Iterator[None]:
    """A command sets logging up for its process; put the test's back afterwards.

    No logger remembers what it was told meanwhile, or later tests could not listen to it.
    """
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    configure = structlog.configure

    def forgettably(**given: Any) -> None:
        configure(**(given | {"cache_logger_on_first_use": False}))

    try:
        with mock.patch.object(structlog, "configure", forgettably):
            yield
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
