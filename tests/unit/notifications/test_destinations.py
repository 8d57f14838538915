"""What people type as a destination or as a sending account."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from billing.ports import DestinationError
from billing.values import Medium
from notifications.door import AppriseDoor

DOOR = AppriseDoor()
TOKEN = "123456789:abcdefghij"
SID = "AC" + "1" * 32
SMS = f"twilio://{SID}:{'2' * 32}@+15551234567/+15557654321"


@pytest.mark.parametrize(
    ("typed", "scheme", "medium", "value", "label"),
    [
        ("ana@example.org", "email", Medium.EMAIL, "ana@example.org", "a…@example.org"),
        (" Ana.R@EXAMPLE.org ", "email", Medium.EMAIL, "Ana.R@example.org", "A…@example.org"),
        ("email:a@b.co", "email", Medium.EMAIL, "a@b.co", "a…@b.co"),
        (
            "ana@ñandú.com.ar",
            "email",
            Medium.EMAIL,
            "ana@xn--and-6ma2c.com.ar",
            "a…@xn--and-6ma2c.com.ar",
        ),
        ("telegram:12345", "telegram", Medium.CHAT, "12345", "telegram …345"),
        ("Telegram: -100123", "telegram", Medium.CHAT, "-100123", "telegram …123"),
        ("telegram:@interatos", "telegram", Medium.CHAT, "@interatos", "telegram @interatos"),
        ("ntfy:Zx9_ab", "ntfy", Medium.PUSH, "Zx9_ab", "ntfy …ab"),
    ],
)
def test_short_forms_go_over_the_providers_account(
    typed: str, scheme: str, medium: Medium, value: str, label: str
) -> None:
    """An address, a chat or a topic is understood and its label is masked."""
    parsed = DOOR.parse_destination(typed)

    assert (parsed.scheme, parsed.medium, parsed.value) == (scheme, medium, value)
    assert parsed.label == label
    assert parsed.needs_transport
    assert value not in repr(parsed).replace(label, "")


@pytest.mark.parametrize(
    ("url", "scheme", "medium", "label"),
    [
        (
            "mailto://u:pw@smtp.example.org/ana@x.org?from=av@isp.example",
            "mailto",
            Medium.EMAIL,
            "mailto a…@x.org",
        ),
        (f"tgram://{TOKEN}/12345", "tgram", Medium.CHAT, "tgram …45"),
        ("ntfys://ntfy.example.org/topic", "ntfys", Medium.PUSH, "ntfys …ic"),
        ("ntfy://topic?retry=3&wait=9&redirect=yes", "ntfy", Medium.PUSH, "ntfy …ic"),
        ("json://127.0.0.1:9/secret", "json", Medium.CHAT, None),
        ("gotify://push.example.org/AbCdEfGhIjKlMn", "gotify", Medium.PUSH, None),
        (SMS, "twilio", Medium.SMS, "twilio …21"),
    ],
)
def test_a_whole_url_stands_by_itself(
    url: str, scheme: str, medium: Medium, label: str | None
) -> None:
    """Any Apprise URL with one recipient is a channel, in the form of message that fits it."""
    parsed = DOOR.parse_destination(url)

    assert (parsed.scheme, parsed.medium, parsed.value) == (scheme, medium, url)
    assert not parsed.needs_transport
    assert label is None or parsed.label == label
    assert parsed.label.startswith(scheme)
    assert "secret" not in parsed.label
    assert len(parsed.label) < 30


def test_two_urls_without_a_recipient_look_different() -> None:
    """Support can tell two webhooks apart without seeing either."""
    one, two = (DOOR.parse_destination(f"json://127.0.0.1/{path}").label for path in "ab")

    assert one != two


SECRET = "hunter2SECRET"
REFUSED = [
    "",
    "null",
    "ana",
    "ana@localhost",
    "a@b.co,c@d.co",
    "a@b.co c@d.co",
    "Ana <ana@example.org>",
    "ana@example.org\r\nBcc: x@example.org",
    "ana@example.org\n",
    "ñandú@example.org",
    "ana@-example.org",
    "ana@exa_mple.org",
    "ana..x@example.org",
    '"ana x"@example.org',
    f"{'a' * 65}@example.org",
    "ana\u202e@example.org",
    "telegram:",
    "telegram:ana",
    "telegram:0",
    "telegram:1/2",
    "ntfy:",
    "ntfy:a b",
    "ntfy:a/b",
    f"ntfy:{'a' * 65}",
    "fax:123",
    f"nope://{SECRET}",
    "json://",
    "x" * 3000,
    f"mailto://u:{SECRET}@smtp.example.org?from=av@isp.example",
    f"mailto://u:{SECRET}@smtp.example.org/a@b.co/c@d.co?from=av@isp.example",
    f"mailto://u:{SECRET}@smtp.example.org/a@b.co?from=av@isp.example&cc=c@d.co",
    f"mailto://u:{SECRET}@smtp.example.org/a@b.co?from=av@isp.example&bcc=c@d.co",
    f"mailto://u:{SECRET}@smtp.example.org/a@b.co, mailto://u:p@smtp.example.org/c@d.co",
    f"tgram://{TOKEN}{SECRET}",
    f"tgram://{TOKEN}{SECRET}/1/2",
    f"ntfys://tk_{SECRET}@ntfy.example.org",
    f"ntfys://tk_{SECRET}@ntfy.example.org/a/b",
    f"{SMS}/+15557654322",
    "syslog://",
    "dbus://",
    "windows://",
    f"vapid://av@isp.example/{SECRET}?keyfile=/etc/passwd&subfile=/etc/shadow&mode=x",
]


@pytest.mark.parametrize("typed", REFUSED)
def test_what_cannot_work_is_refused_without_being_repeated(typed: str) -> None:
    """No list, no second recipient, no display name, and no secret in the error."""
    with pytest.raises(DestinationError) as error:
        DOOR.parse_destination(typed)

    assert SECRET not in str(error.value)
    assert len(str(error.value)) > 20


def test_an_address_with_accents_is_refused_by_name() -> None:
    """Who types ñ before the @ is told that this is what many servers refuse."""
    with pytest.raises(DestinationError, match="accents before the @"):
        DOOR.parse_destination("ñandú@example.org")


@settings(max_examples=150, deadline=None)
@given(
    st.text(max_size=60)
    | st.from_regex(r"(mailto|tgram|ntfys?|json|twilio|slack|vapid)://[ -~]{0,40}", fullmatch=True)
)
def test_anything_typed_is_understood_or_refused(typed: str) -> None:
    """No input makes Apprise or us raise anything else."""
    try:
        parsed = DOOR.parse_destination(typed)
    except DestinationError:
        return
    assert parsed.value


@pytest.mark.parametrize(
    ("scheme", "url"),
    [
        ("email", "mailto://127.0.0.1:2525?from=avisos@isp.example"),
        ("email", f"mailtos://user:{SECRET}@smtp.example.org?from=avisos@isp.example"),
        ("email", f"mailtos://user:{SECRET}@gmail.com"),
        ("telegram", f"tgram://{TOKEN}"),
        ("telegram", f"tgram://{TOKEN}/"),
        ("ntfy", "ntfy://127.0.0.1:8080"),
        ("ntfy", f"ntfys://tk_{SECRET}@ntfy.example.org/"),
        ("ntfy", "ntfys://ntfy.sh"),
    ],
)
def test_a_sending_account_names_no_recipient(scheme: str, url: str) -> None:
    """The documented forms are accepted as they are, local test servers included."""
    assert DOOR.check_transport(scheme, url) == url


@pytest.mark.parametrize(
    ("scheme", "url"),
    [
        ("email", ""),
        ("email", f"mailto://{SECRET}"),
        ("email", "mailto://127.0.0.1:25"),
        ("email", f"mailto://u:{SECRET}@smtp.example.org/a@b.co?from=av@isp.example"),
        ("email", f"mailto://u:{SECRET}@smtp.example.org?from=av@isp.example&bcc=a@b.co"),
        ("email", f"mailto://u:{SECRET}@smtp.example.org?from=ñ@isp.example"),
        ("email", f"tgram://{TOKEN}{SECRET}"),
        ("telegram", "tgram://"),
        ("telegram", f"tgram://{TOKEN}{SECRET}/5"),
        ("telegram", f"mailto://u:{SECRET}@smtp.example.org"),
        ("ntfy", "ntfys://"),
        ("ntfy", f"ntfy://tk_{SECRET}@host/topic"),
        ("sms", SMS),
    ],
)
def test_an_unusable_sending_account_is_refused_without_being_repeated(
    scheme: str, url: str
) -> None:
    """The error shows the form of an account, never the account."""
    with pytest.raises(DestinationError) as error:
        DOOR.check_transport(scheme, url)

    assert SECRET not in str(error.value)
