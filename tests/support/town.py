"""One ISP and its customers: the stand-in of Wispro, an inbox, the use-cases, a clock to set.

Everything is real except the clock and the waiting: Wispro is asked over HTTP, e-mails go over
SMTP, rows are in SQLite or PostgreSQL.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Self
from zoneinfo import ZoneInfo

from pydantic import SecretStr
from sqlalchemy import select

from billing.delivery.batch import DeliveryReport
from billing.isps import IspSetup
from billing.pairing import Paired
from billing.runs import SyncReport
from config.settings import Settings
from models import questions
from models.account import Account
from models.questions import DeliveryLine, InvoiceLine
from tests.support.cli import Cli
from tests.support.house import ImpatientHouse
from tests.support.inbox import Inbox, Letter
from wispro.limits import Limits
from wispro.sandbox.faults import Rule
from wispro.sandbox.ledger import ARGENTINA
from wispro.sandbox.model import Client, Invoice
from wispro.sandbox.server import SandboxServer

SLUG = "interatos"
ZONE = "America/Argentina/Cordoba"
#: Of the stand-in; long and strange enough to be found again wherever it leaked.
TOKEN = "b7d0c6a1-wispro-token-of-the-tests-93fe"
#: A Tuesday, noon in Córdoba.
NOON = datetime(2026, 3, 10, 15, 0, tzinfo=UTC)
PRICE = Decimal("2590.00")


class Town:
    """The ISP, its customers and what happens to them.

    Args:
        cli: the home and the settings that everything shares.
        sandbox: the stand-in of Wispro, running.
        inbox: where every e-mail arrives.
        now: what the clock shows at first; it stands still until it is set.
        over: settings beside those of `cli`.
    """

    def __init__(
        self,
        cli: Cli,
        sandbox: SandboxServer,
        inbox: Inbox,
        *,
        now: datetime = NOON,
        **over: Any,
    ) -> None:
        self.cli = cli
        self.sandbox = sandbox
        self.state = sandbox.state
        self.inbox = inbox
        self.now = now
        self.state.clock = lambda: self.now.astimezone(ARGENTINA)
        given = {name.lower(): value for name, value in cli.settings.items()}
        for secret in ("database_url", "secret_key"):
            if secret in given:
                given[secret] = SecretStr(given[secret])  # type: ignore[assignment]
        self.settings = Settings(**{**given, "home": Path(given["home"]), **over})
        self.house = ImpatientHouse(self.settings)
        self.house.clock = self.clock

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.house.close()

    def clock(self) -> datetime:
        """Return what the clock shows."""
        return self.now

    def wait(self, **spans: float) -> datetime:
        """Let time pass; `spans` as for `timedelta`."""
        self.now += timedelta(**spans)
        return self.now

    @property
    def today(self) -> date:
        """The date on the customers' walls."""
        return self.now.astimezone(ZoneInfo(ZONE)).date()

    # -- setting up -------------------------------------------------------------------------

    def add_isp(self, **over: Any) -> None:
        """Add the ISP with a sending account for e-mail."""
        setup = IspSetup(
            slug=SLUG,
            name="Interatos sas",
            base_url=self.sandbox.base_url,
            token=TOKEN,
            timezone=ZONE,
            portal_url="https://interatos.example/portal",
            pay_url="https://pagos.interatos.example/{invoice_id}",
            support="WhatsApp 3546 55-5000 · ayuda@interatos.example",
            contact_hours="00:00-24:00",
            requests_per_second=1000.0,
        )
        self.house.isps.add(replace(setup, **over), now=self.now)
        self.house.isps.set_transport(SLUG, "email", self.inbox.url, now=self.now)

    @property
    def isp_id(self) -> int:
        """The ISP's row."""
        with self.house.database.read() as session:
            return questions.isp_id_of(session, SLUG)

    def customer(self, name: str = "Ana Álvarez", **given: Any) -> Client:
        """Add a client to the stand-in, with an e-mail address of the form ana@clientes.example."""
        place = len(self.state.clients)
        first = name.split(maxsplit=1)[0].lower().translate(str.maketrans("áéíóúñ", "aeioun"))
        return self.state.add_client(
            **{
                "name": name,
                "email": f"{first}@clientes.example",
                "custom_id": f"C{place:04}",
                "national_id": f"30.{100 + place}.{200 + place}",
                "address": f"San Martín {1200 + place}",
                **given,
            }
        )

    def pair(self, client: Client, *to: str, by: str | None = None, quiet: bool = True) -> Paired:
        """Pair a client, by its UUID and with its e-mail address unless told otherwise.

        Quietly: most stories count what is said about invoices.
        """
        where = to or (str(client.email),)
        return self.house.pairing.pair(SLUG, by or client.id, where, now=self.now, quiet=quiet)

    def settled(self, *clients: Client) -> None:
        """Pair customers and look at them once, silently."""
        for client in clients:
            self.pair(client)
        report = self.sync()
        assert (report.outcome, report.alerts, report.deliveries) == ("ok", 0, 0), report

    def bill(
        self, client: Client, *, due_in: int | None = 10, contract: int = 0, **given: Any
    ) -> Invoice:
        """Issue an invoice of $ 2590.00; its second due date is ten days after the first."""
        fields: dict[str, Any] = {"amount": str(PRICE), "payment_links": []}
        if due_in is not None:
            due = self.today + timedelta(days=due_in)
            fields |= {"first_due_date": f"{due}", "second_due_date": f"{due + timedelta(days=10)}"}
        fields |= given
        return self.state.bill(self.state.contracts[client.contracts[contract]], **fields)

    # -- what the daemon does ---------------------------------------------------------------

    def sync(self, *, due_only: bool = False) -> SyncReport:
        """Look at every paired account, and plan what has come due: what `alerta sync` does."""
        report = self.house.sync.run(
            self.isp_id, clock=self.clock, trigger="hand", due_only=due_only
        )
        planned = self.house.planning.tick(now=self.now)
        report.alerts += planned.alerts
        report.deliveries += planned.deliveries
        return report

    def deliver(self) -> DeliveryReport:
        """Send what is due: what `alerta deliver` does."""
        self.house.delivering.sweep(now=self.now)
        self.house.planning.tick(now=self.now)
        return self.house.delivering.run_all(clock=self.clock, progress=lambda _: None)

    def go_round(self) -> None:
        """Sync and deliver, as one turn of the daemon."""
        self.sync()
        self.deliver()

    # -- looking ----------------------------------------------------------------------------

    @property
    def letters(self) -> list[Letter]:
        """What arrived."""
        return self.inbox.letters

    def kinds(self) -> list[str]:
        """Return the kinds of alert that arrived, in order, as the journal knows them."""
        with self.house.database.read() as session:
            return [
                questions.kind_of_message(session, one.message_id.strip("<>").partition("@")[0])
                or "unknown"
                for one in self.letters
            ]

    def lines(self, state: str | None = None) -> list[DeliveryLine]:
        """Return the deliveries."""
        with self.house.database.read() as session:
            return questions.deliveries(session, state=state)

    def ends(self) -> list[tuple[str, str, str, str | None]]:
        """Return (kind, step, state, reason) of every delivery, in order."""
        return [(line.kind, line.step, line.state, line.reason) for line in self.lines()]

    def copies(self, client: Client | None = None) -> list[InvoiceLine]:
        """Return our copies of the invoices of one customer, or of all."""
        with self.house.database.read() as session:
            accounts = session.scalars(select(Account).order_by(Account.id)).all()
            return [
                line
                for account in accounts
                if client is None or account.client_id == client.id
                for line in questions.invoices(session, account.id)
            ]

    def break_wispro(self, fault: str, **how: Any) -> None:
        """Switch a fault of the stand-in on."""
        self.sandbox.faults.add(Rule(fault=fault, **how))

    def lose_patience(self) -> None:
        """Wait half a second for Wispro instead of ten, and ask twice instead of three times."""
        self.house.limits = Limits(json_timeout=0.5, pdf_timeout=0.5, tries=2)

    def mend_wispro(self) -> None:
        """End every fault, and wait for Wispro as long as usual again."""
        self.house.limits = Limits()
        self.sandbox.faults.clear()
