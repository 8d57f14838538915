"""A customer gets alerts: from an empty folder to the receipt, with the commands of an operator."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.support.cli import Cli, Ran
from tests.support.inbox import Inbox
from tests.support.marks import on_sqlite
from tests.support.town import SLUG, TOKEN, Town
from wispro.sandbox.model import Client
from wispro.sandbox.server import SandboxServer

#: What scripts rely on, and what we print beside it.
SYNC_KEYS = {
    *("isp", "mode", "outcome", "requests", "fetched", "changed", "alerts", "deliveries", "ms"),
    *("reason", "detail", "accounts", "foreign", "set_aside", "more"),
    *("run", "why", "pages", "proposed", "retry_after"),
}
DELIVER_KEYS = {"sent", "failed", "uncertain", "skipped", "cancelled", "deferred"}
ALERT_KEYS = {
    *("id", "account", "invoice_id", "invoice_number", "kind", "step", "channel", "state"),
    *("reason", "planned_at", "sent_at", "attempts"),
    *("isp", "name", "detail", "not_before"),
}
NOTHING = dict.fromkeys(sorted(DELIVER_KEYS), 0)


def add_isp(
    alerta: Callable[..., Ran], cli: Cli, sandbox: SandboxServer, inbox: Inbox, folder: Path
) -> None:
    """Do what the README tells an operator to do first."""
    token = folder / "token.txt"
    token.write_text(TOKEN + "\n", encoding="ascii")
    alerta(
        *("isp", "add", SLUG, "--name", "Interatos sas", "--base-url", sandbox.base_url),
        *("--token-file", str(token), "--contact-hours", "00:00-24:00", "--rate", "200"),
        *("--pay-url", "https://pagos.interatos.example/{invoice_id}"),
    )
    cli.well_here("isp", "transport", SLUG, "email", inbox.url)


def test_from_an_empty_folder_to_the_receipt(
    cli: Cli,
    database_kind: str,
    make_town: Callable[..., Town],
    sandbox: SandboxServer,
    inbox: Inbox,
    tmp_path: Path,
) -> None:
    """A new invoice is one e-mail, its payment one receipt, however often the commands run."""
    town = make_town(now=datetime.now(UTC))
    (cli.home / "alerta.db").unlink(missing_ok=True)  # migrate itself is part of the story
    # real processes once; on PostgreSQL the same commands run here, which is forty times as fast
    alerta = cli.well if database_kind == "sqlite" else cli.well_here
    alerta("migrate")
    add_isp(alerta, cli, sandbox, inbox, tmp_path)
    ana = town.customer()
    town.bill(ana, due_in=12)  # before we knew her: history
    said = alerta("pair", SLUG, ana.id, "--to", "ana@clientes.example", "--quiet").stdout
    assert "a…@clientes.example" in said

    first = cli.well_here("sync", SLUG, "--json").json
    assert set(first) == SYNC_KEYS
    assert (first["isp"], first["outcome"], first["fetched"]) == (SLUG, "ok", 1)
    assert (first["alerts"], first["deliveries"]) == (0, 0)
    assert cli.well_here("deliver", "--json").json == NOTHING

    invoice = town.bill(ana, due_in=12, number="A-0001-801")
    second = alerta("sync", SLUG, "--json").json
    assert (second["changed"], second["alerts"], second["deliveries"]) == (1, 1, 1)
    assert alerta("deliver", "--json").json == {**NOTHING, "sent": 1}

    (letter,) = inbox.letters
    assert letter.recipient == "ana@clientes.example"
    assert "A-0001-801" in letter.subject
    link = f"https://pagos.interatos.example/{invoice.id}"
    assert link in letter.text
    assert f'href="{link}"' in letter.html
    assert "2.590,00" in letter.text
    assert letter.qr is not None
    assert letter.qr.startswith(b"\x89PNG")
    assert letter.qr_is_inline
    assert letter.pdf is not None
    assert letter.pdf.startswith(b"%PDF")

    for _ in range(10):
        assert town.sync().deliveries == 0
        assert town.deliver().touched == 0
    assert cli.well_here("deliver", "--json").json == NOTHING
    assert len(inbox.letters) == 1

    town.state.pay(invoice)
    assert cli.well_here("sync", SLUG, "--json").json["deliveries"] == 1
    assert cli.well_here("deliver", "--json").json == {**NOTHING, "sent": 1}
    town.go_round()
    assert town.kinds() == ["issued", "paid"]
    assert "pago" in inbox.letters[1].subject.lower()

    rows = cli.well_here("alerts", SLUG, ana.id, "--json").json
    assert [(r["kind"], r["state"], r["attempts"]) for r in rows] == [
        ("issued", "sent", 1),
        ("paid", "sent", 1),
    ]
    for row in rows:
        assert set(row) == ALERT_KEYS
        assert row["account"] == ana.id
        assert (row["invoice_id"], row["invoice_number"]) == (invoice.id, "A-0001-801")
        assert row["channel"] == "a…@clientes.example"
        for name in ("planned_at", "sent_at"):
            assert datetime.fromisoformat(row[name]).tzinfo is not None
    assert cli.well_here("alerts", "--state", "planned", "--json").json == []


@pytest.mark.parametrize(
    "name",
    [
        lambda client: client.id,
        lambda client: str(client.public_id),
        lambda client: f"public:{client.public_id}",
        lambda client: client.custom_id,
        lambda client: f"custom:{client.custom_id}",
        lambda client: client.national_id,
        lambda client: f"national:{client.national_id}",
        lambda client: client.email,
        lambda client: f"email:{client.email}",
        lambda client: client.login_link,
        lambda client: f"  {client.login_link}/ ",
    ],
    ids=[
        *("uuid", "bare-public", "public", "bare-custom", "custom", "bare-national", "national"),
        *("bare-email", "email", "qr", "qr-with-blanks"),
    ],
)
@on_sqlite
def test_a_customer_may_be_named_in_every_way(
    town: Town, cli: Cli, name: Callable[[Client], str]
) -> None:
    """UUID, public id, custom id, national id, e-mail and the QR's text all pair the same one."""
    for other in ("Bruno Benítez", "Carla Correa"):
        town.customer(other)
    diego = town.customer("Diego Domínguez", custom_id="000793")

    ran = cli.here("pair", SLUG, name(diego), "--to", "diego@clientes.example", "--quiet")

    assert (ran.code, ran.stdout.count("Diego Domínguez")) == (0, 1), ran.text
    (account,) = cli.here("accounts", SLUG, "--json").json
    assert (account["client_id"], account["custom_id"]) == (diego.id, "000793")
    # staff find the account again by whatever names it, save the e-mail, which we do not keep
    if "@" not in name(diego):
        assert cli.here("invoices", SLUG, name(diego), "--json").code == 0


