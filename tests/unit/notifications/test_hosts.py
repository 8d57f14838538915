"""Hosts that a stranger names: the public internet, and every way around the question."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.ports import DestinationError
from notifications.hosts import is_public, plain_name, public_host
from notifications.own_destinations import own_destination

PUBLIC = "159.203.148.75"


def finds(*addresses: str):
    """Return a DNS that knows every name by these addresses."""

    def resolve(_name: str) -> Iterable[str]:
        if not addresses:
            raise OSError("no such name")
        return addresses

    return resolve


@pytest.mark.parametrize(
    "address",
    [PUBLIC, "8.8.8.8", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"],
)
def test_an_address_of_the_internet_is_public(address: str) -> None:
    """Also one of IPv4 that travels in IPv6."""
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "127.8.8.8", "0.0.0.1", "10.0.0.1", "172.16.0.1", "172.31.255.255"),
        *("192.168.1.1", "169.254.169.254", "100.64.0.1", "100.127.255.255", "192.0.2.1"),
        *("198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "192.88.99.1x"),
        *("::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "ff02::1"),
        *("2001:db8::1", "::ffff:127.0.0.1", "::ffff:7f00:1", "::127.0.0.1", "::ffff:0:7f00:1"),
        *("::ffff:169.254.169.254", "64:ff9b::7f00:1", "64:ff9b:1::808:808", "2002:7f00:1::"),
        *("2002:a9fe:a9fe::1", "2001:0:808:808::1", "", "localhost", "127.1", "2130706433"),
        *("8.8.8.8%eth0", "08.8.8.8"),
    ],
)
def test_an_address_inside_is_not_public(address: str) -> None:
    """Private, loopback, link-local, carriers' NAT, metadata, groups, and what stands for them."""
    assert not is_public(address)


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("ntfy.sh", "ntfy.sh"),
        ("NTFY.SH", "ntfy.sh"),
        ("ntfy.sh.", "ntfy.sh"),
        ("ntfy。sh", "ntfy.sh"),
        ("push.ñandú.com.ar", "push.xn--and-6ma2c.com.ar"),
        ("a.b.c.example", "a.b.c.example"),
    ],
)
def test_a_name_has_one_plain_form(typed: str, name: str) -> None:
    """Letters of any size and dots of any script lead to the same name."""
    assert plain_name(typed) == name


@pytest.mark.parametrize(
    "typed",
    [
        *("", ".", "..", "localhost", "localhost.", "LOCALHOST", "router", "ntfy..sh", ".ntfy.sh"),
        *("printer.local", "db.internal", "x.lan", "x.home.arpa", "x.localhost", "hidden.onion"),
        *("127.0.0.1", "127.0.0.1.", "127.1", "2130706433", "0x7f000001", "0x7f.0.0.1"),
        *("0177.0.0.1", "017700000001", "127.0.0.0x1", "１２７.0.0.1", "①②⑦.⓪.⓪.①", "1.2.3.4"),
        *("[::1]", "::1", "[::ffff:127.0.0.1]", "[fe80::1%25eth0]", "::ffff:7f00:1"),
        *("user@ntfy.sh", "ntfy.sh@127.0.0.1", "ntfy.sh:80@evil.example", "ntfy.sh:8080"),
        *(
            "ntfy.sh#.evil.example",
            "ntfy.sh\\.evil.example",
            "ntfy.sh%2eevil.example",
            "a b.example",
        ),
        *("ntfy.sh/x", "ntfy.sh\n.evil.example", "-x.example", "x-.example", "a_b.example"),
        *("a" * 64 + ".example", ".".join(["a" * 60] * 5), "ntfy.sh\x00"),
    ],
)
def test_what_is_no_plain_name_of_the_internet_is_none(typed: str) -> None:
    """Addresses in any spelling, names that lead inside, and tricks with what surrounds a host."""
    assert plain_name(typed) is None
    assert public_host(typed, resolve=finds(PUBLIC)) is None


