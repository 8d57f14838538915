"""Draw the e-mails as a phone, a desktop and a dark screen show them.

    python scripts/screenshots.py --out var/shots [--only overdue] [--chromium /usr/bin/chromium]

Every sheet is one page of frames; a frame is exactly as wide as the screen it stands for, so that
media queries see that width.
"""

from __future__ import annotations

import argparse
import html
import subprocess
import sys
import tempfile
from datetime import date
from decimal import Decimal
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from billing.letter import Letter
from billing.values import AlertKind, Medium
from notifications.cases import Case
from notifications.render import render
from notifications.samples import page_of, sample_letter

SECOND = date(2021, 11, 26)
LONG = {
    "isp_name": "Cooperativa de Servicios Públicos, Telecomunicaciones y Vivienda de Calamuchita",
    "first_name": "María de los Ángeles Encarnación",
    "invoice_number": "FAC-B-00012-0000012345678",
    "amount_due": Decimal("123456789.5"),
    "amount_total": Decimal("123456789.5"),
    "second_due_date": SECOND,
}
SHEETS: dict[str, list[tuple[Letter, str]]] = {
    "a": [(sample_letter(kind), "es_AR") for kind in list(AlertKind)[:5]],
    "b": [(sample_letter(kind), "es_AR") for kind in list(AlertKind)[5:]],
    "c": [
        (sample_letter(AlertKind.DUE_SOON, currency="BRL"), "pt_BR"),
        (sample_letter(AlertKind.OVERDUE), "en"),
        (
            sample_letter(AlertKind.OVERDUE, received=Decimal(1000), amount_due=Decimal(1590)),
            "es_AR",
        ),
        (sample_letter(AlertKind.ISSUED, covered_by_credit=True), "es_AR"),
        (sample_letter(AlertKind.DUE_SOON, **LONG), "es_AR"),
    ],
    "d": [
        (sample_letter(AlertKind.DIGEST, Case.DAILY), "es_AR"),
        (sample_letter(AlertKind.DIGEST, Case.DAILY), "pt_BR"),
        (sample_letter(AlertKind.DIGEST, Case.CREDIT), "es_AR"),
        (sample_letter(AlertKind.DIGEST, Case.PART_CREDIT), "es_AR"),
        (sample_letter(AlertKind.OVERDUE, Case.PART_CREDIT), "es_AR"),
        (sample_letter(AlertKind.PAID, Case.CORRECTS), "es_AR"),
        (sample_letter(AlertKind.OVERDUE, Case.UNNUMBERED, second_due_date=SECOND), "es_AR"),
    ],
}


def frame(one: Letter, locale: str, width: int) -> str:
    """Return the e-mail in a frame of this width, its picture inside it."""
    shown = page_of(render(one, medium=Medium.EMAIL, locale=locale), one)
    return (
        f'<iframe width="{width}" height="10" scrolling="no" '
        f'style="border:0;margin:0 6px;vertical-align:top" '
        f'srcdoc="{html.escape(shown, quote=True)}"></iframe>'
    )


def sheet(frames: list[str], background: str) -> str:
    """Return a page of frames, each as high as what it holds, that says so if one overflows."""
    return f"""<!doctype html><meta charset="utf-8"><meta name="color-scheme" content="light dark">
<body style="margin:10px;background:{background};white-space:nowrap">{"".join(frames)}
<script>addEventListener("load",()=>{{for(const f of document.querySelectorAll("iframe")){{
const d=f.contentDocument;f.height=d.documentElement.scrollHeight;
if(d.documentElement.scrollWidth>+f.width)f.style.outline="6px solid magenta"}}}})</script>"""


def shoot(chromium: str, page: str, out: Path, *, size: tuple[int, int], dark: bool) -> None:
    """Photograph a page with a fresh profile."""
    with tempfile.TemporaryDirectory() as profile:
        source = Path(profile) / "page.html"
        source.write_text(page, encoding="utf-8")
        subprocess.run(
            [
                chromium, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic",
                "--no-first-run", "--disable-background-networking",
                "--disable-component-update", "--disable-sync", "--hide-scrollbars",
                f"--user-data-dir={profile}/profile",
                f"--blink-settings=preferredColorScheme={0 if dark else 1}",
                f"--window-size={size[0]},{size[1]}", f"--screenshot={out}", source.as_uri(),
            ],
            check=True,
            capture_output=True,
            timeout=120,
        )  # fmt: skip
    print(out)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("var/shots"))
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    parser.add_argument("--only", choices=[kind.value for kind in AlertKind])
    parser.add_argument("--readme", type=Path, help="draw only the picture of the README")
    asked = parser.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    if asked.readme:
        frames = [frame(sample_letter(AlertKind.DUE_SOON), "es_AR", 360)]
        for dark in (False, True):
            name = asked.out / f"readme-{'dark' if dark else 'light'}.png"
            page = sheet(frames, "#0d1219" if dark else "#eef1f6")
            shoot(asked.chromium, page, name, size=(392, 1350), dark=dark)
        pair = "".join(
            f'<img src="{(asked.out / f"readme-{mode}.png").resolve().as_uri()}" width="392">'
            for mode in ("light", "dark")
        )
        page = f'<body style="margin:0;white-space:nowrap;font-size:0">{pair}'
        shoot(asked.chromium, page, asked.readme.resolve(), size=(784, 1350), dark=False)
        return
    sheets = SHEETS
    if asked.only:
        sheets = {asked.only: [(sample_letter(AlertKind(asked.only)), "es_AR")]}
    for name, letters in sheets.items():
        for width in (320, 360, 640):
            frames = [frame(one, locale, width) for one, locale in letters]
            for dark in (False, True):
                out = asked.out / f"{name}-{width}-{'dark' if dark else 'light'}.png"
                size = (len(frames) * (width + 12) + 24, 1380)
                page = sheet(frames, "#333333" if dark else "#c8ccd4")
                shoot(asked.chromium, page, out, size=size, dark=dark)


if __name__ == "__main__":
    main()
