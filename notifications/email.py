"""An e-mail as we want it, sent as an Apprise service.

Apprise parses the sending account and stays the one interface to every channel. The message is
composed in `mime.py`, because Apprise would derive the plain text from the HTML, name inline
pictures by file and draw a new Message-ID for each try; it leaves over a line of `smtp.py`, because
Apprise would open one for each.
"""

from __future__ import annotations

import smtplib
import ssl
import threading
import warnings
from typing import TYPE_CHECKING, Any

from billing.letter import Fate, Outcome
from notifications.destinations import email_address
from notifications.dialogue import Dialogue, LineWasDeadError, Parcel
from notifications.mime_wire import Wire
from notifications.smtp import BROKEN, Account, Line, Lines, NoLineError, Security, TimeLimit

with warnings.catch_warnings():
    # Apprise reaches for `imghdr`, which Python 3.11 and 3.12 announce to be going.
    warnings.simplefilter("ignore", DeprecationWarning)
    from apprise.plugins.email.base import NotifyEmail
    from apprise.plugins.email.common import SecureMailMode

if TYPE_CHECKING:
    from collections.abc import Callable

_SECURITY = {SecureMailMode.SSL: Security.TLS, SecureMailMode.STARTTLS: Security.STARTTLS}


class AlertEmail(NotifyEmail):  # type: ignore[no-untyped-call]
    """One e-mail to one address over the ISP's sending account.

    What Apprise passes to `send` is ignored in favour of the composed message. `outcome` says
    afterwards what the server made of it, more precisely than success or failure.

    Built from the sending account as Apprise parsed it, with exactly one target. Before the send,
    once the addresses are known, `wire` is set, the composed message; `lines`, where connections
    come from; `keep`, whether another message over this account is likely; `time_limit`, that the
    clock of the send begins to run.
    """

    lines: Lines
    time_limit: Callable[[], TimeLimit]
    wire = Wire(())
    keep = False

    def __init__(self, **parsed: Any) -> None:
        super().__init__(**parsed)  # type: ignore[no-untyped-call]
        self._to = email_address(str(self.targets[0][1]))
        self._from = email_address(str(self.from_addr[1]))
        self._turn = threading.Lock()
        self._given_up = self._dot_may_be_out = False
        self._line: Line | None = None
        self.outcome: Outcome | None = None

    @property
    def addresses(self) -> tuple[str, str]:
        """Sender and recipient, in ASCII."""
        return self._from, self._to

    @property
    def account(self) -> Account:
        """The sending account, as connections are shared by it."""
        return Account(
            host=self.smtp_host,
            port=int(self.port or 0),
            security=_SECURITY.get(self.secure_mode or "", Security.PLAIN),
            verify=bool(self.verify_certificate),
            own_name=self._from.rpartition("@")[2],
            user=self.user or None,
            password=self.password or None,
        )

    def send(self, *_args: Any, **_kwargs: Any) -> bool:
        """Hand the message to the SMTP server once; `outcome` has the rest."""
        self.outcome = self._deliver()
        return self.outcome.fate is Fate.DELIVERED

    def give_up(self, said: str) -> Outcome:
        """Stop a send whose time is over, from another thread, and say what became of it.

        The sending thread asks before the closing dot: either it finds that it was given up, and
        nothing was delivered, or the dot may be out. Its line is cut, so that it ends.

        Args:
            said: how long it was waited, in words.
        """
        with self._turn:
            self._given_up = True
            line, outcome = self._line, self.outcome
        if line is not None:
            line.kill()
        if outcome is not None:  # it ended while we were told that its time is over
            return outcome
        if self._dot_may_be_out:
            return Outcome(fate=Fate.UNCERTAIN, detail=f"email: no answer {said}")
        return Outcome(fate=Fate.FAILED, detail=f"email: not handed over {said}")

    def _may_finish(self) -> bool:
        with self._turn:
            self._dot_may_be_out = not self._given_up
        return self._dot_may_be_out

    def _holds(self, line: Line | None) -> bool:
        """Remember the line at hand; return whether the send is still wanted."""
        with self._turn:
            self._line = line
            return not self._given_up

    def _deliver(self) -> Outcome:
        """Send over an idle line, and where that turns out closed, over a new one."""
        time_limit = self.time_limit()
        try:
            if not self._holds(None):
                raise TimeoutError("given up")  # before its turn came
            try:
                return self._over_a_line(time_limit, fresh=False)
            except LineWasDeadError:
                return self._over_a_line(time_limit, fresh=True)
        except NoLineError:
            return self._nothing_gets_through("all connections are in use")
        except smtplib.SMTPAuthenticationError as error:
            said = f"{error.smtp_code} at login, the sending account was refused"
            return self._nothing_gets_through(said)
        except smtplib.SMTPResponseException as error:
            return self._nothing_gets_through(f"{error.smtp_code} before the message")
        except ssl.SSLError:
            return self._nothing_gets_through("no secure connection to the server")
        except BROKEN as error:
            return self._nothing_gets_through(f"no connection ({type(error).__name__})")

    def _nothing_gets_through(self, said: str) -> Outcome:
        """Return what it means that no message was even begun: the trouble of a shared account."""
        fate = Fate.HELD_UP if self.keep else Fate.FAILED
        return Outcome(fate=fate, detail=f"email: {said}")

    def _over_a_line(self, time_limit: TimeLimit, *, fresh: bool) -> Outcome:
        parcel = Parcel(sender=self._from, recipient=self._to, wire=self.wire)
        with self.lines.lend(self.account, time_limit, fresh=fresh, keep=self.keep) as line:
            try:
                if not self._holds(line):
                    raise TimeoutError("given up")
                return Dialogue(line, parcel, time_limit).hold(may_finish=self._may_finish)
            finally:
                self._holds(None)
