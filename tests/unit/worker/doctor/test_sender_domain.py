"""What the doctor makes of the records of a sender's domain, asked of a real name server."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from notifications.sender import Sender, sender_of
from tests.support.nameserver import Nameserver
from worker.doctor.sender_domain import USUAL_SELECTORS, sender_findings
from worker.records import Records, UnknownError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from worker.doctor.finding import Finding

DOMAIN, SERVER = "avisos.isp.ar", "smtp.isp.ar"
ADDRESS = "192.0.2.25"


def key(bits: int = 2048) -> str:
    """Return an RSA key as it is published."""
    public = rsa.generate_private_key(65537, bits).public_key()
    der = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(der).decode()


def txt(text: str) -> str:
    """Return a text in pieces of 200, as long ones are published."""
    return " ".join(f'"{text[at : at + 200]}"' for at in range(0, len(text), 200))


GOOD_KEY = key()
GOOD = {
    f"{DOMAIN} TXT": ['"site-verification=1"', f'"v=spf1 ip4:{ADDRESS} mx ~all"'],
    f"{DOMAIN} MX": ["20 mail2.isp.ar.", "10 mail.isp.ar."],
    "mail.isp.ar A": ["192.0.2.26"],
    f"{SERVER} A": [ADDRESS],
    f"mail._domainkey.{DOMAIN} TXT": [txt(f"v=DKIM1; k=rsa; p={GOOD_KEY}")],
    f"_dmarc.{DOMAIN} TXT": ['"v=DMARC1; p=quarantine; rua=mailto:d@isp.ar"'],
}


@pytest.fixture
def nameserver() -> Iterator[Nameserver]:
    """A name server with a domain where everything is as it should be."""
    with Nameserver(GOOD) as server:
        yield server


def ask(nameserver: Nameserver, sender: Sender | None = None) -> dict[str, Finding]:
    """Return what is found of a sender, by the record it is about."""
    records = Records(["127.0.0.1"], port=nameserver.port, seconds=0.5)
    found = sender_findings("isp", sender or Sender(DOMAIN, SERVER), records)
    return {one.what.rpartition(" ")[2]: one for one in found}


def test_a_domain_in_order_is_no_complaint(nameserver: Nameserver) -> None:
    """Each record is a line in plain words, and none of them is to be mended."""
    found = ask(nameserver)
    assert {name: (one.ok, one.found, one.mend) for name, one in found.items()} == {
        "SPF": (True, "published, 1 of the 10 lookups that are allowed", None),
        "DKIM": (True, "a key is published under mail", None),
        "DMARC": (True, f"published at _dmarc.{DOMAIN}, p=quarantine", None),
        "MX": (True, "mail for it goes to mail.isp.ar, mail2.isp.ar", None),
    }


def test_an_empty_domain_is_told_each_record_to_publish(nameserver: Nameserver) -> None:
    """What lacks, why it matters, and the very record."""
    nameserver.zone = {f"{SERVER} A": [ADDRESS]}
    found = ask(nameserver, Sender(DOMAIN, SERVER, "s2026"))
    assert not any(one.ok for one in found.values())
    mends = {name: one.mend for name, one in found.items()}
    assert mends["SPF"] == f'publish TXT {DOMAIN} "v=spf1 a:{SERVER} ~all"'
    assert str(mends["DKIM"]).startswith(f'publish TXT s2026._domainkey.{DOMAIN} "v=DKIM1; k=rsa;')
    assert mends["DMARC"] == (
        f'publish TXT _dmarc.{DOMAIN} "v=DMARC1; p=none; rua=mailto:postmaster@{DOMAIN}"'
    )
    assert str(mends["MX"]).startswith(f'publish MX {DOMAIN} "10 mail.{DOMAIN}"')
    assert all(": " in one.found for one in found.values())


@pytest.mark.parametrize(
    ("records", "ok", "said"),
    [
        (["v=spf1 a:smtp.isp.ar -all"], True, "1 of the 10"),
        (["v=spf1 -all"], True, f"it does not name {SERVER}"),
        (["v=spf1 a:smtp.isp.ar"], True, 'without "~all" or "-all"'),
        (["v=spf1 +all"], False, "anybody may send"),
        (["v=spf1 all"], False, "anybody may send"),
        (["v=spf1 -all", "v=spf1 mx ~all"], False, "2 SPF records"),
        (["v=spf1 a:smtp.isp.ar ipv4:1.2.3.4 ~all"], False, "'ipv4:1.2.3.4'"),
        (["v=spf1 ip4:1.2.3 ~all"], False, "no address"),
        (["v=spf1 include:nowhere.isp.ar ~all"], False, "nowhere.isp.ar is named, and has none"),
        (["v=spf1 include:avisos.isp.ar ~all"], False, "more than 10 lookups"),
        (["v=spf1 redirect=deep.isp.ar"], True, "2 of the 10"),
        (["v=spf1 include:deep.isp.ar ~all"], True, "2 of the 10"),
        ([f"v=spf1 {'a:x.isp.ar ' * 11}~all"], False, "more than 10 lookups"),
        ([f"v=spf1 ~all {'a:x.isp.ar ' * 11}"], True, "0 of the 10"),
        (["v=spf10 -all"], False, "no record"),
        (["V=SPF1 A:SMTP.ISP.AR -ALL"], True, "1 of the 10"),
    ],
)
def test_spf(nameserver: Nameserver, records: list[str], *, ok: bool, said: str) -> None:
    """One record, that can be read, names the server, and closes."""
    nameserver.zone[f"{DOMAIN} TXT"] = [txt(record) for record in records]
    nameserver.zone["deep.isp.ar TXT"] = ['"v=spf1 a:smtp.isp.ar ~all"']
    found = ask(nameserver)["SPF"]
    assert (found.ok, said in found.found) == (ok, True), found
    assert found.ok == (found.mend is None)


def test_over_a_provider_its_servers_must_be_named(nameserver: Nameserver) -> None:
    """Whoever sends over Gmail needs Gmail's servers in the record, directly or through another."""
    sender = Sender(DOMAIN, "smtp.gmail.com")
    found = ask(nameserver, sender)["SPF"]
    assert not found.ok
    assert str(found.mend).startswith("add include:_spf.google.com to the record")

    nameserver.zone[f"{DOMAIN} TXT"] = ['"v=spf1 include:all.isp.ar ~all"']
    nameserver.zone["all.isp.ar TXT"] = ['"v=spf1 include:_spf.google.com ~all"']
    nameserver.zone["_spf.google.com TXT"] = ['"v=spf1 ip4:192.0.2.0/24 ~all"']
    assert ask(nameserver, sender)["SPF"].ok
    assert not ask(nameserver, Sender(DOMAIN, "notgmail.com"))["SPF"].mend


