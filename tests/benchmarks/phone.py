"""A daemon that reads all of a large ISP, and a customer of another one on the phone."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr
from sqlalchemy import func, select, update

from billing.isps import IspSetup
from config.settings import PREFIX, Settings
from models.account import Account
from models.alert import Delivery
from models.database import Database
from models.invoice import Invoice
from models.isp import Isp
from models.sync_run import SyncRun
from tests.benchmarks.population import SLUG as LARGE
from tests.benchmarks.population import Population
from tests.benchmarks.world import TOKEN, Databases, Wispro, environment
from tests.support.house import ImpatientHouse
from tests.support.inbox import Inbox
from tests.support.processes import ROOT, Running, wait_until
from wispro.sandbox import seed
from wispro.sandbox.state import State

SMALL = "interatos"
_FEW = Population(invoices=12, accounts=3, open_invoices=3)
#: A daemon that starts on a busy machine.
_STARTS_WITHIN = 120


@dataclass(frozen=True, slots=True)
class Answered:
    """One command: how long it took, how it ended, and whether the look went on all the while."""

    seconds: float
    code: int
    text: str
    meanwhile: bool


class Phone:
    """Runs commands while the daemon looks at the large ISP.

    Args:
        database: of both.
        given: settings of the commands, as the environment has them.
        client: the customer on the phone, by an id that `alerta` takes.
    """

    def __init__(self, database: Database, given: Mapping[str, str], client: str) -> None:
        self.database = database
        self.client = client
        self._given = given

    @property
    def under_way(self) -> int | None:
        """The look at the large ISP that has not ended."""
        with self.database.read() as session:
            return session.scalars(
                select(SyncRun.id)
                .join(Isp, Isp.id == SyncRun.isp_id)
                .where(Isp.slug == LARGE, SyncRun.finished_at.is_(None))
                .order_by(SyncRun.id.desc())
                .limit(1)
            ).first()

    @property
    def read(self) -> int:
        """How many of the large ISP's invoices there are."""
        with self.database.read() as session:
            return session.scalar(select(func.count()).select_from(Invoice)) or 0

    def say(self, *words: str) -> Answered:
        """Run one command to its end."""
        before = self.under_way
        begun = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-m", "worker", *words],
            cwd=ROOT, env=environment(self._given), stdin=subprocess.DEVNULL, capture_output=True,
            text=True, timeout=120, check=False,
        )  # fmt: skip
        seconds = time.perf_counter() - begun
        meanwhile = before is not None and self.under_way == before
        return Answered(seconds, done.returncode, done.stdout + done.stderr, meanwhile)

    def fail_last_delivery(self) -> str:
        """Let the last delivery of the customer have failed; return its id."""
        with self.database.write() as session:
            last = session.scalars(
                select(Delivery.id)
                .join(Account, Account.id == Delivery.account_id)
                .join(Isp, Isp.id == Account.isp_id)
                .where(Isp.slug == SMALL)
                .order_by(Delivery.id.desc())
                .limit(1)
            ).one()
            session.execute(update(Delivery).where(Delivery.id == last).values(state="failed"))
        return str(last)


@contextmanager
def ringing(
    folder: Path, both: Databases, kind: str, size: Population, *, rate: float
) -> Iterator[Phone]:
    """Start the daemon, and give the phone once it reads the large ISP.

    Args:
        folder: for logs.
        both: makes databases.
        kind: "sqlite" or "postgresql".
        size: of the large ISP.
        rate: requests per second that it is asked.
    """
    with ExitStack() as stack:
        inbox = stack.enter_context(Inbox())
        large = stack.enter_context(Wispro(folder, size))
        small = stack.enter_context(Wispro(folder, _FEW))
        home = stack.enter_context(both.home(kind, large))
        given = {**home.environment, f"{PREFIX}TICK": "1"}
        database = Database(home.database_url)
        stack.callback(database.close)
        client = _settle_small(given, small, inbox)
        with database.write() as session:
            session.execute(update(Isp).where(Isp.slug == LARGE).values(requests_per_second=rate))
        phone = Phone(database, given, client)
        running = Running(
            [sys.executable, "-m", "worker", "up"],
            environment=environment(given),
            log=folder / f"daemon-{kind}.log",
        )
        stack.enter_context(running)
        wait_until(
            lambda: phone.under_way is not None or running.process.poll() is not None,
            seconds=_STARTS_WITHIN,
            what="the daemon reads the large ISP",
        )
        assert running.process.poll() is None, running.text
        yield phone
        running.descendants()


def _settle_small(given: Mapping[str, str], wispro: Wispro, inbox: Inbox) -> str:
    """Add the small ISP with one customer, who was looked at; return the customer's id."""
    made_up = State("")
    seed.generate(made_up, clients=_FEW.accounts, invoices=0)
    client = made_up.clients[0].id
    house = ImpatientHouse(_settings(given))
    try:
        now = house.clock()
        setup = IspSetup(
            slug=SMALL, name="Interatos sas", base_url=wispro.base_url, token=TOKEN,
            contact_hours="00:00-24:00", requests_per_second=2.0,
        )  # fmt: skip
        house.isps.add(setup, now=now)
        house.isps.set_transport(SMALL, "email", inbox.url, now=now)
        paired = house.pairing.pair(SMALL, client, ["ana@clientes.example"], now=now)
        house.sync.run_account(paired.account_id, clock=house.clock, trigger="hand")
    finally:
        house.close()
    return client


def _settings(given: Mapping[str, str]) -> Settings:
    plain = {name.removeprefix(PREFIX): value for name, value in given.items()}
    return Settings(
        home=Path(plain["HOME"]),
        database_url=SecretStr(plain["DATABASE_URL"]),
        secret_key=SecretStr(plain["SECRET_KEY"]),
    )
