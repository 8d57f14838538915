"""One message on one line: MAIL, RCPT, DATA, the text, the closing dot, and what each answer means.

The closing dot divides everything (RFC 5321, 4.1.1.4). Before it has left, the server must not
deliver: whatever breaks is a failure that can be tried again. Afterwards only an answer tells, and
a line that breaks or stays silent leaves the message uncertain.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from billing.letter import Fate, Outcome
from notifications.outcomes import by_smtp_reply
from notifications.smtp import BROKEN

if TYPE_CHECKING:
    from collections.abc import Callable

    from notifications.mime_wire import Wire
    from notifications.smtp import Line, TimeLimit

_WANTED = {"MAIL": 250, "RCPT": 250, "DATA": 354}
_CLOSING = 421  # RFC 5321 section 3.8: may answer any command, and the line is closed after it


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """One message for one recipient; addresses are plain ASCII."""

    sender: str
    recipient: str
    wire: Wire


class LineWasDeadError(Exception):
    """An idle line had been closed by the server; nothing of the message was taken."""


class Dialogue:
    """One message on one line; the line stays usable where both sides are still in step.

    Args:
        line: lent to this thread.
        parcel: what to send.
        time_limit: of the whole send.
    """

    def __init__(self, line: Line, parcel: Parcel, time_limit: TimeLimit) -> None:
        self._line, self._parcel, self._time_limit = line, parcel, time_limit
        self._stage = "MAIL"

    def hold(self, *, may_finish: Callable[[], bool]) -> Outcome:
        """Hand the message over and say what became of it.

        Args:
            may_finish: asked once, right before the closing dot; False leaves it unfinished.

        Raises:
            LineWasDeadError: if a line that was used before turns out closed at MAIL.
        """
        line = self._line
        try:
            refused = self._announce()
            if refused is None:
                for chunk in self._parcel.wire.chunks():
                    line.pace(self._time_limit.left())
                    line.server.send(chunk)
                self._time_limit.left()
        except BROKEN as error:
            line.usable = False
            if line.carried and self._stage == "MAIL":
                raise LineWasDeadError from None
            return Outcome(
                fate=Fate.FAILED,
                detail=f"email: the connection broke at {self._stage} ({type(error).__name__})",
            )
        if refused is not None:
            return self._refused(*refused)
        if not may_finish():
            line.usable = False
            return Outcome(fate=Fate.FAILED, detail="email: out of time before the closing dot")
        return self._finish()

    def _announce(self) -> tuple[str, int, bytes] | None:
        """Say MAIL, RCPT and DATA; return the stage and the answer of the first that is refused."""
        line, parcel = self._line, self._parcel
        size = f" SIZE={len(parcel.wire)}" if line.server.has_extn("size") else ""
        commands = {
            "MAIL": f"MAIL FROM:<{parcel.sender}>{size}\r\n",
            "RCPT": f"RCPT TO:<{parcel.recipient}>\r\n",
            "DATA": "DATA\r\n",
        }
        at_once = line.server.has_extn("pipelining")  # RFC 2920: one round trip instead of three
        line.pace(self._time_limit.to_read())
        if at_once:
            line.server.send("".join(commands.values()).encode("ascii"))
        refused: tuple[str, int, bytes] | None = None
        for stage, command in commands.items():
            if refused is None:
                self._stage = stage
            line.pace(self._time_limit.to_read())
            try:
                if not at_once:
                    line.server.send(command.encode("ascii"))
                code, reply = line.server.getreply()
            except BROKEN:
                if refused is None:
                    raise
                line.usable = False
                return refused
            if refused is not None:
                # A server that wants the text although it refused would deliver it to nobody, or
                # worse: it gets none (RFC 2920, 3.1).
                line.usable = line.usable and code != _WANTED["DATA"]
            elif code != _WANTED[stage] and (stage, code) != ("RCPT", 251):
                refused = stage, code, reply
                if not at_once:
                    return refused
        return refused

    def _refused(self, stage: str, code: int, reply: bytes) -> Outcome:
        """Return what a refusal means, with the line ready for the next message or given up."""
        line = self._line
        if stage == "MAIL" and code == _CLOSING and line.carried:
            line.usable = False
            raise LineWasDeadError
        line.usable = line.usable and _is_refusal(code)
        if line.usable:
            try:
                line.pace(self._time_limit.to_read())
                line.usable = line.server.rset()[0] == 250
            except BROKEN:
                line.usable = False
        return by_smtp_reply(stage, code, reply)

    def _finish(self) -> Outcome:
        """Send the closing dot: from here on the server may have the message."""
        line = self._line
        try:
            line.server.send(b".\r\n")
            line.pace(self._time_limit.to_read())
            code, reply = line.server.getreply()
        except BROKEN as error:
            line.usable = False
            # smtplib turns a timeout into a disconnection and keeps only its text.
            timed_out = isinstance(error, TimeoutError) or "timed out" in str(error)
            kind = "no answer" if timed_out else "the connection broke"
            return Outcome(fate=Fate.UNCERTAIN, detail=f"email: {kind} after the message")
        line.usable = code == 250 or _is_refusal(code)
        if 200 <= code < 300:
            return Outcome(fate=Fate.DELIVERED, detail=f"email: {code}")
        if 400 <= code < 600:
            return by_smtp_reply("the message", code, reply)
        return Outcome(fate=Fate.UNCERTAIN, detail="email: no sense in the answer to the message")


def _is_refusal(code: int) -> bool:
    """Whether an answer refuses one message and leaves the line in step."""
    return 400 <= code < 600 and code != _CLOSING