@pytest.mark.parametrize(
    ("record", "ok", "said"),
    [
        (f"p={GOOD_KEY}", True, "published under s2026"),
        (f"v=DKIM1; t=y; p={GOOD_KEY}", True, "only a test"),
        ("v=DKIM1; p=" + key(1024), True, "it has 1024"),
        ("v=DKIM1; p=", False, "revoked"),
        ("v=DKIM1; p=bm8ga2V5", False, "cannot be read"),
        ("v=DKIM1; p=ñ", False, "cannot be read"),
        ("v=spf1 -all", False, "no key under the selector s2026"),
        ("v=DKIM2; p=x", False, "no key under the selector s2026"),
    ],
)
def test_dkim_under_a_given_selector(
    nameserver: Nameserver, record: str, *, ok: bool, said: str
) -> None:
    """The key must be there, be a key, and be long enough."""
    nameserver.zone[f"s2026._domainkey.{DOMAIN} TXT"] = [txt(record)]
    found = ask(nameserver, Sender(DOMAIN, SERVER, "s2026"))["DKIM"]
    assert (found.ok, said in found.found) == (ok, True), found
    assert not any("mail._domainkey" in one for one in nameserver.asked)


def test_an_elliptic_key_has_no_length_to_complain_of(nameserver: Nameserver) -> None:
    """Ed25519 (RFC 8463) is short and strong."""
    public = ed25519.Ed25519PrivateKey.generate().public_key()
    raw = base64.b64encode(public.public_bytes(Encoding.Raw, PublicFormat.Raw)).decode()
    nameserver.zone[f"e._domainkey.{DOMAIN} TXT"] = [txt(f"v=DKIM1; k=ed25519; p={raw}")]
    assert ask(nameserver, Sender(DOMAIN, SERVER, "e"))["DKIM"].found.endswith("under e")


def test_a_key_behind_an_alias_is_found(nameserver: Nameserver) -> None:
    """Microsoft and Amazon have their customers publish a CNAME."""
    nameserver.zone[f"selector1._domainkey.{DOMAIN} CNAME"] = ["k.provider.ar."]
    nameserver.zone["k.provider.ar TXT"] = [txt(f"v=DKIM1; p={GOOD_KEY}")]
    assert "selector1" in ask(nameserver)["DKIM"].found


def test_without_a_selector_no_key_is_no_fault(nameserver: Nameserver) -> None:
    """Only the usual names can be guessed, so the finding says what to give."""
    del nameserver.zone[f"mail._domainkey.{DOMAIN} TXT"]
    found = ask(nameserver)["DKIM"]
    assert found.ok
    assert "could not be checked" in found.found
    assert "dkim=SELECTOR" in found.found
    assert sum("_domainkey" in one for one in nameserver.asked) == len(USUAL_SELECTORS)


