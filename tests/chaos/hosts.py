"""Two worker hosts on one PostgreSQL; one is cut off in the middle of a sweep and of sending."""

from __future__ import annotations

import random
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import func, select, text, update
from sqlalchemy.engine import URL, make_url

from billing.isps import IspSetup
from models.alert import Delivery
from models.beat_lease import BeatLease
from models.invoice import Invoice
from models.isp import Isp
from models.sync_run import SyncRun
from tasks import queues
from tests.chaos.fronts import Front, at_port, at_socket
from tests.chaos.hastening import hasten, is_stuck, unended
from tests.chaos.judging import judge
from tests.chaos.network import HUB, Network
from tests.chaos.sink import Sink
from tests.chaos.stage import STARTS_WITHIN, Stage
from tests.support.brokers import OwnValkey
from tests.support.processes import Running, wait_until
from wispro.sandbox.faults import Rule
from wispro.sandbox.server import SandboxServer

_SLUG, _TOKEN = "vecinos", "b7d0c6a1-wispro-token-of-the-hosts-93fe"
#: Seconds for which a cable is out: longer than it takes to be noticed, shorter than a lease.
OUT_FOR = 45.0


class FarSink(Sink):
    """A mail server that is reached through the hub."""

    front: Front

    @property
    def url(self) -> str:
        """The sending account of an ISP that uses this server."""
        return f"mailto://{HUB}:{self.front.port}?from=avisos@interatos.example"


@contextmanager
def far_sink(rng: random.Random) -> Iterator[FarSink]:
    """Run a mail server behind a front."""
    sink = FarSink(rng)
    with sink, Front(at_port(sink.port)) as sink.front:
        yield sink


@dataclass(frozen=True, slots=True)
class _Swept:
    """The ISP that is swept while the others' e-mails leave."""

    isp_id: int
    wispro: SandboxServer
    sink: FarSink


def cut_one_off(folder: Path, url: str, *, seed: int, number: int, people: int) -> dict[str, Any]:
    """This function will run two hosts, cut one off while it works, and let it come back.

    Args:
        folder: empty.
        url: of a PostgreSQL with our tables, on a Unix socket.
        seed: of what is drawn.
        number: of deliveries that are due.
        people: whose invoices are swept meanwhile.
    """
    rng = random.Random(seed)
    with ExitStack() as stack:
        enter = stack.enter_context
        network = enter(Network(2))
        sink, other = (enter(far_sink(random.Random(seed + n))) for n in (1, 2))
        wispro = enter(SandboxServer(token=_TOKEN, interatos=False))
        far_wispro = enter(Front(at_port(wispro.port)))
        broker = enter(OwnValkey(folder / "broker"))
        far_broker = enter(Front(at_port(broker.port)))
        far_database = enter(Front(at_socket(_socket_of(make_url(url)))))
        stage = enter(Stage(folder, url, number, rng, sink))
        _end_what_is_abandoned(stage)
        isp_id = _isp_with(stage, wispro, far_wispro.port, other, people)
        settings = {
            "DATABASE_URL": _through(url, far_database.port),
            "REDIS_URL": f"redis://{HUB}:{far_broker.port}/0",
            "SYNC_EVERY": "2",
        }
        stage.hold(3600)
        hosts = [enter(_host(stage, network, place, settings)) for place in (1, 2)]
        swept = _Swept(isp_id, wispro, other)
        return _play(stage, network, hosts, swept, people)


def _play(
    stage: Stage[FarSink], network: Network, hosts: list[Running], swept: _Swept, people: int
) -> dict[str, Any]:
    for host in hosts:
        wait_until(partial(_is_ready, host), seconds=STARTS_WITHIN, what="its workers are ready")
    before = _ticking(stage)
    cut = 1 if before is not None and before.pid in _pids(hosts[0]) else 2
    lives = hosts[2 - cut]
    # every page takes its time, so a sweep is under way for long
    swept.wispro.faults.add(Rule(fault="timeout", path="invoicing/invoices$", delay=0.5))
    for client in swept.wispro.state.clients:
        contract = swept.wispro.state.contracts[client.contracts[0]]
        swept.wispro.state.bill(contract, amount="2590.00", payment_links=[])
    with stage.house.database.write() as session:
        due = update(Isp).where(Isp.id == swept.isp_id)
        session.execute(due.values(next_sync_at=datetime.now(UTC)))
    wait_until(lambda: _is_swept(stage), seconds=90, what="a sweep is under way")
    stage.release()
    wait_until(
        lambda: len(stage.sink.taken) > 40 and stage.sink.busy and _is_swept(stage),
        seconds=60,
        what="both are in the middle",
    )
    network.pull(cut)
    pulled, had = time.monotonic(), lives.text.count("state=sent")
    wait_until(lambda: _ticking_since(stage, before), seconds=60, what="the other beat takes over")
    took_over = time.monotonic() - pulled
    time.sleep(max(0.0, OUT_FOR - took_over))
    alone = lives.text.count("state=sent") - had
    network.plug(cut)
    _finish(stage, swept, people)
    ours = {one.delivery_id for one in stage.owed}
    stands = [one for one in stage.stands() if one.delivery_id in ours]
    found = asdict(judge(stage.owed, stands, stage.sink.copies()))
    faults = [*found["faults"], *_faults_of_the_sweep(stage, swept, people)]
    if not alone:
        faults.append("while one host was cut off, the other sent nothing")
    for place, host in enumerate(hosts, 1):
        if host.process.poll() is not None:
            faults.append(f"host {place} did not survive")
    note = (
        f"the other beat ticked after {took_over:.0f} s; the other host sent {alone} meanwhile; "
        f"{people} customers of the ISP that was swept were told of their new invoice, "
        f"{len(swept.sink.taken) - people} of them twice, under one id"
    )
    found["faults"] = tuple(faults)
    return {**found, "blows": {f"a cable out for {OUT_FOR:g} s": 1}, "note": note}


