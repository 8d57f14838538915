"""Doors that lead nowhere, for a rehearsal: nothing is opened, written or sent."""

from __future__ import annotations

from collections.abc import Sequence

from billing.letter import Attachment, Envelope, Fate, Letter, Message, Outcome
from billing.values import Medium


class Blank:
    """Opens nothing: nobody is written to."""

    def open(self, sealed: str) -> str:
        """Return nothing."""
        del sealed
        return ""

    def digest(self, clear: str, *, purpose: str) -> str:
        """Return what was given: there is nothing to hide."""
        del purpose
        return clear


class Nobody:
    """Delivers everything to nobody."""

    def render(self, letter: Letter, *, medium: Medium, locale: str) -> Message:
        """Write nothing."""
        del letter
        return Message(medium=medium, locale=locale, subject="", text="")

    def attachments(
        self, letter: Letter, *, scheme: str, locale: str, pdf: bytes | None
    ) -> Sequence[Attachment]:
        """Attach nothing."""
        del letter, scheme, locale, pdf
        return ()

    def takes_pdf(self, scheme: str) -> bool:
        """Take none."""
        del scheme
        return False

    def counts_as(self, scheme: str, attachments: Sequence[Attachment]) -> int:
        """Count one."""
        del scheme, attachments
        return 1

    def segments(self, message: Message) -> int:
        """Charge one for a text that nobody wrote."""
        return int(message.medium is Medium.SMS)

    def account_of(self, scheme: str, url: str) -> str:
        """Name the kind of channel: there is one account for each."""
        del url
        return scheme

    def send(
        self, message: Message, envelope: Envelope, attachments: Sequence[Attachment]
    ) -> Outcome:
        """Say that it arrived."""
        del message, envelope, attachments
        return Outcome(fate=Fate.DELIVERED)
