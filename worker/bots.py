"""What a person does about a bot that cannot listen."""

from __future__ import annotations

_MENDS = {
    "token_refused": "its token is refused: alerta isp transport {slug} telegram tgram://TOKEN",
    "webhook": "a webhook takes its messages: alerta isp bot {slug} --take-over",
    "other_poller": "another program reads its messages: stop that one",
}


def mend(slug: str, trouble: str) -> str:
    """This function will say what is wrong with an ISP's bot, and what to type.

    Args:
        slug: the ISP.
        trouble: as it is stored, a `billing.chat.ChatTrouble`.
    """
    return _MENDS.get(trouble, f"{trouble}; it is tried again").format(slug=slug)
