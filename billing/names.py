"""The words of a name as people look for them: without accents, in lower case. Pure."""

from __future__ import annotations

import re
import unicodedata

#: A longer word is found by its beginning; a name of more words by its first ones.
LONGEST_WORD = 40
MOST_WORDS = 16
_WORD = re.compile(r"[^\W_]+")


def words_of(name: str) -> tuple[str, ...]:
    """Return the words of a name, each once: "Núñez, Ana-María" is nunez, ana and maria.

    Args:
        name: as Wispro writes it, or as somebody types it.
    """
    plain = name.casefold()
    if not plain.isascii():
        # Twice: what is taken apart may have capitals of its own (𝑨), and those more parts.
        taken_apart = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", plain).casefold())
        plain = "".join(one for one in taken_apart if not unicodedata.combining(one))
    found = dict.fromkeys(word[:LONGEST_WORD] for word in _WORD.findall(plain))
    return tuple(found)[:MOST_WORDS]
