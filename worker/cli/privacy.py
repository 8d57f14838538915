"""What a customer may ask for: a copy of what we hold, and to be forgotten."""

from __future__ import annotations

import io
import os
import sys
import time
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from billing.isps import SetupError
from worker.cli.audited import audited
from worker.cli.explaining_words import Language
from worker.cli.house import open_house
from worker.cli.pairing import CLIENT_HELP
from worker.cli.show import remark, say, table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from billing.forgetting import Held
    from worker.house import House

_Slug = Annotated[str, typer.Argument(help="The ISP.")]
_Client = Annotated[str, typer.Argument(help=CLIENT_HELP)]
_PAGES = {Language.ES: ("index.html", "datos.json"), Language.EN: ("index.html", "data.json")}
#: How often, and how many seconds apart, it is asked whether a message that is under way has ended.
_TRIES, _NAP = 60, 1.0


def register(app: typer.Typer) -> None:
    """Add these commands to `alerta`."""
    app.command()(export)
    app.command()(forget)


@audited
def export(
    slug: _Slug,
    client: _Client,
    *,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR|FILE.zip", help="Where to; default a new folder here."),
    ] = None,
    lang: Annotated[Language, typer.Option(help="The language of the page.")] = Language.ES,
) -> None:
    """Write all that we hold of one customer: a page to read, and the same as JSON.

    What is theirs is in clear, their addresses too, so only you can read the files. Nothing of
    another customer, and no secret of the ISP, is in them.

    Example: `alerta export interatos 793 --out ana.zip`
    """
    from billing.exporting import export as gather
    from worker.export_page import export_page

    page, data = _PAGES[lang]
    with open_house() as house:
        with house.database.read() as session:
            account = house.whom.find(session, slug, client)
            found = gather(session, account, house.vault, now=house.clock())
            subjects = [f"{account.isp_id}|{row['wispro_id']}" for row in found["invoice"]]
            named = account.public_id or account.client_id
            now = house.clock()
        papers = [paper for subject in subjects for paper in house.shelf.about(subject)]
    files = {
        page: export_page(found, lang, data_file=data, papers=len(papers)).encode(),
        data: msgspec.json.format(msgspec.json.encode(found), indent=2),
        **{f"{place}.pdf": paper for place, paper in enumerate(papers, start=1)},
    }
    where = out or Path(f"alerta-export-{slug}-{named}-{now:%Y%m%d}")
    _write(where, files)
    say(f"{where}: {', '.join(files)}; give it to the customer and delete it")


def _write(where: Path, files: Mapping[str, bytes]) -> None:
    """Write new files that nobody else can read; an old one is never replaced.

    Raises:
        SetupError: if they cannot be written.
    """
    try:
        if where.suffix.lower() == ".zip":
            _write_new(where, _zipped(files))
            return
        where.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name, content in files.items():
            _write_new(where / name, content)
    except OSError as error:
        raise SetupError(f"--out: cannot write {error.filename}: {error.strerror}") from None


def _zipped(files: Mapping[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return packed.getvalue()


def _write_new(path: Path, content: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)


@audited(nameless=True)
def forget(
    slug: _Slug,
    client: _Client,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Forget a customer: name, addresses, invoices go; what was sent when stays, as hashes.

    Shows first what goes. Alerts end at once; what is being sent right now ends first. Looks at
    Wispro do not bring the customer back; pairing again does, with a silent first look. Log files,
    backups and the inboxes of providers are beyond our reach.

    Example: `alerta forget interatos 793`
    """
    from billing.forgetting import PREFIX

    with open_house() as house:
        held = house.forgetting.held(slug, client)
        if held.forgotten_at is not None:
            say(f"forgotten already, {held.forgotten_at.astimezone():%Y-%m-%d %H:%M}")
            return
        _show(slug, held)
        if not yes:
            _ask(held)
        house.forgetting.stop(held.account_id, now=house.clock())
        tomb = _forget(house, held)
        papers = sum(house.shelf.forget(subject) for subject in held.papers)
    say(f"forgotten; the evidence names {tomb}")
    assert tomb.startswith(PREFIX)
    remark(f"{papers} papers dropped here; on other hosts they go within 7 days")
    remark("log files and backups may still name the customer: docs/privacy.md")


def _show(slug: str, held: Held) -> None:
    say(f"{held.name}, {slug}: {', '.join(held.channels) or 'no channel'}")
    goes = [(name, number, "goes") for name, number in held.rows.items()]
    stays = [(name, number, "stays as hashes") for name, number in held.hashed.items()]
    table("What we hold", ("Rows of", "Number", ""), goes + stays)


def _ask(held: Held) -> None:
    """Have a person confirm it.

    Raises:
        SetupError: if there is nobody to ask, or the answer is no.
    """
    if not sys.stdin.isatty():
        raise SetupError("nobody was forgotten; add --yes to do it without being asked")
    if not typer.confirm(f"Forget {held.name} for good?", err=True):
        raise SetupError("nobody was forgotten")


def _forget(house: House, held: Held) -> str:
    from billing.forgetting import StillSendingError

    for _ in range(_TRIES):
        try:
            return house.forgetting.forget(held.account_id, now=house.clock())
        except StillSendingError:
            time.sleep(_NAP)
    raise SetupError("a message is still under way; alerts are stopped, try again in some minutes")
