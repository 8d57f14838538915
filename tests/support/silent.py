"""A messenger that understands any destination and says nothing."""

from __future__ import annotations

from collections.abc import Sequence

from billing.letter import Attachment, Envelope, Letter, Message, Outcome
from billing.ports import ParsedDestination
from billing.values import Medium


class Silent:
    """Understands, and does nothing."""

    def parse_destination(self, text: str) -> ParsedDestination:
        """Take anything."""
        return ParsedDestination(
            scheme="email", medium=Medium.EMAIL, value=text, label=text, needs_transport=False
        )

    def parse_own_destination(self, text: str) -> ParsedDestination:
        """Take anything."""
        return self.parse_destination(text)

    def check_transport(self, scheme: str, url: str) -> str:
        """Take anything."""
        return url

    def render(self, letter: Letter, *, medium: Medium, locale: str) -> Message:
        """Refuse."""
        raise NotImplementedError

    def attachments(
        self, letter: Letter, *, scheme: str, locale: str, pdf: bytes | None
    ) -> Sequence[Attachment]:
        """Attach nothing."""
        return ()

    def segments(self, message: Message) -> int:
        """Charge one for each SMS."""
        return int(message.medium is Medium.SMS)

    def counts_as(self, scheme: str, attachments: Sequence[Attachment]) -> int:
        """Count one."""
        return 1

    def account_of(self, scheme: str, url: str) -> str:
        """Say that each URL is an account of its own."""
        return f"{scheme} {url}"

    def takes_pdf(self, scheme: str) -> bool:
        """Say no: the PDF has its own tests."""
        return False

    def send(
        self, message: Message, envelope: Envelope, attachments: Sequence[Attachment]
    ) -> Outcome:
        """Refuse."""
        raise NotImplementedError
