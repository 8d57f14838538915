"""From what a provider answered to what became of the message.

Apprise exposes no status code: it is only in the text that a plugin logs ("…error=429."), and the
reason of a broken connection only in its debug text. The texts also hold chat ids, topics and
tokens, so they are read here and never passed on: `detail` is made of our own words and numbers.

Between *failed* and *uncertain* the question is whether the request may have gone out. Between
*rejected*, *failed* and *held up* it is whose fault it is: a destination that will never work is
disabled; a message that was refused is tried a few times; where nothing gets through at all (the
provider is away, or had enough of us) it costs no message its tries and no customer their channel,
and the account rests.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from billing.letter import Fate, Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable

# ntfy logs its own five digits (42901), everybody else the HTTP status.
_STATUS = re.compile(r"\berror[=:]\s*(\d{3})(\d{2})?\b")
_RETRY_AFTER = re.compile(r"retry[ _-]after\\?[\"']?\s*[:=]?\s*(\d{1,6})", re.IGNORECASE)

# requests never got as far as sending.
_NEVER_SENT = re.compile(
    r"NewConnectionError|ConnectTimeout|NameResolutionError|Failed to establish a new connection"
    r"|Connection refused|CERTIFICATE_VERIFY_FAILED|SSLCertVerificationError|ProxyError"
    r"|Name or service not known|No route to host|Invalid URL",
)
_BROKEN = re.compile(r"(Socket|I/O|Notification) Exception")

# Telegram's own words for a chat that will never take a message from this bot.
_GONE = re.compile(
    r"chat not found|bot was blocked|user is deactivated|bot was kicked|PEER_ID_INVALID"
    r"|can't initiate conversation|group chat was upgraded|not a member of the (?:channel|chat)"
    r"|need administrator rights|have no rights to send|chat_write_forbidden|group chat was deleted"
    r"|bots can't send messages to bots",
    re.IGNORECASE,
)
_SENT_SOMETHING = re.compile(r"^Sent Telegram (?:attachment|notification)")

LONGEST_PAUSE = 24 * 3600.0
#: Bad gateway, service unavailable: no message gets through, whatever is in it.
_PROVIDER_AWAY = frozenset({502, 503})


def judge(texts: Iterable[str], *, scheme: str, shared: bool) -> Outcome:
    """Return the fate of a send that Apprise calls a failure.

    Args:
        texts: everything the plugin logged, debug included, in order.
        scheme: "telegram", "ntfy" or an Apprise schema.
        shared: whether the sending account is the ISP's own and serves other customers too.
    """
    lines = list(texts)
    everything = "\n".join(lines)
    if any(_SENT_SOMETHING.match(line) for line in lines):
        # The text travels with the first attachment: sending again would repeat it.
        return Outcome(
            fate=Fate.DELIVERED, detail=f"{scheme}: the message went out, an attachment did not"
        )
    statuses = [int(match[1]) for match in _STATUS.finditer(everything)]
    if statuses:
        return _by_status(statuses[-1], everything, scheme=scheme, shared=shared)
    if _BROKEN.search(everything):
        if _NEVER_SENT.search(everything):
            fate = Fate.HELD_UP if shared else Fate.FAILED
            return Outcome(fate=fate, detail=f"{scheme}: no connection to the provider")
        return Outcome(
            fate=Fate.UNCERTAIN, detail=f"{scheme}: the connection broke before an answer"
        )
    return Outcome(fate=Fate.UNCERTAIN, detail=f"{scheme}: refused without a reason")


def _by_status(status: int, text: str, *, scheme: str, shared: bool) -> Outcome:
    said = f"{scheme}: answered {status}"
    if status == 429:
        return Outcome(fate=Fate.HELD_UP, detail=f"{said}, too many", retry_after=_pause(text))
    if status == 504:
        return Outcome(fate=Fate.UNCERTAIN, detail=f"{said}, a gateway gave up waiting")
    if status < 300:
        return Outcome(fate=Fate.UNCERTAIN, detail=f"{said}, in words that Apprise does not know")
    fate, why = Fate.FAILED, "the message was refused"
    if status in _PROVIDER_AWAY:
        fate, why = Fate.HELD_UP, "the provider is not at work"
    elif status >= 500 or status in {408, 425}:
        why = "trouble at the provider"
    elif status < 400:
        why = "a redirect that we do not follow"
    elif scheme in {"telegram", "tgram"}:
        if _GONE.search(text) or status == 403:
            fate, why = Fate.REJECTED, "the chat does not take messages from this bot"
        elif status in {401, 404}:
            fate, why = Fate.HELD_UP, "the bot token is not valid"
    elif status in {401, 403, 404, 410}:
        if shared and status == 401:
            fate, why = Fate.HELD_UP, "the sending account was refused"
        elif shared:  # perhaps only this one destination: it must not hold up the others
            why = "the sending account may not write there"
        else:
            fate, why = Fate.REJECTED, "the destination is gone or closed"
    return Outcome(fate=fate, detail=f"{said}, {why}")


def _pause(text: str) -> float | None:
    pauses = [float(match[1]) for match in _RETRY_AFTER.finditer(text)]
    return min(max(pauses), LONGEST_PAUSE) if pauses else None


# SMTP: RFC 5321 section 4.2, enhanced codes of RFC 3463.
_ENHANCED = re.compile(rb"^\s*([245])\.(\d{1,3})\.(\d{1,3})\b")
_NO_SUCH_MAILBOX = frozenset({550, 551, 553, 556})
_MAILBOX_FAULTS = frozenset({
    (1, 0), (1, 1), (1, 2), (1, 3), (1, 6), (1, 10), (2, 0), (2, 1), (4, 4),
})  # fmt: skip


def by_smtp_reply(stage: str, code: int, reply: bytes) -> Outcome:
    """Return the fate that an SMTP refusal means.

    A recipient is rejected for good only where the server says that the mailbox itself is wrong; a
    refusal of policy, relaying, size or content is the sender's matter.

    Args:
        stage: where in the dialogue: "RCPT", "DATA" …
        code: the three digits.
        reply: the text after them, read for its enhanced code and not passed on.
    """
    match = _ENHANCED.match(reply)
    subject_detail = (int(match[2]), int(match[3])) if match else None
    shown = f"{code} {match[0].decode().strip()}" if match else str(code)
    said = f"email: {shown} at {stage}"
    if code == 421 or (code < 500 and stage == "MAIL"):
        # 421 closes the connection, and at MAIL nobody has been named yet.
        return Outcome(fate=Fate.HELD_UP, detail=f"{said}, try again later")
    if code < 500:
        return Outcome(fate=Fate.FAILED, detail=f"{said}, try again later")
    if subject_detail is not None:
        final = subject_detail in _MAILBOX_FAULTS and stage in {"RCPT", "the message"}
    else:
        final = stage == "RCPT" and code in _NO_SUCH_MAILBOX
    if final:
        return Outcome(fate=Fate.REJECTED, detail=f"{said}, the mailbox does not take mail")
    return Outcome(fate=Fate.FAILED, detail=f"{said}, refused")
