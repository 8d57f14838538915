"""The login token in a portal QR."""

import pytest

from wispro.login import login_token

TOKEN = "aB3_dE5-gH7iJ9kL1mN3oP"


@pytest.mark.parametrize(
    "text",
    [
        f"https://cloud.wispro.co/portal_api/auth/{TOKEN}",
        f"https://interatos.wispro.co/portal_api/auth/{TOKEN}/",
        f"  https://cloud.wispro.co/portal_api/auth/{TOKEN}\n",
        f"https://cloud.wispro.co/portal_api/auth/{TOKEN}?utm=qr#top",
        f"HTTPS://Cloud.Wispro.co:443/portal_api/auth/{TOKEN}/?",
    ],
)
def test_every_writing_of_a_link_gives_the_same_token(text: str) -> None:
    """Host, trailing slash, query and blanks do not change what is digested."""
    assert login_token(text) == TOKEN


@pytest.mark.parametrize(
    "text",
    [
        "",
        TOKEN,
        "https://cloud.wispro.co/portal_api/auth/",
        "https://cloud.wispro.co/portal_api/auth/short",
        f"https://cloud.wispro.co/portal_api/auth/{TOKEN}/more",
        f"https://cloud.wispro.co/other/{TOKEN}",
        f"https:///portal_api/auth/{TOKEN}",
        f"see https://cloud.wispro.co/portal_api/auth/{TOKEN}",
        f"javascript://x/portal_api/auth/{TOKEN}",
    ],
)
def test_another_text_is_no_login(text: str) -> None:
    """What is not exactly a portal login link gives nothing to compare."""
    assert login_token(text) is None


def test_the_letters_of_a_token_keep_their_case() -> None:
    """A token is case-sensitive even though the address is not."""
    link = f"https://cloud.wispro.co/PORTAL_API/auth/{TOKEN.lower()}"
    assert login_token(link) == TOKEN.lower()
