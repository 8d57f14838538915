"""What each kind of channel can carry."""

from __future__ import annotations

from dataclasses import dataclass

from billing.values import Medium


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What a channel of one scheme takes.

    `attachments` bounds their number: on ntfy every attachment is a notification of its own, so
    there the PDF wins over the QR code. `takes_click` = a tap can lead to the pay link.
    """

    medium: Medium
    takes_pdf: bool = False
    takes_qr: bool = False
    attachments: int = 0
    takes_click: bool = False


_EMAIL = Capabilities(medium=Medium.EMAIL, takes_pdf=True, takes_qr=True, attachments=2)
_TELEGRAM = Capabilities(medium=Medium.CHAT, takes_pdf=True, takes_qr=True, attachments=2)
_NTFY = Capabilities(
    medium=Medium.PUSH, takes_pdf=True, takes_qr=True, attachments=1, takes_click=True
)
_TEXT_ONLY = Capabilities(medium=Medium.CHAT)

KNOWN = {
    "email": _EMAIL,
    "mailto": _EMAIL,
    "mailtos": _EMAIL,
    "telegram": _TELEGRAM,
    "tgram": _TELEGRAM,
    "ntfy": _NTFY,
    "ntfys": _NTFY,
    "whatsapp": _TEXT_ONLY,
}

PUSH = frozenset({
    "apprise", "bark", "barks", "fcm", "gotify", "gotifys", "join", "pbul", "prowl", "pover",
    "pushjet", "pushjets", "pushed", "pushme", "pushplus", "pushy", "psafer", "psafers", "simplepush",
    "spush", "vapid", "wxpusher",
})  # fmt: skip
SMS = frozenset({
    "46elks", "africas", "atalk", "bulksms", "burstsms", "clickatell", "clicksend", "d7sms",
    "elks", "freemobile", "httpsms", "kavenegar", "msg91", "msgbird", "nexmo", "plivo",
    "seven", "sinch", "smseagle", "smseagles", "smsmgr", "smsmanager", "sns", "threema", "twilio",
    "voipms", "vonage",
})  # fmt: skip


def medium_of(schema: str) -> Medium:
    """Return the form of message that fits an Apprise schema; one that is not listed is a chat."""
    if schema in KNOWN:
        return KNOWN[schema].medium
    if schema in SMS:
        return Medium.SMS
    return Medium.PUSH if schema in PUSH else Medium.CHAT


def capabilities_of(scheme: str, *, plugin_takes_files: bool) -> Capabilities:
    """Return what a channel of this scheme takes.

    Args:
        scheme: "email", "telegram", "ntfy" or an Apprise schema.
        plugin_takes_files: Apprise's own word about a schema that is not listed here.
    """
    if scheme in KNOWN:
        return KNOWN[scheme]
    medium = medium_of(scheme)
    takes = plugin_takes_files and medium is not Medium.SMS
    return Capabilities(
        medium=medium, takes_pdf=takes, takes_qr=takes, attachments=2 if takes else 0
    )
