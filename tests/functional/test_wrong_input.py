"""What bad input gets: a reason, an exit code, and our last good copy as it was."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from config.settings import load_settings
from models.sync_run import SetAsideRecord, SyncRun
from tests.support.cli import Cli
from tests.support.inbox import Inbox
from tests.support.marks import on_sqlite
from tests.support.town import SLUG, TOKEN, Town
from wispro.sandbox.server import SandboxServer

WRONG_TOKEN = "ffffffff-wrong-token-that-nobody-may-see"


def known_customer(town: Town) -> Any:
    """Pair a customer who has an open invoice that was announced."""
    ana = town.customer()
    town.settled(ana)
    town.bill(ana, due_in=6, number="A-0001-801")
    town.go_round()
    assert town.kinds() == ["issued"]
    return ana


# -- Wispro gives no usable answer ----------------------------------------------------------------

LISTS = "invoicing/invoices$"
OUTCOMES = [
    # which fault, on which path, and the outcome and reason of the run
    ("http_401", "", "failed", "not_authorized"),
    ("body_401", "", "failed", "not_authorized"),
    ("body_402", "", "failed", "licence_expired"),
    ("body_500", "", "failed", "server_error"),
    ("http_500", "", "failed", "server_error"),
    ("http_502_html", "", "failed", "server_error"),
    ("http_429", "", "failed", "rate_limited"),
    ("redirect", "", "failed", "unexpected_response"),
    ("broken_json", "", "failed", "unexpected_response"),
    ("truncated_body", "", "failed", None),
    ("timeout", "", "failed", "timeout"),
    ("data_object", LISTS, "failed", "unexpected_response"),
    ("bare_list", LISTS, "failed", "unexpected_response"),
    ("no_pagination", LISTS, "failed", "unexpected_response"),
    ("empty_page", LISTS, "incomplete", "incomplete_pull"),
    ("empty_page", "contracts", "incomplete", "incomplete_pull"),
]


@pytest.mark.parametrize(("fault", "where", "outcome", "reason"), OUTCOMES)
@on_sqlite
def test_an_unusable_answer_changes_nothing(
    town: Town, cli: Cli, fault: str, where: str, outcome: str, reason: str | None
) -> None:
    """Whatever comes instead of the invoices: the copy stays, nothing is paid, gone or sent."""
    ana = known_customer(town)
    before = cli.here("invoices", SLUG, ana.id, "--json").json
    town.wait(hours=1)
    if fault == "timeout":
        town.lose_patience()
    town.break_wispro(fault, path=where, delay=1)

    report = town.sync()

    assert report.outcome == outcome
    assert reason is None or report.reason == reason
    assert report.detail
    assert (report.changed, report.alerts, report.deliveries) == (0, 0, 0)
    assert cli.here("invoices", SLUG, ana.id, "--json").json == before
    town.wait(hours=1)
    town.sync()  # twice: one failure more must not be taken for a proof either
    town.deliver()
    assert cli.here("invoices", SLUG, ana.id, "--json").json == before
    assert town.kinds() == ["issued"]

    town.mend_wispro()
    town.wait(hours=1)
    town.state.pay(town.state.invoices[0])
    assert town.sync().outcome == "ok"
    town.deliver()
    assert town.kinds() == ["issued", "paid"]


@pytest.mark.parametrize("fault", ["http_401", "body_401", "body_402"])
@on_sqlite
def test_a_refused_token_ends_the_command_with_one_line(
    town: Town, cli: Cli, sandbox: SandboxServer, fault: str
) -> None:
    """The command says why on stderr, exits 1, and shows the token nowhere."""
    ana = known_customer(town)
    town.break_wispro(fault)
    if fault == "http_401":  # the token is really another one; Wispro's own habit is HTTP 200
        town.mend_wispro()
        sandbox.state.switches.real_http_codes = True
        sandbox.state.token = "another-token-by-now"

    ran = cli.here("sync", SLUG, "--json", LOG_LEVEL="DEBUG")

    assert ran.code == 1
    assert (ran.json["outcome"], ran.json["changed"]) == ("failed", 0)
    assert ran.stderr.count("\n") == 1
    assert TOKEN not in ran.text
    files = [path for path in cli.home.rglob("*") if path.is_file()]
    assert files
    for path in files:
        assert TOKEN.encode() not in path.read_bytes(), path
    (isp,) = cli.here("isp", "list", "--json").json
    assert isp["trouble"]
    assert cli.here("deliver", "--json").json["sent"] == 0
    assert len(town.copies(ana)) == 1


@on_sqlite
def test_a_refused_token_as_a_script_sees_it(
    cli: Cli, sandbox: SandboxServer, inbox: Inbox, tmp_path: Path
) -> None:
    """From the outside: a wrong token is exit 1, one line, without a traceback."""
    secret = tmp_path / "token"
    secret.write_text(WRONG_TOKEN)
    cli.well_here(
        *("isp", "add", SLUG, "--name", "Interatos", "--base-url", sandbox.base_url),
        *("--token-file", str(secret)),
    )
    ran = cli("pair", SLUG, "1001", "--to", "a@b.example", LOG_LEVEL="DEBUG")

    assert ran.code == 1
    assert ran.stderr.count("\n") == 1
    assert WRONG_TOKEN not in ran.text
    assert ran.stderr.startswith("error: Wispro did not accept the token")
    assert inbox.letters == []


# -- lists that are not whole ---------------------------------------------------------------------


def many_invoices(town: Town, number: int) -> Any:
    """Pair a customer with so many open invoices that Wispro needs several pages of ten."""
    town.state.switches.max_per_page = 10
    ana = town.customer()
    town.pair(ana)
    for _ in range(number):
        town.bill(ana, due_in=30)
    assert town.sync().outcome == "ok"
    assert len(town.copies()) == number
    return ana


@pytest.mark.parametrize(
    ("fault", "how"),
    [
        ("http_500", {"page": 2}),
        ("empty_page", {"page": 2}),
        ("empty_page", {"page": 3}),
        ("broken_json", {"page": 1}),
        ("short_total_pages", {}),
    ],
)
def test_a_missing_page_proves_nothing(town: Town, fault: str, how: dict[str, Any]) -> None:
    """An invoice that stood on a page we did not get is neither paid nor gone."""
    many_invoices(town, 25)
    before = [(copy.invoice_id, copy.state, copy.vanished) for copy in town.copies()]
    town.break_wispro(fault, path=LISTS, **how)
    for _ in range(3):
        assert town.sync().outcome in {"failed", "incomplete"}
        town.wait(hours=1)
        town.deliver()

    assert [(copy.invoice_id, copy.state, copy.vanished) for copy in town.copies()] == before
    assert town.letters == []


@pytest.mark.parametrize("how", ["pay", "void", "remove", "create"])
def test_rows_that_shift_while_we_page_are_read_again(town: Town, how: str) -> None:
    """A record that comes or goes between two pages costs a re-read, never an invoice."""
    many_invoices(town, 25)
    known = {copy.invoice_id for copy in town.copies()}
    town.break_wispro("shift", path=LISTS, how=how, page=2, times=1)

    report = town.sync()

    assert report.outcome == "ok"
    states = {copy.invoice_id: copy.state for copy in town.copies()}
    assert known <= set(states)
    truth = {invoice.id: invoice.state for invoice in town.state.invoices}
    if how == "remove":
        assert not any(copy.vanished for copy in town.copies())  # one read is no proof
        return
    town.sync()
    assert {copy.invoice_id: copy.state for copy in town.copies()} == truth


def test_rows_that_never_stop_shifting_are_incomplete(town: Town) -> None:
    """Where every page of every pass shifts, the run says incomplete and keeps what it had."""
    many_invoices(town, 25)
    town.break_wispro("empty_page", path=LISTS, page=2)
    town.break_wispro("shift", path=LISTS, how="void")
    report = town.sync()

    assert report.outcome == "incomplete"
    assert {copy.state for copy in town.copies()} == {"pending"}
    assert town.lines() == []


# -- a filter that Wispro ignored -----------------------------------------------------------------


@pytest.mark.parametrize("identity", ["national_id", "custom_id", "neither"])
def test_an_ignored_filter_stores_nobody_elses_invoices(town: Town, identity: str) -> None:
    """When Wispro answers with everybody's records, the foreign ones are dropped and counted."""
    given: dict[str, Any] = {"email": "ana@clientes.example"}
    if identity != "national_id":
        given["national_id"] = None
    if identity == "neither":
        given["custom_id"] = None
    ana, *others = town.customer(**given), *(town.customer(f"Otro {n}") for n in range(3))
    town.settled(ana)
    town.break_wispro("filter_ignored")
    for other in others:
        town.bill(other)
    mine = town.bill(ana)

    report = town.sync()
    town.deliver()

    assert [copy.invoice_id for copy in town.copies()] == [mine.id]
    assert report.foreign >= 3
    assert [letter.recipient for letter in town.letters] == ["ana@clientes.example"]


