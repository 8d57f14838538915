"""The characters of a short message.

One SMS segment holds 160 characters of the GSM-7 alphabet; a single character outside of it (á, í,
ó, ú, a no-break space) turns the whole message into UCS-2 with 70 (3GPP TS 23.038).
"""

from __future__ import annotations

import unicodedata

BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
#: Each of these costs two places.
EXTENDED = frozenset("^{}\\[~]|€")

# é and à are in the alphabet, á and í are not: half the accents would look like a mistake, so all
# of them go, and only the letters that carry a sound of their own stay.
_KEPT = BASIC - frozenset("èéùìòàÉ")
_SPELLED = {
    "·": "-",
    "–": "-",
    "—": "-",
    "…": "...",
    "“": '"',
    "”": '"',
    "«": '"',
    "»": '"',
    "‘": "'",
    "’": "'",
    "₲": "Gs.",
    "º": "o",
    "ª": "a",
    "°": "o",
    "Ç": "C",
    "ç": "c",
}


def to_gsm(text: str) -> str:
    """Return the text in GSM-7 characters; what has no likeness there is left out."""
    out: list[str] = []
    for char in text:
        if char in _SPELLED:
            out.append(_SPELLED[char])
        elif char in _KEPT or char in EXTENDED:
            out.append(char)
        else:
            plain = unicodedata.normalize("NFKD", char)
            out.append("".join(part for part in plain if part in _KEPT))
    return "".join(out)


def segments(text: str) -> int:
    """Return how many SMS segments the text takes."""
    if all(char in BASIC or char in EXTENDED for char in text):
        units = sum(2 if char in EXTENDED else 1 for char in text)
        single, joined = 160, 153
    else:
        units = len(text.encode("utf-16-be", "surrogatepass")) // 2
        single, joined = 70, 67
    return 1 if units <= single else -(-units // joined)
