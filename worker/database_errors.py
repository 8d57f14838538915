"""What is wrong with the database, as one line that says what to do."""

from __future__ import annotations

from sqlalchemy.exc import SQLAlchemyError

#: Parts of what SQLite, libpq and PostgreSQL say, and what a person can do about it.
_ADVICE = (
    ("invalid dsn", "an option in ALERTA_DATABASE_URL is unknown"),
    ("invalid connection option", "an option in ALERTA_DATABASE_URL is unknown"),
    ("database or disk is full", "make room on its disk"),
    ("no space left", "make room on the disk of the database server"),
    ("disk i/o error", "look at the disk of the database: dmesg, df"),
    ("readonly database", "its file or folder is read-only: run as its owner, mount it writable"),
    ("read-only transaction", "this server is a standby: set ALERTA_DATABASE_URL to the primary"),
    ("unable to open database file", "its folder is missing, closed to us, or read-only"),
    ("file is not a database", "this file is something else: check ALERTA_DATABASE_URL"),
    ("malformed", "the file is damaged: restore a backup"),
    ("database is locked", "another program holds it for long: stop that one"),
    ("password authentication failed", "check user and password in ALERTA_DATABASE_URL"),
    ("no password supplied", "name a password in ALERTA_DATABASE_URL"),
    ("does not exist", "create it, or check the name in ALERTA_DATABASE_URL"),
    ("connection refused", "check the host and port in ALERTA_DATABASE_URL, and that it runs"),
    ("timeout expired", "check the host in ALERTA_DATABASE_URL, and the network to it"),
    ("could not translate host", "its host is unknown: check ALERTA_DATABASE_URL"),
    ("resolve host", "its host is unknown: check ALERTA_DATABASE_URL"),
    ("certificate", "check sslmode and sslrootcert in ALERTA_DATABASE_URL"),
    ("ssl", "check sslmode in ALERTA_DATABASE_URL"),
    ("too many clients", "raise max_connections, or put PgBouncer between"),
    ("remaining connection slots", "raise max_connections, or put PgBouncer between"),
    ("permission denied", "grant the user what it needs: alerta's own database is best"),
)


def plain_database_error(error: SQLAlchemyError) -> str:
    """This function will return one line of a database error, without the statement."""
    cause = getattr(error, "orig", None) or error
    said = [line.strip() for line in str(cause).strip().splitlines() if line.strip()]
    # libpq tells of each address that it tried; the last one says what is wrong with the host.
    line = said[0] if said else type(cause).__name__
    lower = str(cause).lower()
    for part, advice in _ADVICE:
        if part in lower:
            return f"{line}; {advice}"
    return line