def test_an_ignored_filter_pairs_nobody_else(town: Town) -> None:
    """When Wispro ignores the filter of a look-up, only the client who matches is paired."""
    town.customer("Bruno Benítez")
    ana = town.customer()
    town.break_wispro("filter_ignored")

    for name in (ana.national_id, ana.email, str(ana.public_id), ana.custom_id):
        assert town.pair(ana, by=str(name)).client.client_id == ana.id


# -- records in another notation ------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["amounts_as_numbers", "dates_as_datetimes"])
def test_another_notation_is_read(town: Town, fault: str) -> None:
    """Amounts as numbers and dates as date-times mean the same, to the cent and to the day."""
    ana = town.customer()
    town.settled(ana)
    town.bill(ana, amount="2590.35")
    town.sync()
    plain = town.copies()
    town.break_wispro(fault)

    report = town.sync()
    town.deliver()

    assert (report.outcome, report.changed) == ("ok", 0)
    assert [(c.amount, c.balance, c.first_due_date) for c in town.copies()] == [
        (c.amount, c.balance, c.first_due_date) for c in plain
    ]
    assert town.copies()[0].amount == Decimal("2590.35")
    assert town.kinds() == ["issued"]


def test_a_record_without_an_amount_is_set_aside(town: Town) -> None:
    """An invoice whose amounts are null is kept by name with a reason; the others go on."""
    ana = town.customer()
    town.settled(ana)
    odd = town.bill(ana, number="A-0001-801")
    odd.extra = {**(odd.extra or {}), "amount": None, "balance": None}
    town.bill(ana, number="A-0001-802")

    report = town.sync()
    town.deliver()

    assert (report.outcome, report.set_aside) == ("ok", 1)
    assert [copy.invoice_number for copy in town.copies()] == ["A-0001-802"]
    assert town.kinds() == ["issued"]
    with town.house.database.read() as session:
        aside = session.scalars(select(SetAsideRecord)).one()
        assert session.get_one(SyncRun, aside.sync_run_id).set_aside == 1
    assert (aside.record_id, aside.why) == (odd.id, "cannot be read: amount")


