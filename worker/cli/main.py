"""Put the commands together, and turn every foreseen error into one line and an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from sqlalchemy.exc import SQLAlchemyError

from billing.errors import ForeseenError
from config.settings import SettingsError
from worker.cli.show import complain, say
from worker.cli.tree import Tree
from worker.database_errors import plain_database_error

app = typer.Typer(
    name="alerta",
    cls=Tree,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        say(f"alerta {version('alerta-internet')}")
        raise typer.Exit


@app.callback()
def _alerta(
    *,
    _: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Say which this is."),
    ] = False,
) -> None:
    """Billing alerts for the customers of internet providers that use Wispro."""


def main() -> None:
    """Run `alerta`.

    Exit codes: 0 done, 1 not done, 2 wrong settings or usage.
    """
    os.umask(0o077)  # what we write is about customers: nobody else reads it
    with _one_line():
        app(prog_name="alerta")


@contextmanager
def _one_line() -> Iterator[None]:
    try:
        yield
    except SettingsError as error:
        for problem in error.problems:
            complain(problem)
        sys.exit(2)
    except ForeseenError as error:
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