def test_a_name_counts_by_every_address_that_it_has() -> None:
    """One address inside is enough to refuse it, and so is none."""
    assert public_host("ntfy.sh", resolve=finds(PUBLIC, "2606:4700:4700::1111")) == "ntfy.sh"
    assert public_host("ntfy.sh", resolve=finds(PUBLIC, "10.0.0.7")) is None
    assert public_host("ntfy.sh", resolve=finds("::ffff:10.0.0.7")) is None
    assert public_host("ntfy.sh", resolve=finds()) is None


@given(st.text(max_size=80))
def test_any_text_is_a_plain_name_or_none(text: str) -> None:
    """Whatever is typed, what is left is ASCII, lower case, with a dot and no digit at its end."""
    name = plain_name(text)
    if name is not None:
        assert plain_name(name) == name
        assert name.isascii()
        assert name == name.lower()
        assert "." in name


# -- what a customer may name ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "scheme", "value"),
    [
        ("ana@example.org", "email", "ana@example.org"),
        ("mailto:ana@example.org", "email", "ana@example.org"),
        ("telegram:12345", "telegram", "12345"),
        ("ntfy:ana-7f3k2", "ntfy", "ana-7f3k2"),
        ("ntfys://ntfy.sh/ana-7f3k2", "ntfys", "ntfys://ntfy.sh/ana-7f3k2"),
        ("ntfy://NTFY.sh./ana-7f3k2/", "ntfys", "ntfys://ntfy.sh/ana-7f3k2"),
    ],
)
def test_a_customer_names_an_address_a_chat_or_a_topic(typed: str, scheme: str, value: str) -> None:
    """Over the accounts of the ISP, or on a public host that is listed, always with TLS."""
    parsed = own_destination(typed, resolve=finds(PUBLIC))

    assert (parsed.scheme, parsed.value) == (scheme, value)
    assert not parsed.ban_risk


@pytest.mark.parametrize(
    "typed",
    [
        *("json://127.0.0.1/x", "jsons://hook.example/x", "xml://hook.example", "form://h.example"),
        *("file:///etc/passwd", "file:/etc/passwd", "syslog://", "dbus://", "windows://"),
        *("mailto://u:pw@smtp.example.org/ana@x.org", "tgram://123:abc/5", "discord://a/b"),
        *("whapi://abc/5493546555001", "evolution://k@h.example/i/549", "http://hook.example"),
        *("ntfy://ntfy.sh", "ntfy://ana-topic", "ntfy://ntfy.sh/a/b", "ntfys://ntfy.sh/a?click=x"),
        *("ntfy://u:p@ntfy.sh/a", "ntfy://ntfy.sh:8080/a", "ntfy://ntfy.sh@127.0.0.1/a"),
        *("ntfy://127.0.0.1/a", "ntfy://[::1]/a", "ntfy://2130706433/a", "ntfy://evil.example/a"),
        *("ntfy://ntfy.sh.evil.example/a", "ntfy://ntfy.sh\\@evil.example/a", "ntfy://ntfy.sh#/a"),
        *(
            "ana@localhost",
            "ana@127.0.0.1",
            "ana@mail.internal",
            "ana@[127.0.0.1]",
            "ana@2130706433",
        ),
        *(
            "ana@x.org,bea@x.org",
            "telegram:https://x",
            "ntfy:a/b",
            "",
            " ",
            "x",
            "a" * 3000,
            "a\nb@x.org",
        ),
    ],
)
def test_everything_else_is_the_operators(typed: str) -> None:
    """Refused in words that name the few forms and repeat nothing of what was typed."""
    with pytest.raises(DestinationError) as error:
        own_destination(typed, resolve=finds(PUBLIC))

    assert "ana@example.org" in str(error.value)
    for secret in ("pw@", "evil", "127.0", "passwd", "abc"):
        assert secret not in str(error.value)


def test_a_listed_host_that_leads_inside_is_refused() -> None:
    """The DNS may say today what it did not say yesterday."""
    typed = "ntfys://push.isp.example/ana"
    hosts = {"push.isp.example"}

    assert own_destination(typed, resolve=finds(PUBLIC), ntfy_hosts=hosts).value == typed
    for addresses in ((), ("127.0.0.1",), (PUBLIC, "192.168.0.1")):
        with pytest.raises(DestinationError):
            own_destination(typed, resolve=finds(*addresses), ntfy_hosts=hosts)