def test_a_known_invoice_that_becomes_unreadable_stays_as_it_was(town: Town) -> None:
    """A known invoice that Wispro now writes unreadably is neither paid nor gone nor chased."""
    ana = known_customer(town)
    before = town.copies(ana)
    town.break_wispro("bad_record", path=LISTS)
    for _ in range(3):
        town.wait(hours=1)
        assert town.sync().set_aside == 1

    assert town.copies(ana) == before


def test_an_unknown_state_asks_for_nothing(town: Town) -> None:
    """A state that Wispro invented since is kept as written, and ends what was planned."""
    ana = town.customer()
    town.settled(ana)
    town.bill(ana)
    town.sync()
    town.break_wispro("unknown_state", path="invoicing")
    town.sync()
    town.deliver()

    assert [copy.state for copy in town.copies()] == ["unknown"]
    assert town.letters == []
    assert town.ends() == [("issued", "first_sight", "cancelled", "not_owed")]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("amount", "2.590,00"),
        ("amount", "NaN"),
        ("amount", "1e999"),
        ("amount", "2590.123456"),
        ("amount", {"currency": "ARS"}),
        ("balance", [1]),
        ("first_due_date", "31/02/2026"),
        ("first_due_date", "2026-02-30"),
        ("invoice_number", "9" * 80),
        ("state", "x" * 60),
        ("id", "../../clients"),
        ("contract_id", "x" * 80),
    ],
)
@on_sqlite
def test_one_bad_field_sets_one_record_aside(town: Town, field: str, value: Any) -> None:
    """One field that cannot be kept exactly as it came costs one record, not the look."""
    ana = town.customer()
    town.settled(ana)
    odd = town.bill(ana, number="A-0001-801")
    odd.extra = {**(odd.extra or {}), field: value}
    town.bill(ana, number="A-0001-802")

    report = town.sync()
    town.deliver()

    assert report.outcome == "ok"
    assert report.set_aside + report.foreign == 1
    assert [copy.invoice_number for copy in town.copies()] == ["A-0001-802"]
    assert town.kinds() == ["issued"]


# -- destinations and sending accounts ------------------------------------------------------------


