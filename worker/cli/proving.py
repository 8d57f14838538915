"""Export the evidence of what was sent, for an authority or a judge."""

from __future__ import annotations

import csv
import re
import sys
from collections.abc import Iterable
from dataclasses import astuple, fields
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from billing.isps import SetupError
from worker.cli.house import open_house
from worker.cli.show import remark

if TYPE_CHECKING:
    from billing.proof import ProofLine

#: What a spreadsheet takes for the beginning of a formula (OWASP, CSV injection).
_FORMULA = re.compile(r"^[=+\-@\t\r]")
_STDOUT = "-"


def register(app: typer.Typer) -> None:
    """Add this command to `alerta`."""
    app.command()(evidence)


def evidence(
    slug: Annotated[str, typer.Argument(help="The ISP.")],
    *,
    first: Annotated[str, typer.Option("--from", metavar="DATE", help="The first day.")],
    last: Annotated[str, typer.Option("--to", metavar="DATE", help="The last day, included.")],
    to: Annotated[
        str, typer.Option("--csv", metavar="FILE", help="Where to; - is stdout, the default.")
    ] = _STDOUT,
) -> None:
    """Write one row for each message that reached a customer, or may have: when, why it was right.

    Days are the ISP's. A row has the hash of the text, the hours and the caps as they stood; it has
    no name, no address and no text. A cell that a spreadsheet would compute begins with '.

    Example: `alerta evidence interatos --from 2026-11-01 --to 2026-11-30 --csv evidence.csv`
    """
    from billing.proof import proof

    begins, ends = _day(first, "--from"), _day(last, "--to")
    with open_house() as house, house.database.read() as session:
        lines = proof(session, slug, first=begins, last=ends)
        if to == _STDOUT:
            count = write_csv(lines, sys.stdout)
        else:
            try:
                with Path(to).open("w", encoding="utf-8", newline="") as file:
                    count = write_csv(lines, file)
            except OSError as error:
                raise SetupError(f"--csv: cannot write {to}: {error.strerror}") from None
    remark(f"{count} rows")


def write_csv(lines: Iterable[ProofLine], file: TextIO) -> int:
    """Write a head and the rows as they come; return how many rows there were."""
    from billing.proof import ProofLine

    writer = csv.writer(file, lineterminator="\n")
    writer.writerow([one.name for one in fields(ProofLine)])
    count = 0
    for line in lines:
        writer.writerow([harmless(cell) for cell in astuple(line)])
        count += 1
    return count


def harmless(cell: str) -> str:
    """Return a text that no spreadsheet takes for a formula."""
    return f"'{cell}" if _FORMULA.match(cell) else cell


def _day(text: str, option: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise SetupError(f"{option}: {text!r} is no day; write it as 2026-12-15") from None