@pytest.mark.parametrize(
    ("zone", "ok", "said"),
    [
        ({DOMAIN: "v=DMARC1; p=none"}, True, "it watches only"),
        ({DOMAIN: "v=DMARC1; p=reject"}, True, "nobody reports to you"),
        ({"isp.ar": "v=DMARC1; p=reject; sp=none; rua=mailto:a@isp.ar"}, True, "isp.ar, p=none"),
        ({"isp.ar": "v=DMARC1; p=reject; rua=mailto:a@isp.ar"}, True, "_dmarc.isp.ar, p=reject"),
        ({"ar": "v=DMARC1; p=reject"}, False, "no record"),
        ({"isp.ar": "v=DMARC1; p=reject; psd=y"}, False, "no record"),
        ({DOMAIN: "v=DMARC1; rua=mailto:a@isp.ar"}, False, "'missing'"),
        ({DOMAIN: "v=DMARC1; p=block"}, False, "'block'"),
        ({DOMAIN: "v=spf1 -all"}, False, "no record"),
    ],
)
def test_dmarc(nameserver: Nameserver, zone: dict[str, str], *, ok: bool, said: str) -> None:
    """A policy that receivers know, at the domain or at the organisation above it."""
    del nameserver.zone[f"_dmarc.{DOMAIN} TXT"]
    for owner, record in zone.items():
        nameserver.zone[f"_dmarc.{owner} TXT"] = [txt(record)]
    found = ask(nameserver)["DMARC"]
    assert (found.ok, said in found.found) == (ok, True), found


def test_two_dmarc_records_are_none(nameserver: Nameserver) -> None:
    """Receivers ignore both (RFC 7489, 6.6.3)."""
    nameserver.zone[f"_dmarc.{DOMAIN} TXT"] = ['"v=DMARC1; p=none"', '"v=DMARC1; p=reject"']
    found = ask(nameserver)["DMARC"]
    assert (found.ok, found.mend) == (False, f"leave one of the TXT records of _dmarc.{DOMAIN}")


@pytest.mark.parametrize(
    ("more", "ok", "said"),
    [
        ({"MX": ["0 ."]}, False, "takes no mail"),
        ({"MX": ["10 gone.isp.ar."]}, False, "gone.isp.ar has no address"),
        ({}, False, "it takes no mail"),
        ({"A": ["192.0.2.1"]}, True, "the host of that name"),
    ],
)
def test_mx(nameserver: Nameserver, more: dict[str, list[str]], *, ok: bool, said: str) -> None:
    """Returned mail and answers need somewhere to go."""
    del nameserver.zone[f"{DOMAIN} MX"]
    nameserver.zone |= {f"{DOMAIN} {kind}": records for kind, records in more.items()}
    found = ask(nameserver)["MX"]
    assert (found.ok, said in found.found) == (ok, True), found


def test_without_dns_nothing_is_checked_and_nothing_fails(nameserver: Nameserver) -> None:
    """One silence is enough: the rest is not asked, and no record is called missing."""
    nameserver.silent = True
    found = ask(nameserver)
    assert {(one.ok, one.found) for one in found.values()} == {
        (True, "not checked: DNS does not answer")
    }
    assert len(set(nameserver.asked)) == 1


def test_a_name_that_fails_leaves_the_others(nameserver: Nameserver) -> None:
    """A broken zone is neither there nor missing."""
    nameserver.failing = {f"_dmarc.{DOMAIN}"}
    found = ask(nameserver)
    assert found["DMARC"].found == f"not checked: DNS fails on _dmarc.{DOMAIN}"
    assert all(one.ok for one in found.values())
    assert found["MX"].found.startswith("mail for it goes to")


def test_all_questions_together_have_a_limit(nameserver: Nameserver) -> None:
    """However many names a domain makes us ask for."""
    records = Records(["127.0.0.1"], port=nameserver.port, total=0.0)
    with pytest.raises(UnknownError, match="too slowly"):
        records.texts(DOMAIN)


@pytest.mark.parametrize("domain", ["isp.example", "localhost", "isp.test", "mail.local", "isp"])
def test_names_that_are_never_in_the_dns_are_not_asked_for(
    nameserver: Nameserver, domain: str
) -> None:
    """A trial with made-up names asks nobody."""
    found = ask(nameserver, Sender(domain, SERVER))
    assert all(one.ok and "never in the DNS" in one.found for one in found.values())
    assert not nameserver.asked


def test_a_sending_account_says_who_it_sends_as() -> None:
    """The domain of the address, the server, and the selector where it is given."""
    url = "mailtos://user:pw@smtp.isp.ar?from=Avisos%20<avisos@Isp.AR>&dkim=s2026"
    assert sender_of(url) == Sender("isp.ar", "smtp.isp.ar", "s2026")
    assert sender_of("mailtos://user:pw@gmail.com").server == "smtp.gmail.com"
    with pytest.raises(ValueError, match="dkim="):
        sender_of("mailtos://user:pw@smtp.isp.ar?from=avisos@isp.ar&dkim=a/b")