@pytest.mark.parametrize(
    "destination",
    [
        *(
            "",
            "nobody",
            "ana@",
            "@example.org",
            "ana@exa mple.org",
            "ana@example.org,b@example.org",
        ),
        *("telegram:", "telegram:ana", "ntfy:", "ntfy:a/b", "ntfy:a b", "mailto://", "nosuch://x"),
        *("file:///etc/passwd", "syslog://", "dbus://", "ana@example.org\nBcc: x@example.org"),
        *("mailtos://u:secret-path@h.example/a@x.org/b@x.org", "http://127.0.0.1/secret-path"),
    ],
)
@on_sqlite
def test_an_unusable_destination_is_refused(town: Town, cli: Cli, destination: str) -> None:
    """A destination that cannot work is refused when it is added, naming the accepted forms."""
    ana = town.customer()
    ran = cli.here("pair", SLUG, ana.id, "--to", destination)

    assert ran.code == 1, ran.text
    assert ran.stderr.startswith("error: ")
    assert "Traceback" not in ran.text
    assert "telegram" in ran.stderr or "ntfy" in ran.stderr or "URL" in ran.stderr
    assert cli.here("accounts", "--json").json == []
    assert "secret-path" not in ran.text


@pytest.mark.parametrize(
    ("kind", "url"),
    [
        ("email", "mailto://"),
        ("email", "tgram://123456789:abcdefghijklmnopqrstuvwxyz012345678"),
        ("email", "ana@example.org"),
        ("telegram", "mailto://user:hunter2@example.org"),
        ("telegram", "tgram://not-a-token"),
        ("ntfy", "json://example.org"),
        ("pigeon", "pigeon://coop"),
    ],
)
@on_sqlite
def test_an_unusable_sending_account_is_refused(town: Town, cli: Cli, kind: str, url: str) -> None:
    """A sending account that cannot work is refused, and its password is not repeated."""
    del town
    ran = cli.here("isp", "transport", SLUG, kind, url)

    assert ran.code == 1, ran.text
    assert ran.stderr.startswith("error: ")
    assert "hunter2" not in ran.text
    assert cli.here("isp", "list", "--json").json[0]["transports"] == ["email"]


# -- PDFs -----------------------------------------------------------------------------------------


@pytest.mark.rule(number=17)
@pytest.mark.parametrize(
    "fault",
    ["pdf_json", "pdf_html", "pdf_truncated", "pdf_huge", "http_500", "body_404", "timeout"],
)
@on_sqlite
def test_without_its_pdf_the_alert_goes_and_says_so(town: Town, fault: str) -> None:
    """A PDF that is JSON, cut off, too large or late stays behind; the pay link goes."""
    ana = town.customer()
    town.settled(ana)
    invoice = town.bill(ana)
    town.sync()
    if fault == "timeout":
        town.lose_patience()
    town.break_wispro(fault, path="download_pdf", delay=1)

    assert town.deliver().sent == 1

    (letter,) = town.letters
    assert letter.pdf is None
    assert f"https://pagos.interatos.example/{invoice.id}" in letter.text
    assert letter.qr is not None
    (line,) = town.lines()
    assert line.state == "sent"
    assert line.detail is not None
    assert line.detail.startswith("without PDF: ")


@pytest.mark.rule(number=17)
@on_sqlite
def test_a_pdf_above_the_limit_stays_behind(make_town: Callable[..., Town], cli: Cli) -> None:
    """The operator's own limit counts, whatever Wispro says about the size."""
    cli.settings["MAX_PDF_BYTES"] = "10000"
    town = make_town()
    town.add_isp()
    ana = town.customer()
    town.settled(ana)
    town.bill(ana)
    town.sync()
    town.break_wispro("pdf_huge", path="download_pdf", size=10_001)
    town.deliver()

    assert town.letters[0].pdf is None
    assert "without PDF" in str(town.lines()[0].detail)


# -- settings -------------------------------------------------------------------------------------


@on_sqlite
def test_every_wrong_setting_is_listed_at_once(cli: Cli, tmp_path: Path) -> None:
    """All problems in one go, one line each, exit 2, no traceback, no secret repeated."""
    wrong = {
        "LOG_LEVEL": "LOUD",
        "TICK": "0",
        "CONCURRENCY": "none",
        "DATABASE_URL": "mysql://root:hunter2@db/x",
        "REDIS_URL": "amqp://guest:hunter3@mq",
        "COLOUR": "blue",
        "SECRET_KEY_FILE": str(tmp_path / "missing"),
    }
    first = cli("isp", "list", **wrong)
    assert first.code == 2
    assert "Traceback" not in first.text
    lines = first.stderr.splitlines()
    for name in wrong:
        assert sum(f"ALERTA_{name}:" in line for line in lines) == 1, (name, first.stderr)
    assert all(line.startswith("error: ALERTA_") for line in lines)
    assert "hunter" not in first.text


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"DATABASE_URL": "postgresql://u:hunter2@db/x"}, "ALERTA_SECRET_KEY: required"),
        ({"SECRET_KEY": "too-short"}, "ALERTA_SECRET_KEY: each key must be 32 bytes"),
        ({"SYNC_EVERY": "often"}, "ALERTA_SYNC_EVERY"),
        ({"MAX_PDF_BYTES": "1"}, "ALERTA_MAX_PDF_BYTES"),
    ],
)
@pytest.mark.parametrize("command", [("migrate",), ("up",), ("worker",), ("beat",), ("doctor",)])
@on_sqlite
def test_no_command_starts_with_wrong_settings(
    cli: Cli, settings: dict[str, str], says: str, command: tuple[str, ...]
) -> None:
    """Every process refuses wrong settings at its start: exit 2, one line."""
    ran = cli.here(*command, **settings)
    assert ran.code == 2
    assert says in ran.stderr
    assert ran.stderr.count("\n") == 1
    assert "too-short" not in ran.text
    assert "hunter2" not in ran.text


