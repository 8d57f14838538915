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

EMAIL = frozenset({
    "brevo", "mailersend", "mailgun", "o365", "postmark", "resend", "sendgrid", "sendpulse", "ses",
    "smtp2go", "sparkpost",
})  # fmt: skip
PUSH = frozenset({
    "bark", "barks", "chanify", "fcm", "gorush", "gorushs", "gotify", "gotifys", "growl", "join",
    "lametric", "lametrics", "notica", "noticas", "onesignal", "pbul", "pinglet", "pinglets",
    "pjet", "pjets", "pover", "prowl", "psafer", "psafers", "push", "pushdeer", "pushdeers",
    "pushed", "pushme", "pushplus", "pushward", "pushy", "schan", "simplepush", "spugpush", "spush",
    "vapid", "wpush", "wxpusher",
})  # fmt: skip
SMS = frozenset({
    "46elks", "atalk", "bulksms", "bulkvs", "burstsms", "clickatell", "clicksend", "cm", "d7sms",
    "elks", "exotel", "freemobile", "httpsms", "infobip", "kaleyra", "kavenegar", "kudosity",
    "mobilemessage", "mobilemsg", "msg91", "msgbird", "nexmo", "notifyre", "octopush", "plivo",
    "ringc", "serwersms", "seven", "sfr", "sinch", "smpp", "smpps", "smsc", "smseagle", "smseagles",
    "smsmanager", "smsmgr", "smstunnel", "sns", "telesign", "telnyx", "twilio", "voipms", "vonage",
})  # fmt: skip


def medium_of(schema: str) -> Medium:
    """Return the form of message that fits an Apprise schema; one that is not listed is a chat."""
    if schema in KNOWN:
        return KNOWN[schema].medium
    if schema in EMAIL:
        return Medium.EMAIL
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
    # Only our own e-mail shows a picture inside the text; a loose one would just be in the way.
    picture = takes and medium is not Medium.EMAIL
    return Capabilities(
        medium=medium, takes_pdf=takes, takes_qr=picture, attachments=takes + picture
    )
