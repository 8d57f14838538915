"""The stage of one run: the stand-in, the inbox, the accounts with their past, and the daemon."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Self
from zoneinfo import ZoneInfo

from billing.isps import IspSetup
from config.settings import PREFIX, Settings
from models import questions
from models.schema import migrate
from wispro.sandbox.server import SandboxServer
from worker.demo.inbox import Inbox, Letter
from worker.demo.story import CUSTOMERS, KNOWN_FOR, Act, Bill, Customer
from worker.house import House, utc_now

SLUG = "interatos"
_TOKEN = "demo-token-of-the-stand-in"  # noqa: S105 - opens the stand-in of this run only
#: The run ends within 90 s; in a zone where midnight is nearer, "tomorrow" would become "today".
_ZONES = ("America/Argentina/Cordoba", "America/Mexico_City")
_MIDNIGHT_MARGIN = timedelta(minutes=5)


@dataclass(slots=True)
class Actor:
    """One customer on stage."""

    customer: Customer
    client: Any
    account_id: int
    invoices: list[Any] = field(default_factory=list)
    arrived: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    acted: int = 0

    @property
    def expected(self) -> list[str]:
        """What must arrive, in any order."""
        return sorted(kind.value for kind in self.customer.expects)

    @property
    def content(self) -> bool:
        """Whether exactly what is expected has arrived, and nothing was wrong with it."""
        return sorted(self.arrived) == self.expected and not self.faults


class Stage:
    """Builds everything that one run needs, and takes it down again.

    Args:
        folder: `var/demo`: the daemon's home and the messages go there; what an earlier run left
            is removed.
    """

    def __init__(self, folder: Path) -> None:
        self.messages = folder / "messages"
        self._home = folder / "home"
        for stale in (self.messages, self._home):
            shutil.rmtree(stale, ignore_errors=True)
            stale.mkdir(mode=0o700, parents=True)
        self._log = folder / "daemon.log"
        self._settings = Settings(
            home=self._home, sync_every=timedelta(seconds=4), tick=timedelta(seconds=2)
        )
        self._zone = next(name for name in _ZONES if _far_from_midnight(name))
        self._today = utc_now().astimezone(ZoneInfo(self._zone)).date()
        self._sandbox = SandboxServer(token=_TOKEN, interatos=False)
        self._inbox = Inbox(self.messages)
        self._daemon: subprocess.Popen[bytes] | None = None
        self._house = House(self._settings)
        self._read = 0
        self.actors: list[Actor] = []

    def __enter__(self) -> Self:
        migrate(self._house.database.engine)
        self._sandbox.start()
        self._inbox.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop_daemon()
        self._inbox.stop()
        self._sandbox.stop()
        self._house.close()

    @property
    def letters(self) -> int:
        """How many messages have arrived."""
        return len(self._inbox.letters)

    @property
    def requests(self) -> int:
        """How many requests the stand-in has answered."""
        return self._sandbox.state.served.total()

    def set_up(self) -> None:
        """Add the ISP, bring the customers on with their invoices, and pair them in the past."""
        now = utc_now()
        self._house.isps.add(
            IspSetup(
                slug=SLUG,
                name="Interatos sas",
                base_url=self._sandbox.base_url,
                token=_TOKEN,
                timezone=self._zone,
                portal_url="https://interatos.example/portal",
                pay_url="https://pagos.interatos.example/{invoice_id}?cliente={public_id}",
                support="WhatsApp 3546 55-5000 · ayuda@interatos.example",
                contact_hours="00:00-24:00",
                requests_per_second=100.0,
            ),
            now=now,
        )
        self._house.isps.set_transport(
            SLUG,
            "email",
            f"mailto://127.0.0.1:{self._inbox.port}?from=avisos@interatos.example",
            now=now,
        )
        past = now - timedelta(days=KNOWN_FOR)
        for place, customer in enumerate(CUSTOMERS):
            self.actors.append(self._bring_on(place, customer, past))
        with self._house.database.read() as session:
            isp_id = questions.isp_id_of(session, SLUG)
        report = self._house.sync.run(isp_id, clock=lambda: past, trigger="hand", due_only=False)
        if report.outcome != "ok" or report.alerts:
            raise RuntimeError(f"the silent baseline was not silent: {report}")

    def start_daemon(self) -> None:
        """Start `alerta up`: workers, beat and the embedded Valkey, as an operator would."""
        environment = {k: v for k, v in os.environ.items() if not k.startswith(PREFIX)}
        environment |= {
            f"{PREFIX}HOME": str(self._home),
            f"{PREFIX}SYNC_EVERY": "PT4S",
            f"{PREFIX}TICK": "PT2S",
        }
        with self._log.open("wb") as log:
            self._daemon = subprocess.Popen(  # noqa: S603 - our own command
                [sys.executable, "-m", "worker", "up", "--tied", str(os.getpid())],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def daemon_died(self) -> bool:
        """Whether the daemon ended by itself."""
        return self._daemon is not None and self._daemon.poll() is not None

    def stop_daemon(self) -> int | None:
        """Stop the daemon as Ctrl-C would; return its exit code."""
        if self._daemon is None:
            return None
        if self._daemon.poll() is None:
            self._daemon.terminate()
            try:
                self._daemon.wait(timeout=40)
            except subprocess.TimeoutExpired:
                self._daemon.kill()
                self._daemon.wait()
        return self._daemon.returncode

    def read_mail(self) -> list[tuple[Actor, str, Letter]]:
        """Hand every new message to its customer; return (customer, kind, message)."""
        news = []
        for letter in self._inbox.letters[self._read :]:
            self._read += 1
            actor = next(a for a in self.actors if a.customer.address == letter.recipient)
            kind = self._kind_of(letter)
            actor.arrived.append(kind)
            actor.faults += _faults(actor, kind, letter)
            news.append((actor, kind, letter))
        return news

    def act(self) -> list[tuple[Actor, Act]]:
        """Let every act happen whose time has come; return them."""
        done = []
        for actor in self.actors:
            acts = actor.customer.acts
            if actor.acted < len(acts) and len(actor.arrived) >= acts[actor.acted].after:
                act = acts[actor.acted]
                actor.acted += 1
                self._perform(actor, act)
                done.append((actor, act))
        return done

    def _perform(self, actor: Actor, act: Act) -> None:
        state = self._sandbox.state
        match act.does:
            case "bill":
                assert act.bill is not None
                self._bill(actor, act.bill, new=True)
            case "pay":
                state.pay(actor.invoices[0])
            case "void":
                state.set_state(actor.invoices[0], "void")
            case unknown:
                raise ValueError(unknown)

    def _bring_on(self, place: int, customer: Customer, past: datetime) -> Actor:
        client = self._sandbox.state.add_client(
            name=customer.name,
            email=customer.address,
            custom_id=f"{place + 1:06}",
            national_id=f"30.{100 + place}.{200 + place}",
            contracts=customer.contracts,
            credit=customer.credit,
        )
        actor = Actor(customer, client, account_id=0)
        for bill in customer.bills:
            self._bill(actor, bill, new=False)
        # Each way of naming a client gets its turn.
        named = (client.id, f"public:{client.public_id}", f"{place + 1:06}", customer.address)
        paired = self._house.pairing.pair(
            *(SLUG, named[place % len(named)], [customer.address]),
            now=past,
            locale=customer.locale,
            quiet=True,  # each customer of the story gets what its scene is about
        )
        actor.account_id = paired.account_id
        return actor

    def _bill(self, actor: Actor, bill: Bill, *, new: bool) -> None:
        state = self._sandbox.state
        fields = bill.fields(self._today)
        if new:
            fields["issued_at"] = f"{self._today}T09:30:00.000-03:00"
            fields["from"] = f"{self._today}"
        paid = fields.pop("state") == "paid"
        contract = state.contracts[actor.client.contracts[bill.contract]]
        invoice = state.bill(contract, **fields)
        actor.invoices.append(invoice)
        if paid:
            state.pay(invoice)
        elif bill.received:
            state.pay(invoice, bill.received)

    def _kind_of(self, letter: Letter) -> str:
        """The journal knows which delivery carries this Message-ID."""
        local_part = letter.message_id.strip("<> ").partition("@")[0]
        with self._house.database.read() as session:
            return questions.kind_of_message(session, local_part) or "unknown"


def _faults(actor: Actor, kind: str, letter: Letter) -> list[str]:
    """Return what is wrong with a message that arrived."""
    faults = []
    text = letter.everything()
    if "null" in text.lower() or ">None<" in text:
        faults.append(f"{kind}: says null")
    if actor.customer.name.split()[0] not in letter.text:
        faults.append(f"{kind}: is not addressed to {actor.customer.name}")
    if kind in {"paid", "voided"}:
        return faults
    own_link = next((bill.own_link for bill in actor.customer.bills if bill.own_link), None)
    if (own_link or f"?cliente={actor.client.public_id}") not in letter.text:
        faults.append(f"{kind}: lacks the pay link")
    if kind != "digest" and (letter.pdf is None or not letter.pdf.startswith(b"%PDF")):
        faults.append(f"{kind}: lacks the PDF")
    if letter.qr is None:
        faults.append(f"{kind}: lacks the QR code")
    if (why := actor.customer.says(text)) is not None:
        faults.append(f"{kind}: {why}")
    return faults


def _far_from_midnight(name: str) -> bool:
    local = utc_now().astimezone(ZoneInfo(name))
    return (local + _MIDNIGHT_MARGIN).date() == local.date()