@pytest.mark.parametrize("span", ["90", "90.0", "PT1M30S", "00:01:30"])
@on_sqlite
def test_a_span_of_time_may_be_seconds_or_iso(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, span: str
) -> None:
    """Ninety seconds can be written in each of the promised ways."""
    monkeypatch.setenv("ALERTA_TICK", span)
    assert load_settings().tick == timedelta(seconds=90)
    assert cli.here("isp", "list", TICK=span).code == 0


@on_sqlite
def test_a_key_that_others_can_read_is_refused(cli: Cli) -> None:
    """The key file must be nobody else's business."""
    cli.well_here("isp", "list")
    key = cli.home / "secret.key"
    assert key.stat().st_mode & 0o777 == 0o600
    key.chmod(0o644)

    ran = cli.here("isp", "list")
    assert (ran.code, ran.stderr.count("\n")) == (2, 1)
    assert "chmod 600" in ran.stderr


@on_sqlite
def test_another_key_opens_nothing_and_says_so(town: Town, cli: Cli) -> None:
    """With a lost key every look fails with its reason; nothing is sent or changed."""
    from config.keys import new_key

    ana = known_customer(town)
    town.bill(ana)
    town.sync()
    lost = {"SECRET_KEY": new_key()}

    ran = cli.here("sync", SLUG, "--json", **lost)
    assert (ran.code, ran.json["outcome"], ran.json["reason"]) == (1, "failed", "unreadable_secret")
    assert len(town.letters) == 1


@pytest.mark.parametrize(
    "words",
    [
        ("sync", "nobody"),
        ("pair", "nobody", "1", "--to", "a@b.example"),
        ("invoices", "nobody", "1"),
        ("alerts", "nobody"),
        ("isp", "transport", "nobody", "email", "mailto://x.example"),
        ("isp", "add", "Bad Slug", "--name", "x", "--base-url", "ftp://x", "--token-file", "/none"),
        ("worker", "--queue", "pigeon"),
        ("unpair", "interatos", "stranger"),
    ],
)
@on_sqlite
def test_a_mistake_is_one_line_on_stderr(town: Town, cli: Cli, words: tuple[str, ...]) -> None:
    """Unknown names and unreadable files end with exit 1 and one line."""
    del town
    ran = cli.here(*words)
    assert ran.code == 1
    assert ran.stdout == ""
    assert ran.stderr.startswith("error: ")
    assert ran.stderr.count("\n") == 1


@on_sqlite
def test_every_problem_of_a_new_isp_is_listed(cli: Cli, tmp_path: Path) -> None:
    """Everything that is wrong with a new ISP is said at once, and the token is not."""
    secret = tmp_path / "token"
    secret.write_text("two tokens in-one-file-1234")
    ran = cli.here(
        *("isp", "add", "Bad Slug", "--name", "", "--base-url", "ftp://x", "--currency", "pesos"),
        *("--token-file", str(secret), "--timezone", "Mars/Base", "--contact-hours", "late"),
        *("--pay-url", "https://x.example/{nonsense}", "--locale", "??", "--debt-sign", "odd"),
    )
    assert ran.code == 1
    for name in ("SLUG", "--name", "--base-url", "--currency", "--token-file", "--timezone"):
        assert name in ran.stderr
    for name in ("{nonsense}", "--locale", "--debt-sign"):
        assert name in ran.stderr
    assert "in-one-file" not in ran.text


@on_sqlite
def test_an_unmigrated_database_is_named(cli: Cli) -> None:
    """Commands on an empty database say which command mends it."""
    (cli.home / "alerta.db").unlink()
    ran = cli.here("isp", "list")
    assert (ran.code, ran.stderr.count("\n")) == (1, 1)
    assert "alerta migrate" in ran.stderr
