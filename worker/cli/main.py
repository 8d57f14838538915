"""Put the commands together, and turn every foreseen error into one line and an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import typer
from sqlalchemy.exc import SQLAlchemyError

from billing.chat import ChatError
from billing.delivery.resending import ResendError
from billing.holds import HoldError
from billing.isps import SetupError
from billing.policy_file import PolicyError
from billing.ports import DestinationError, RenderError, SecretError, UpstreamError
from billing.sync import SyncBusyError
from config.settings import SettingsError
from web.errors import ListenError
from worker.cli import (
    auditing,
    channels,
    explaining,
    finding,
    holding,
    inviting,
    isps,
    keeping,
    keys,
    looking,
    overriding,
    pairing,
    policies,
    previewing,
    privacy,
    proving,
    releasing,
    running,
    sending,
    setting_up,
    simulating,
    vigil,
    watching,
)
from worker.cli.show import complain
from worker.database_errors import plain_database_error
from worker.errors import NotReadyError, ValkeyError

FORESEEN = (
    SetupError,
    HoldError,
    ResendError,
    PolicyError,
    DestinationError,
    RenderError,
    SecretError,
    UpstreamError,
    ChatError,
    SyncBusyError,
    NotReadyError,
    ValkeyError,
    ListenError,
)

app = typer.Typer(
    name="alerta",
    help="Billing alerts for the customers of internet providers that use Wispro.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)
_MODULES = (
    finding,
    setting_up,
    isps,
    keys,
    vigil,
    policies,
    pairing,
    channels,
    inviting,
    overriding,
    looking,
    holding,
    explaining,
    proving,
    privacy,
    releasing,
    sending,
    previewing,
    simulating,
    auditing,
    keeping,
    running,
    watching,
)
for module in _MODULES:
    module.register(app)


def main() -> None:
    """Run `alerta`.

    Exit codes: 0 done, 1 not done, 2 wrong settings or usage.
    """
    os.umask(0o077)  # what we write is about customers: nobody else reads it
    with _one_line():
        app()


@contextmanager
def _one_line() -> Iterator[None]:
    try:
        yield
    except SettingsError as error:
        for problem in error.problems:
            complain(problem)
        sys.exit(2)
    except FORESEEN as error:
        for line in str(error).splitlines():
            complain(line)
        sys.exit(1)
    except SQLAlchemyError as error:
        complain(f"the database: {plain_database_error(error)}")
        sys.exit(1)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(1)
    except OSError as error:  # a folder that is read-only, a disk that is full
        complain(f"{error.filename or 'the system'}: {error.strerror or error}")
        sys.exit(1)
