"""The page of every message: whole, and by itself."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from billing.values import AlertKind, Medium
from notifications.cases import cases_of
from notifications.gallery import LOCALES, Shown, gallery, samples
from notifications.gsm import segments
from notifications.render import render
from notifications.samples import page_of, sample_letter


class Page(HTMLParser):
    """What a browser finds: tags with their attributes, and the text of each figure."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.figures: list[tuple[dict[str, str | None], list[str]]] = []
        self.scripts: list[str] = []
        self._in_script = False
        self.feed(source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep the tag."""
        self.tags.append((tag, dict(attrs)))
        self._in_script = tag == "script"
        if tag == "figure":
            self.figures.append((dict(attrs), []))

    def handle_endtag(self, _tag: str) -> None:
        """Leave it."""
        self._in_script = False

    def handle_data(self, data: str) -> None:
        """Keep the text."""
        if self._in_script:
            self.scripts.append(data)
        if self.figures:
            self.figures[-1][1].append(data)


@pytest.fixture(scope="module")
def whole() -> str:
    """Draw everything once."""
    return gallery(samples(), title="Avisos")


@pytest.fixture(scope="module")
def page(whole: str) -> Page:
    """Read it once."""
    return Page(whole)


def test_every_kind_case_locale_and_medium_is_there(page: Page) -> None:
    """Nothing is left out, and nothing comes twice."""
    letters = sum(len(cases_of(kind)) for kind in AlertKind)
    sections = [attributes["data-kind"] for tag, attributes in page.tags if tag == "section"]
    shown = [(one["data-medium"], one["data-locale"]) for one, _ in page.figures]

    assert len(sections) == letters
    assert set(sections) == {kind.value for kind in AlertKind}
    assert len(shown) == letters * len(Medium) * len(LOCALES)
    for medium in Medium:
        for tag in LOCALES:
            assert shown.count((medium.value, tag)) == letters


def test_an_email_is_the_page_that_would_be_sent(page: Page) -> None:
    """Each e-mail is there to the last byte, in the order of the sections."""
    kept = [attributes["data-page"] for _, attributes in page.tags if "data-page" in attributes]
    wanted = []
    for kind in AlertKind:
        for case in cases_of(kind):
            letter = sample_letter(kind, case)
            for tag in LOCALES:
                message = render(letter, medium=Medium.EMAIL, locale=tag)
                wanted.append(page_of(message, letter))

    assert kept == wanted


def test_both_themes_of_an_email_can_be_told_apart() -> None:
    """The script swaps these words; an e-mail that says them otherwise would show one theme."""
    letter = sample_letter(AlertKind.DUE_SOON)
    source = page_of(render(letter, medium=Medium.EMAIL, locale="es_AR"), letter)
    script = (Path(gallery.__code__.co_filename).parent / "gallery.js").read_text(encoding="utf-8")

    for words in ("@media (prefers-color-scheme:dark)", "color-scheme:light dark"):
        assert words in source
        assert words in script
    assert source.count("prefers-color-scheme") == 1


def test_the_page_loads_nothing(whole: str, page: Page) -> None:
    """No file, font, picture or script from anywhere: the policy of the page says so as well."""
    for tag, attributes in page.tags:
        assert tag not in {"link", "iframe", "object", "embed", "base"}
        assert not (attributes.get("src") or "data:").startswith(("http", "//", "/", "."))
        assert not any(name.startswith("on") for name in attributes)
    assert "@import" not in whole
    assert "url(" not in whole
    (script,) = page.scripts
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    (policy,) = [a["content"] for _, a in page.tags if a.get("http-equiv")]
    assert policy is not None
    assert policy.startswith("default-src 'none';")
    assert f"script-src 'sha256-{digest}'" in policy


def test_a_short_message_says_what_it_costs(page: Page) -> None:
    """More than one segment is a warning, with the number; one is a remark."""
    warned = 0
    for attributes, text in page.figures:
        if attributes["data-medium"] != "sms":
            continue
        parts = [part.strip() for part in text if part.strip()]
        body = next(part for part in parts if part.startswith("Interatos sas"))
        count, said = segments(body), " ".join(parts)
        assert f"({len(body)} caracteres)" in said
        assert ("⚠" in said) == (count > 1)
        assert f"{count} segmento" in said
        warned += count > 1
    assert warned


def test_a_hostile_name_stays_a_name() -> None:
    """Whatever a record holds, the page has one script, ours, and no tag of theirs."""
    name = '"><script>alert(1)</script><img src=x onerror=alert(1)>{{ 7 * 7 }}'
    letter = sample_letter(AlertKind.OVERDUE, first_name=name, isp_name=name, invoice_number=name)

    found = Page(gallery([Shown(letter=letter, locales=("es_AR",))], title=name))

    assert len(found.scripts) == 1
    assert all((a.get("src") or "data:").startswith("data:") for _, a in found.tags)
    assert not any("onerror" in attributes for _, attributes in found.tags)


def test_one_medium_and_one_locale_can_be_shown_alone() -> None:
    """What was not asked for is not there, and a country keeps its own money."""
    letter = sample_letter(AlertKind.DUE_SOON, currency="CLP")
    found = Page(gallery([Shown(letter=letter, locales=("es-CL",))], title="x", media=[Medium.SMS]))

    ((attributes, text),) = found.figures
    assert (attributes["data-medium"], attributes["data-locale"]) == ("sms", "es_CL")
    assert "$ 2.590." in re.sub(r"\s+", " ", " ".join(text))
