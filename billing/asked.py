"""What a person means who writes to a bot: a verb and its argument. Pure."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from enum import StrEnum

#: What Telegram takes behind `?start=` (core.telegram.org/bots/features#deep-linking).
CODE = re.compile(r"[A-Za-z0-9_-]{1,64}")
#: Days of a pause that names none.
USUAL_PAUSE = 7
LONGEST_PAUSE = 30


class Verb(StrEnum):
    """What was asked for."""

    START = "start"
    INVOICES = "invoices"
    BALANCE = "balance"
    PAUSE = "pause"
    RESUME = "resume"
    STOP = "stop"
    LANGUAGE = "language"
    HELP = "help"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What was understood.

    Args:
        verb: what is asked for.
        code: of START: a pair code as it was typed, however wrong; None = there was none.
        days: of PAUSE: from 1 to `LONGEST_PAUSE`.
        locale: of LANGUAGE: "es", "pt_BR" or "en"; None = not understood.
        all_channels: of STOP: not only this chat.
    """

    verb: Verb
    code: str | None = field(default=None, repr=False)
    days: int = USUAL_PAUSE
    locale: str | None = None
    all_channels: bool = False


_WORDS = {
    "start": Verb.START, "iniciar": Verb.START,
    "facturas": Verb.INVOICES, "factura": Verb.INVOICES, "faturas": Verb.INVOICES,
    "fatura": Verb.INVOICES, "invoices": Verb.INVOICES, "bills": Verb.INVOICES,
    "saldo": Verb.BALANCE, "deuda": Verb.BALANCE, "balance": Verb.BALANCE,
    "pausar": Verb.PAUSE, "pausa": Verb.PAUSE, "pause": Verb.PAUSE,
    "seguir": Verb.RESUME, "continuar": Verb.RESUME, "resume": Verb.RESUME,
    "baja": Verb.STOP, "sair": Verb.STOP, "cancelar": Verb.STOP, "stop": Verb.STOP,
    "unsubscribe": Verb.STOP,
    "idioma": Verb.LANGUAGE, "language": Verb.LANGUAGE, "lang": Verb.LANGUAGE,
    "ayuda": Verb.HELP, "ajuda": Verb.HELP, "help": Verb.HELP,
}  # fmt: skip
_LOCALES = {
    "es": "es", "espanol": "es", "castellano": "es", "spanish": "es", "espanhol": "es",
    "pt": "pt_BR", "portugues": "pt_BR", "portuguese": "pt_BR", "br": "pt_BR",
    "en": "en", "ingles": "en", "english": "en",
}  # fmt: skip
_ALL = frozenset({"todo", "todos", "tudo", "all", "everything"})
#: "/facturas@interatos_bot 3": the name of the bot is appended where several could be meant.
_COMMAND = re.compile(r"/?([a-z]{2,20})(?:@[a-z0-9_]{3,40})?(?:[ \n]+(.{1,200}))?", re.DOTALL)


def understand(text: str | None) -> Asked:
    """This function will say what a message asks for; a slash is welcome and not needed."""
    plain = _plain(text or "")
    match = _COMMAND.fullmatch(plain)
    verb = _WORDS.get(match[1], Verb.UNKNOWN) if match else Verb.UNKNOWN
    if match is None or verb is Verb.UNKNOWN:
        return Asked(verb=Verb.UNKNOWN)
    words = (match[2] or "").split()
    if verb is Verb.START:
        return Asked(verb=verb, code=_code(text or ""))
    if verb is Verb.PAUSE:
        return Asked(verb=verb, days=_days(words))
    if verb is Verb.LANGUAGE:
        named = words[0].partition("_")[0].partition("-")[0] if words else ""
        return Asked(verb=verb, locale=_LOCALES.get(named))
    if verb is Verb.STOP:
        return Asked(verb=verb, all_channels=bool(words) and words[0] in _ALL)
    if words and not plain.startswith("/"):
        return Asked(verb=Verb.UNKNOWN)  # "factura mal hecha": a person talks, no command
    return Asked(verb=verb)


def _plain(text: str) -> str:
    """Return lower case without accents and without blanks around it."""
    bare = unicodedata.normalize("NFKD", text.strip()[:300])
    return "".join(char for char in bare if not unicodedata.combining(char)).lower()


def _code(text: str) -> str | None:
    """Return what came behind the command, exactly; "" for what cannot be a code."""
    words = text.split()
    if len(words) < 2:
        return None
    return words[1] if len(words) == 2 and CODE.fullmatch(words[1]) else ""


def _days(words: list[str]) -> int:
    number = words[0] if words else ""
    if not (number.isascii() and number.isdigit()):
        return USUAL_PAUSE
    return min(max(int(number[:4]), 1), LONGEST_PAUSE)
