"""Show messages before anybody gets them: one on the screen or in a file, or all on one page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from billing.isps import SetupError
from billing.previewing import NothingToListError, Preview, preview_letter
from billing.values import AlertKind, Medium
from notifications.cases import Case, cases_of
from worker.cli.house import open_house
from worker.cli.pairing import CLIENT_HELP
from worker.cli.show import console, remark, say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from billing.letter import Message

_LANGUAGES = ("es", "pt", "en")


def register(app: typer.Typer) -> None:
    """Add this command to `alerta`."""
    app.command()(preview)


def preview(
    kind: Annotated[
        AlertKind | None, typer.Argument(help="What the alert says; not with --all.")
    ] = None,
    *,
    locale: Annotated[
        str | None, typer.Option(help="es-AR, es-CL, pt-BR, en …; default: the customer's.")
    ] = None,
    medium: Annotated[Medium | None, typer.Option(help="The form it takes; default e-mail.")] = (
        None
    ),
    case: Annotated[Case, typer.Option(help="What is special about the sample.")] = Case.PLAIN,
    isp: Annotated[str | None, typer.Option(metavar="SLUG", help="A real customer's ISP,")] = None,
    account: Annotated[
        str | None, typer.Option(metavar="CLIENT", help=f"and the customer. {CLIENT_HELP}")
    ] = None,
    invoice: Annotated[
        str | None, typer.Option(metavar="ID", help="Wispro's id or the number; default: latest.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Every kind, on one page.")] = False,
    html: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where --all writes its index.html.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Write it: .html for the e-mail's page, else the text.")
    ] = None,
) -> None:
    """Show a message as a customer would get it: with an invoice of the seed document, or theirs.

    The same function renders what is sent. Nothing is sent, and Wispro is not asked: a real invoice
    is shown as we know it. An SMS comes with its number of segments.

    Example: `alerta preview due_soon --medium sms --isp interatos --account 793`
    """
    _check_locale(locale)
    if bool(isp) != bool(account) or (invoice and not account):
        raise SetupError("a real customer is named by --isp SLUG and --account CLIENT together")
    if case is not Case.PLAIN and account:
        raise SetupError("--case is for samples; leave out --isp and --account")
    if everything:
        if kind or out or html is None or case is not Case.PLAIN:
            raise SetupError("a page of everything is: alerta preview --all --html DIR")
        kinds = _of_account(isp, account, invoice, list(AlertKind)) if isp and account else None
        _write_gallery(kinds, html, locale, medium)
        return
    if kind is None or html is not None:
        raise SetupError("name a kind (alerta preview --help), or say --all --html DIR")
    if isp and account:
        (found,) = _of_account(isp, account, invoice, [kind])
    else:
        if case not in cases_of(kind):
            fitting = ", ".join(one.value for one in cases_of(kind))
            raise SetupError(f"--case {case.value} says nothing new in {kind.value}; {fitting} do")
        from notifications.samples import sample_letter

        found = Preview(letter=sample_letter(kind, case), locale="es_AR")
    _show_one(found, locale or found.locale, medium or Medium.EMAIL, out)


def _check_locale(locale: str | None) -> None:
    if locale is not None and locale.replace("-", "_").partition("_")[0].lower() not in _LANGUAGES:
        raise SetupError(
            f"--locale: {locale!r} is not spoken here; es-AR, es-CL …, pt-BR and en are"
        )


def _of_account(
    slug: str, client: str, invoice: str | None, kinds: Sequence[AlertKind]
) -> list[Preview]:

    found = []
    with open_house() as house, house.database.read() as session:
        account = house.whom.find(session, slug, client)
        for kind in kinds:
            about_none = kind is AlertKind.DIGEST or kind.about_channel
            named = None if about_none and len(kinds) > 1 else invoice
            try:
                found.append(
                    preview_letter(session, account, kind, invoice=named, now=house.clock())
                )
            except NothingToListError:
                if len(kinds) == 1:
                    raise
    return found


def _show_one(found: Preview, locale: str, medium: Medium, out: Path | None) -> None:
    from notifications.render import render
    from notifications.samples import page_of

    message = render(found.letter, medium=medium, locale=locale)
    if out is None:
        console.print(message.subject, style="bold", markup=False, highlight=False, soft_wrap=True)
        console.print(f"\n{message.text.rstrip()}", markup=False, highlight=False, soft_wrap=True)
        _remark_segments(message)
        return
    if out.suffix == ".html" and message.html is None:
        raise SetupError(f"a {medium} message has no HTML; write it to a .txt file")
    _write(out, page_of(message, found.letter) if out.suffix == ".html" else message.text, "--out")
    _remark_segments(message)
    say(f"wrote {out}")


def _remark_segments(message: Message) -> None:
    from notifications.gsm import segments

    if message.medium is not Medium.SMS:
        return
    count, size = segments(message.text), len(message.text)
    if count == 1:
        remark(f"1 segment, {size} characters")
    else:
        remark(f"{count} segments, {size} characters: it costs {count} SMS", warning=True)


def _write_gallery(
    found: list[Preview] | None, folder: Path, locale: str | None, medium: Medium | None
) -> None:
    from notifications.gallery import LOCALES, Shown, gallery, samples

    if found is None:
        shown = samples((locale,) if locale else LOCALES)
        title = "Avisos con las facturas de ejemplo"
    else:
        shown = [Shown(letter=one.letter, locales=(locale or one.locale,)) for one in found]
        title = f"Avisos de {found[0].letter.isp_name} para {found[0].letter.first_name}"
    page = gallery(shown, title=title, media=(medium,) if medium else Medium)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SetupError(f"--html: cannot make {folder}: {error.strerror}") from None
    _write(folder / "index.html", page, "--html")
    say(f"wrote {folder / 'index.html'}")


def _write(path: Path, content: str, option: str) -> None:
    try:
        path.write_text(content, encoding="utf-8")
    except OSError as error:
        raise SetupError(f"{option}: cannot write {path}: {error.strerror}") from None
