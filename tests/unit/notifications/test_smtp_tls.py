"""Encrypted connections are kept like the others, and a certificate is believed or not."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from aiosmtpd.controller import Controller
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from billing.letter import Fate
from tests.unit.notifications.servers import free_port
from tests.unit.notifications.test_smtp_lines import Office

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Kept:
    """Counts messages and the sessions they came over."""

    def __init__(self) -> None:
        self.sessions: list[int] = []

    async def handle_DATA(self, _s: Any, session: Any, _envelope: Any) -> str:  # noqa: N802
        """Take a message."""
        self.sessions.append(session.peer[1])
        return "250 OK"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> ssl.SSLContext:
    """A certificate that nobody vouches for."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mail.isp.example")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    file: Path = tmp_path_factory.mktemp("tls") / "both.pem"
    file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + signed.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(file)
    return context


@pytest.fixture(params=["starttls", "ssl"])
def server(request: pytest.FixtureRequest, certificate: ssl.SSLContext) -> Iterator[Any]:
    """A server that speaks TLS from the start, or when asked; with its sending account."""
    kept, port = Kept(), free_port()
    how: dict[str, Any] = (
        {"ssl_context": certificate}
        if request.param == "ssl"
        else {"tls_context": certificate, "require_starttls": True}
    )
    controller = Controller(kept, hostname="127.0.0.1", port=port, **how)
    controller.start()
    yield kept, f"mailtos://127.0.0.1:{port}?from=avisos@isp.example&mode={request.param}"
    controller.stop()


def test_an_encrypted_connection_is_kept(server: tuple[Kept, str]) -> None:
    """What TLS itself says on an idle line (tickets) is not taken for the server's."""
    kept, url = server
    office = Office()

    fates = [office.send(f"{url}&verify=no", f"c{n}@example.org").fate for n in range(3)]
    office.door.close()

    assert fates == [Fate.DELIVERED] * 3
    assert len(set(kept.sessions)) == 1


def test_a_doubtful_certificate_gets_nothing(server: tuple[Kept, str]) -> None:
    """Neither password nor message goes to a server that cannot prove its name."""
    kept, url = server
    office = Office()
    assert office.send(f"{url}&verify=no").fate is Fate.DELIVERED

    outcome = office.send(url)
    office.door.close()

    assert (outcome.fate, outcome.detail) == (
        Fate.HELD_UP,
        "email: no secure connection to the server",
    )
    assert len(kept.sessions) == 1