def _finish(stage: Stage[FarSink], swept: _Swept, people: int) -> None:
    deadline = time.monotonic() + 420
    swept.wispro.faults.clear()
    while unended(stage) or _copied(stage, swept.isp_id) < people:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{unended(stage)} deliveries without an end")
        if is_stuck(stage, now=datetime.now(UTC)) and not swept.sink.busy:
            hasten(stage)
            with stage.house.database.write() as session:  # nobody waits six minutes for it
                session.execute(
                    update(Isp)
                    .where(Isp.sync_lease_until < datetime.now(UTC) + timedelta(seconds=300))
                    .values(sync_lease_until=datetime.now(UTC))
                )
        time.sleep(0.5)


def _faults_of_the_sweep(stage: Stage[FarSink], swept: _Swept, people: int) -> list[str]:
    faults = []
    copies: Counter[str] = Counter(one.recipient for one in swept.sink.taken)
    ids = {(one.recipient, one.message_id) for one in swept.sink.taken}
    if len(ids) != len(copies):
        faults.append("a customer of the swept ISP was told twice under two ids")
    if len(copies) != people:
        faults.append(f"{len(copies)} of {people} customers of the swept ISP were told")
    with stage.house.database.read() as session:
        doubled = session.scalar(
            select(func.count()).select_from(
                select(Delivery.alert_id)
                .where(Delivery.isp_id == swept.isp_id)
                .group_by(Delivery.alert_id, Delivery.channel_id)
                .having(func.count() > 1)
                .subquery()
            )
        )
        runs = session.scalar(select(func.count()).where(SyncRun.isp_id == swept.isp_id))
    if doubled:
        faults.append(f"{doubled} alerts of the swept ISP are there twice")
    if not runs:
        faults.append("nothing was swept")
    return faults


def _isp_with(
    stage: Stage[FarSink], wispro: SandboxServer, port: int, sink: FarSink, people: int
) -> int:
    """Set an ISP up whose customers are paired and were looked at once, silently."""
    now, house = datetime.now(UTC), stage.house
    setup = IspSetup(
        slug=_SLUG, name="Vecinos", base_url=f"http://{HUB}:{port}/api/v1", token=_TOKEN,
        contact_hours="00:00-24:00", support="ayuda@vecinos.example", requests_per_second=1000.0,
    )  # fmt: skip
    isp_id = house.isps.add(setup, now=now)
    house.isps.set_transport(_SLUG, "email", sink.url, now=now)
    house.isps.set_limits(_SLUG, "email", "none")
    wispro.state.switches.max_per_page = 10
    for place in range(people):
        client = wispro.state.add_client(
            name=f"Vecino{place} Prueba",
            email=f"v{place}@x.example",
            custom_id=f"C{place}",
            national_id=f"30.{100 + place}.200",
        )
        house.pairing.pair(_SLUG, client.id, (str(client.email),), now=now, quiet=True)
    report = house.sync.run(isp_id, clock=house.clock, trigger="hand", due_only=False)
    assert report.outcome == "ok", report
    return isp_id


def _host(stage: Stage[FarSink], network: Network, place: int, settings: dict[str, str]) -> Running:
    home = stage.folder / f"host{place}"
    home.mkdir(mode=0o700)
    ours = {f"ALERTA_{name}": value for name, value in settings.items()}
    return Running(
        [*network.on(place), sys.executable, "-m", "worker", "up"],
        environment=stage._environment(home, 2) | ours,
        log=home / "process.log",
    )


def _socket_of(url: URL) -> str:
    host = url.query["host"]
    return f"{host if isinstance(host, str) else host[0]}/.s.PGSQL.{url.port or 5432}"


def _through(url: str, port: int) -> str:
    parsed = make_url(url).set(host=HUB, port=port, query={"sslmode": "disable"})
    return parsed.render_as_string(hide_password=False)


def _end_what_is_abandoned(stage: Stage[FarSink]) -> None:
    """As docs/production.md asks for, where there are several hosts."""
    with stage.house.database.engine.begin() as connection:
        name = connection.execute(text("SELECT current_database()")).scalar_one()
        limit = "idle_in_transaction_session_timeout = '20s'"
        connection.execute(text(f'ALTER DATABASE "{name}" SET {limit}'))
        for table in ("account", "channel", "invoice", "alert", "delivery"):  # ids were chosen
            last = f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), 1000000)"
            connection.execute(text(last))


def _ticking(stage: Stage[FarSink]) -> BeatLease | None:
    with stage.house.database.read() as session:
        return session.scalars(select(BeatLease)).first()


def _ticking_since(stage: Stage[FarSink], before: BeatLease | None) -> bool:
    now = _ticking(stage)
    return before is not None and now is not None and now.token != before.token


def _is_ready(host: Running) -> bool:
    assert host.process.poll() is None, host.text[-6000:]
    return host.text.count(" ready.") >= len(queues.QUEUES)


def _pids(host: Running) -> set[int]:
    return {host.process.pid, *(one.pid for one in host.descendants())}


def _is_swept(stage: Stage[FarSink]) -> bool:
    with stage.house.database.read() as session:
        held = Isp.sync_lease_until > datetime.now(UTC)
        return bool(session.scalar(select(func.count()).select_from(Isp).where(held)))


def _copied(stage: Stage[FarSink], isp_id: int) -> int:
    with stage.house.database.read() as session:
        mine = select(func.count()).select_from(Invoice).where(Invoice.isp_id == isp_id)
        return session.scalar(mine) or 0