@on_sqlite
def test_every_listing_has_its_shape(town: Town, cli: Cli) -> None:
    """Scripts may rely on the names in what --json prints: texts for money, ISO for time."""
    ana = town.customer()
    town.settled(ana)
    town.bill(ana, due_in=12, number="A-0001-801")
    town.go_round()

    (isp,) = cli.here("isp", "list", "--json").json
    assert set(isp) >= {"slug", "name", "base_url", "timezone", "contact_hours", "transports"}
    assert "token" not in " ".join(isp)
    (account,) = cli.here("accounts", "--json").json
    assert (account["channels"], account["open_balance"]) == (["a…@clientes.example"], "2590.00")
    (invoice,) = cli.here("invoices", SLUG, ana.id, "--json").json
    assert (invoice["state"], invoice["amount"], invoice["balance"]) == (
        "pending",
        "2590.00",
        "2590.00",
    )
    assert invoice["first_due_date"] == "2026-03-22"
    for listing in (("isp", "list"), ("accounts",), ("invoices", SLUG, ana.id), ("alerts",)):
        ran = cli.here(*listing)
        assert ran.code == 0
        assert ran.stdout.strip()


@pytest.mark.rule(number=15)
@on_sqlite
def test_each_channel_of_a_customer_gets_its_own_delivery(town: Town) -> None:
    """Two addresses are two deliveries of one alert: each arrives once, with its own Message-ID."""
    ana = town.customer()
    town.pair(ana, "ana@clientes.example", "trabajo@clientes.example")
    town.sync()
    town.bill(ana)
    report = town.sync()
    town.deliver()

    assert (report.alerts, report.deliveries) == (1, 2)
    assert sorted(letter.recipient for letter in town.letters) == [
        "ana@clientes.example",
        "trabajo@clientes.example",
    ]
    assert len({letter.message_id for letter in town.letters}) == 2


def _said(letter: Any) -> str:
    return str(letter.everything).replace("\xa0", " ")


@pytest.mark.parametrize("number", [None, "", "null"])
@on_sqlite
def test_an_invoice_without_a_number_is_named_by_its_month(town: Town, number: str | None) -> None:
    """Nobody reads "Factura Nº null": the month stands in for the number."""
    ana = town.customer()
    town.settled(ana)
    invoice = town.bill(ana, number=number)
    town.state.change_invoice(invoice, **{"from": "2026-03-01"})
    town.go_round()

    (letter,) = town.letters
    assert "null" not in _said(letter).lower()
    assert "None" not in _said(letter)
    assert "marzo" in letter.subject.lower()


@on_sqlite
def test_a_number_that_comes_later_is_no_news(town: Town) -> None:
    """When Wispro numbers an announced invoice, nobody is told again."""
    ana = town.customer()
    town.settled(ana)
    invoice = town.bill(ana, number=None)
    town.go_round()
    town.state.change_invoice(invoice, number="A-0001-900")
    town.go_round()

    assert town.kinds() == ["issued"]
    assert [line.invoice_number for line in town.lines()] == ["A-0001-900"]


@on_sqlite
def test_a_draft_is_announced_when_it_becomes_a_bill(town: Town) -> None:
    """Drafts and invoices under authorisation are silent until they are pending."""
    ana = town.customer()
    town.settled(ana)
    invoice = town.bill(ana, state="draft")
    town.go_round()
    town.state.set_state(invoice, "authorizing")
    town.go_round()
    assert town.letters == []
    town.state.set_state(invoice, "pending")
    town.go_round()
    town.go_round()
    assert town.kinds() == ["issued"]
