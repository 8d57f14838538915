"""Names as people type them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.names import LONGEST_WORD, MOST_WORDS, words_of


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Núñez, Ana-María", ("nunez", "ana", "maria")),
        ("  JOSÉ   DE LA CRUZ ", ("jose", "de", "la", "cruz")),
        ("O'Higgins S.A. (sucursal 4)", ("o", "higgins", "s", "a", "sucursal", "4")),
        ("Müller & Groß", ("muller", "gross")),
        ("Ana Ana", ("ana",)),
        ("Ｗｉｓｐ_Red", ("wisp", "red")),
        ("--- ", ()),
        ("Ñ" * 60, ("n" * LONGEST_WORD,)),
    ],
)
def test_a_name_is_its_words_without_accents(name: str, words: tuple[str, ...]) -> None:
    """Whatever stands between words parts them; each counts once."""
    assert words_of(name) == words


@given(st.text(max_size=300))
def test_any_text_has_few_short_words_that_find_themselves(text: str) -> None:
    """What is stored is found by typing it."""
    words = words_of(text)
    assert len(words) <= MOST_WORDS
    assert all(0 < len(word) <= LONGEST_WORD for word in words)
    assert words_of(" ".join(words)) == words
