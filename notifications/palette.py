"""The colours of the e-mail. Every pair of text and ground is checked for WCAG AA by a test."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from billing.values import AlertKind, NoticeKind


class Tone(StrEnum):
    """The mood of a message."""

    CALM = "calm"
    SOON = "soon"
    LATE = "late"
    GOOD = "good"
    QUIET = "quiet"


@dataclass(frozen=True, slots=True)
class Shades:
    """One tone on one ground: the bar, the soft panel, and the text on that panel."""

    bar: str
    soft: str
    text: str


@dataclass(frozen=True, slots=True)
class Ground:
    """The colours that all messages share."""

    page: str
    card: str
    line: str
    text: str
    muted: str
    button: str
    button_text: str


LIGHT = Ground(
    page="#eef1f6",
    card="#ffffff",
    line="#e2e7ef",
    text="#16202e",
    muted="#56637a",
    button="#1b4fd6",
    button_text="#ffffff",
)
DARK = Ground(
    page="#0d1219",
    card="#171e29",
    line="#2b3545",
    text="#eef2f8",
    muted="#a3afc2",
    button="#2f64e6",
    button_text="#ffffff",
)

TONES_LIGHT = {
    Tone.CALM: Shades(bar="#1b4fd6", soft="#ecf2fe", text="#173f9f"),
    Tone.SOON: Shades(bar="#c07503", soft="#fdf4e1", text="#7c4a03"),
    Tone.LATE: Shades(bar="#c8493f", soft="#fcefed", text="#8f2b23"),
    Tone.GOOD: Shades(bar="#1d8a54", soft="#e9f7ef", text="#14613b"),
    Tone.QUIET: Shades(bar="#7a869b", soft="#f1f4f8", text="#465268"),
}
TONES_DARK = {
    Tone.CALM: Shades(bar="#5b8bff", soft="#1b2a4a", text="#bcd0ff"),
    Tone.SOON: Shades(bar="#e0a035", soft="#35290f", text="#f7d692"),
    Tone.LATE: Shades(bar="#dd6a60", soft="#3a2020", text="#fbbdb6"),
    Tone.GOOD: Shades(bar="#3fae76", soft="#15321f", text="#a5e6c3"),
    Tone.QUIET: Shades(bar="#7a869b", soft="#222b39", text="#c4cddb"),
}

TONE_OF = {
    AlertKind.ISSUED: Tone.CALM,
    AlertKind.DUE_SOON: Tone.SOON,
    AlertKind.DUE_TODAY: Tone.SOON,
    AlertKind.SECOND_DUE_SOON: Tone.SOON,
    AlertKind.OVERDUE: Tone.LATE,
    AlertKind.CUTOFF_WARNING: Tone.LATE,
    AlertKind.PAID: Tone.GOOD,
    AlertKind.CHANGED: Tone.CALM,
    AlertKind.VOIDED: Tone.QUIET,
    AlertKind.DIGEST: Tone.LATE,
    AlertKind.WELCOME: Tone.GOOD,
    AlertKind.TEST: Tone.QUIET,
}

TONE_OF_NOTICE = {
    NoticeKind.SYNC_HELD: Tone.LATE,
    NoticeKind.SYNC_RESUMED: Tone.GOOD,
    NoticeKind.WISPRO_TROUBLE: Tone.SOON,
    NoticeKind.WISPRO_BACK: Tone.GOOD,
    NoticeKind.ODD_DATES: Tone.SOON,
    NoticeKind.BOT_TROUBLE: Tone.SOON,
    NoticeKind.CHANNELS_CLOSED: Tone.SOON,
    NoticeKind.SECRET_UNREADABLE: Tone.LATE,
    NoticeKind.PROVIDER_RESTING: Tone.LATE,
    NoticeKind.PROVIDER_RECOVERED: Tone.GOOD,
    NoticeKind.SMS_BUDGET: Tone.SOON,
    NoticeKind.NO_LOOKS: Tone.LATE,
    NoticeKind.LOOKS_BACK: Tone.GOOD,
    NoticeKind.NO_SENDS: Tone.LATE,
    NoticeKind.SENDS_BACK: Tone.GOOD,
    NoticeKind.OPERATOR_DIGEST: Tone.CALM,
}
