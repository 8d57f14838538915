"""Letters into messages: one folder of templates per kind, one function for preview and sending.

Three steps, each a template: `layout/words.txt` says what every message says, `<kind>/words.txt`
what this kind says, and `<kind>/<medium>` puts the words in their places. The words are plain
strings by then, so the HTML templates escape all of them, whoever typed them.
"""

from __future__ import annotations

import html
import re
import textwrap
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import FileSystemLoader, StrictUndefined, TemplateError, select_autoescape
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup, escape

from billing.letter import Message
from billing.ports import RenderError
from billing.values import Medium
from notifications.context import colours, primitives
from notifications.gsm import to_gsm
from notifications.language import catalog, resolve
from notifications.notices import notice_colours, notice_primitives

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jinja2 import Environment

    from billing.letter import Letter, Notice
    from notifications.language import Language

TEMPLATES = Path(__file__).parent / "templates"
COLUMNS = 72

#: Babel extracts with the same options; the test of the catalogs uses them.
EXTRACT_OPTIONS = {"trimmed": "true", "newstyle_gettext": "true", "silent": "false"}

_BLANKS = re.compile(r"[ \t\r\n]+")  # not the no-break space, which holds an amount together
_TAG = re.compile(r"<[^>]+>")


def upfirst(text: str) -> str:
    """Return the text with a capital first letter and the rest untouched."""
    return text[:1].upper() + text[1:]


def unbroken(text: str, part: str) -> Markup:
    """Return the text as HTML in which `part` (a number, a date) stays on one line, if short."""
    safe = escape(text)
    if not part or len(part) > 24:
        return safe
    span = Markup('<span style="white-space:nowrap">{}</span>').format(part)
    return Markup(str(safe).replace(str(escape(part)), str(span)))  # noqa: S704 - both escaped


@cache
def environment(tag: str) -> Environment:
    """Return the template environment that speaks the language of a resolved locale."""
    env = ImmutableSandboxedEnvironment(
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        autoescape=select_autoescape(enabled_extensions=("html",), default=False),
        extensions=["jinja2.ext.i18n"],
        auto_reload=False,
    )
    env.policies["ext.i18n.trimmed"] = True
    env.filters["upfirst"] = upfirst
    env.filters["unbroken"] = unbroken
    env.install_gettext_translations(catalog(tag), newstyle=True)  # type: ignore[attr-defined]
    return env


def render(letter: Letter, *, medium: Medium, locale: str) -> Message:
    """Fill the templates of the letter's kind, subject and body in the same language.

    Args:
        letter: what to say; its texts may hold anything.
        medium: the form of the message.
        locale: the account's or the ISP's locale, as stored.

    Raises:
        RenderError: if a template fails; the text names kind, medium and cause.
    """
    kind, language = letter.kind.value, resolve(locale, letter.currency)
    with _naming(kind, medium, language):
        return _fill(
            kind,
            ("layout/words.txt", f"{kind}/words.txt"),
            primitives(letter, medium=medium, language=language),
            colours(letter),
            medium=medium,
            language=language,
        )


def render_notice(notice: Notice, *, medium: Medium, locale: str) -> Message:
    """Fill the templates of what an operator is told; every kind shares those of the media.

    Raises:
        RenderError: if a template fails; the text names kind, medium and cause.
    """
    kind, language = notice.kind.value, resolve(locale)
    with _naming(kind, medium, language):
        return _fill(
            "operator",
            ("operator/words.txt", f"operator/{kind}.txt"),
            notice_primitives(notice, medium=medium, language=language),
            notice_colours(notice),
            medium=medium,
            language=language,
        )


@contextmanager
def _naming(kind: str, medium: Medium, language: Language) -> Iterator[None]:
    try:
        yield
    except (TemplateError, ArithmeticError, LookupError, TypeError, ValueError) as error:
        cause = type(error).__name__
        raise RenderError(
            f"{kind}/{medium.value} ({language.tag}) cannot be filled: {cause}"
        ) from error


def _fill(
    folder: str,
    words: tuple[str, ...],
    values: dict[str, Any],
    shades: dict[str, Any],
    *,
    medium: Medium,
    language: Language,
) -> Message:
    env = environment(language.tag)
    for name in words:
        values.update(_words(env, name, values))

    def fill(name: str, **more: Any) -> str:
        return env.get_template(f"{folder}/{name}").render(**values, **more)

    subject = _one_line(fill("subject.txt"))
    body_html = None
    if medium is Medium.EMAIL:
        text = _columns(tidy(fill("email.txt")))
        body_html = fill("email.html", **shades).strip() + "\n"
    elif medium is Medium.CHAT:
        body_html = tidy(fill("chat.html"))
        text = html.unescape(_TAG.sub("", body_html))
    elif medium is Medium.PUSH:
        text = tidy(fill("push.txt")).replace("\n\n", "\n")
    else:
        text = to_gsm(_one_line(fill("sms.txt")).replace("\u00a0", " "))
        subject = to_gsm(subject.replace("\u00a0", " "))
    return Message(medium=medium, locale=language.tag, subject=subject, text=text, html=body_html)


def _words(env: Environment, name: str, values: dict[str, Any]) -> dict[str, Any]:
    """Return what a template of words sets, every string on one line."""
    exported = vars(env.get_template(name).make_module(values))
    return {
        key: _one_line(value) if isinstance(value, str) else value
        for key, value in exported.items()
        if not key.startswith("_") and key != "name"
    }


def _one_line(text: str) -> str:
    return _BLANKS.sub(" ", text).strip(" ")


def tidy(text: str) -> str:
    """Return the text without double spaces, trailing spaces and more than one empty line."""
    lines = (
        line if line == "-- " else re.sub(r" {2,}", " ", line).strip(" ")
        for line in text.split("\n")
    )
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip("\n")


def _columns(text: str) -> str:
    """Return the text wrapped at 72 columns; a link is never broken."""
    return (
        "\n".join(
            line
            if len(line) <= COLUMNS
            else textwrap.fill(line, COLUMNS, break_long_words=False, break_on_hyphens=False)
            for line in text.split("\n")
        )
        + "\n"
    )
