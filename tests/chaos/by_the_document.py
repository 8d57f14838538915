"""Install on two hosts as the documents say, word by word, and cut one off: `make walk`.

python -m tests.chaos.by_the_document [--people 60]

What is typed is read from docs/install.md, docs/production.md and docs/first-isp.md. Around it are
a PostgreSQL and a Valkey that ask for passwords, behind TLS of an authority of one's own, Wispro's
stand-in and a mail server. The administrator brings names, passwords and the certificate; where a
document needs anything else, this fails.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import shutil
import ssl
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from redis import Redis
from sqlalchemy import create_engine, text
from sqlalchemy.engine import URL, Engine, make_url

from tests.chaos.fronts import Front, at_port, at_socket
from tests.chaos.network import Network
from tests.chaos.sink import Sink
from tests.chaos.site import NAMES, Site
from tests.support.brokers import OwnValkey
from tests.support.databases import PostgresServer, running_postgres
from tests.support.documents import DOCS, Page
from tests.support.processes import ROOT, wait_until
from tests.support.tls import certificate
from wispro.sandbox.faults import Rule
from wispro.sandbox.server import SandboxServer

_SLUG, _TOKEN = "myisp", "0c5b7a1e-wispro-token-of-the-walk-77aa"
_PASSWORD = "walk-8d1f"
#: Seconds for which a cable is out: longer than it takes to be noticed.
_OUT_FOR = 45.0
#: Seconds after which everything that was begun has an end: a lease, and the ten minutes for which
#: an e-mail rests that may have arrived, before it goes once more under its Message-ID.
_PATIENCE = 1500.0


@dataclass
class Walk:
    """Two hosts, and what they share."""

    network: Network
    hosts: list[Site]
    engine: Engine
    wispro: SandboxServer
    wispro_front: Front
    sink: Sink
    sink_front: Front
    faults: list[str] = field(default_factory=list)

    def ask(self, question: str) -> Any:
        """Return what the database answers, one value."""
        with self.engine.connect() as connection:
            return connection.execute(text(question)).scalar()

    def cut_off(self, address: str, what: str) -> None:
        """Pull the cable of the host with this address, wait, and plug it in again."""
        host = next(one for one in self.hosts if one.address == address)
        self.network.pull(host.number)
        _say(f"host {host.number} was cut off in the middle of {what}")
        time.sleep(_OUT_FOR)
        self.network.plug(host.number)
        _say(f"host {host.number} is back")


def main() -> int:
    """Walk; return 1 if something was lost or doubled."""
    options = argparse.ArgumentParser(prog="make walk")
    options.add_argument("--people", type=int, default=60, help="customers who are paired")
    people = options.parse_args().people
    folder = Path(tempfile.mkdtemp(prefix="alerta-walk-"))
    folder.chmod(0o755)  # the daemon is nobody's user
    try:
        with running_postgres() as postgres, ExitStack() as stack:
            walk = _laid_out(stack, folder, postgres)
            _install(walk)
            _first_isp(walk, people)
            _cut_off_in_a_sweep(walk, people)
            _cut_off_while_sending(walk, people)
            for host in walk.hosts:
                _say(host.shell("sudo alerta status").rstrip())
                walk.faults += [f"{unit} of host {host.number} ended" for unit in host.ended()]
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    for fault in walk.faults:
        _say(f"BROKEN: {fault}")
    _say("nothing was lost, nothing doubled" if not walk.faults else "promises were broken")
    return 1 if walk.faults else 0


def _laid_out(stack: ExitStack, folder: Path, postgres: PostgresServer) -> Walk:
    enter = stack.enter_context
    inside = _database(postgres)
    network = enter(Network(2))
    broker = enter(OwnValkey(folder / "broker", "--appendonly", "yes"))
    _broker(broker.port)
    wispro = enter(SandboxServer(token=_TOKEN, interatos=False))
    sink = enter(Sink(random.Random(7), hesitate=0.4))
    pem = certificate(folder, *NAMES)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(pem)
    path = f"{inside.query['host']}/.s.PGSQL.{inside.port or 5432}"
    database = enter(Front(at_socket(path), tls=tls, postgres=True))
    private = enter(Front(at_port(broker.port), tls=tls))
    far_wispro, far_sink = (enter(Front(at_port(one.port))) for one in (wispro, sink))
    engine = create_engine(inside.set(database="alerta"))
    stack.callback(engine.dispose)
    authority = pem.read_text().partition("-----BEGIN PRIVATE")[0]
    hosts = []
    for number in (1, 2):
        (folder / f"host{number}").mkdir()
        host = enter(Site(folder / f"host{number}", network, number))
        host.write("/etc/ssl/alerta-ca.pem", authority)
        hosts.append(host)
    walk = Walk(network, hosts, engine, wispro, far_wispro, sink, far_sink)
    ports = {"db.example": database.port, "broker.example": private.port}
    rows = re.findall(r"\| `(database_url|redis_url)` \| `([^`]+)`", _page("install.md").text)
    hosts[0].well(["install", "-d", "-m", "700", "/etc/alerta", "/etc/alerta/secrets"])
    for name, url in rows:
        for far, port in ports.items():
            url = re.sub(rf"{far}(:\d+)?/", f"{far}:{port}/", url)  # noqa: PLW2901
        url = url.replace("PASSWORD", _PASSWORD)  # noqa: PLW2901
        hosts[0].write(f"/etc/alerta/secrets/{name}", url, mode=0o600)
    return walk


def _database(postgres: PostgresServer) -> URL:
    """Make the user and the database as the document says; ask for passwords."""
    written = _page("production.md").text
    made = re.search(r"`(CREATE USER alerta [^`]*)`", written)
    bounded = re.search(r"`(ALTER DATABASE alerta [^`]*)`", written)
    assert made is not None
    assert bounded is not None
    statements = [one.strip() for one in made[1].replace("'…'", f"'{_PASSWORD}'").split(";")]
    postgres.execute(*(one for one in statements if one), bounded[1])
    url = make_url(postgres.fresh(migrated=False))
    engine = create_engine(url)
    with engine.connect() as connection:
        hba = Path(connection.exec_driver_sql("SHOW hba_file").scalar_one())
        hba.write_text(f"local alerta alerta scram-sha-256\n{hba.read_text()}")
        connection.exec_driver_sql("SELECT pg_reload_conf()")
    engine.dispose()
    return url


def _broker(port: int) -> None:
    """Make the user as the document says, and let nobody in without a name."""
    found = re.search(r"`ACL SETUSER ([^`]*)`", _page("production.md").text)
    assert found is not None
    with Redis(port=port) as client:
        client.execute_command("ACL", "SETUSER", *found[1].replace("PASSWORD", _PASSWORD).split())
        client.execute_command("ACL", "SETUSER", "default", "off")


def _install(walk: Walk) -> None:
    page = _page("install.md")
    typed = [block.text for block in page.blocks() if block.info == "console"]
    program, first, every = (
        next(text for text in typed if word in text)
        for word in ("make install", "keys new", "alerta-worker")
    )
    for host in walk.hosts:
        began = time.monotonic()
        host.well(["git", "clone", "--quiet", f"file://{ROOT}", "/opt/alerta"])
        host.shell(_without(program, "apt"), online=True)
        _say(f"host {host.number}: the program is there after {time.monotonic() - began:.0f} s")
    one, two = walk.hosts
    _say(one.shell(first).rstrip())
    two.well(["install", "-d", "-m", "700", "/etc/alerta", "/etc/alerta/secrets"])
    for name in ("secret_key", "database_url", "redis_url"):
        path = f"/etc/alerta/secrets/{name}"
        two.write(path, one.read(path), mode=0o600)
    for host in walk.hosts:
        host.write("/etc/alerta/alerta.env", 'ALERTA_SYNC_EVERY="60"\n', mode=0o600)
        host.shell(_without(every, "systemctl", "alerta doctor"))
        units = re.search(r"systemctl enable --now (.*)", every)
        assert units is not None
        for unit in units[1].split():
            host.start(unit)
        _say(f"host {host.number}: {units[1]} say that they are ready")
    for host in walk.hosts:
        _doctor(walk, host, "")


def _doctor(walk: Walk, host: Site, slug: str) -> None:
    """Print what the doctor finds; nothing may be wrong."""
    found = json.loads(host.shell(f"sudo alerta doctor {slug} --json || true"))
    for one in found:
        if one["level"] != "ok":
            _say(f"host {host.number}: doctor: {one['level']}: {one['what']}: {one['found']}")
        if one["level"] == "wrong":
            walk.faults.append(f"doctor of host {host.number}: {one['what']}: {one['found']}")


def _first_isp(walk: Walk, people: int) -> None:
    """Do what docs/first-isp.md says, then pair everybody."""
    state, host = walk.wispro.state, walk.hosts[0]
    ana = state.add_client(name="Ana Gómez", public_id=793, email="ana@example.org")
    state.bill(state.contracts[ana.contracts[0]], number="A-0001-793")
    near = {
        r"https://www\.cloud\.wispro\.co/api/v1": f"http://wispro.example:{walk.wispro_front.port}/api/v1",
        r"mailtos://[^ \"']*": f"mailto://mail.example:{walk.sink_front.port}?from=avisos@myisp.example",
    }
    host.well(["mkdir", "/opt/desk"])
    host.write("/opt/desk/token.txt", _TOKEN)
    for block in _page("first-isp.md").blocks():
        if block.info != "sh":
            continue
        typed = block.text
        for far, here in near.items():
            typed = re.sub(far, here, typed)
        _say(host.shell(typed, folder="/opt/desk").rstrip()[-400:])
    _doctor(walk, host, _SLUG)
    # An administrator who tries it at night, or on a holiday.
    host.shell(f"sudo alerta isp set {_SLUG} --contact-hours 00:00-24:00")
    walk.wispro.state.switches.max_per_page = 10
    clients = [
        state.add_client(name=f"Vecino{n} Prueba", email=f"v{n}@x.example", public_id=5000 + n)
        for n in range(people)
    ]
    began = time.monotonic()
    for place, client in enumerate(clients):
        by = walk.hosts[place % 2]  # staff at both
        by.shell(f"sudo alerta pair {_SLUG} {client.public_id} --to {client.email} --quiet")
    host.shell(f"sudo alerta sync {_SLUG}")
    _say(f"{people} customers were paired in {time.monotonic() - began:.0f} s")


def _cut_off_in_a_sweep(walk: Walk, people: int) -> None:
    walk.wispro.faults.add(Rule(fault="timeout", path="invoicing/invoices$", delay=1.0))
    had = _bill(walk)
    wait_until(lambda: _is_swept(walk), seconds=180, what="a sweep is under way")
    asked = walk.wispro_front.last_from
    time.sleep(2)
    walk.cut_off(asked, "a sweep")
    walk.wispro.faults.clear()
    _finish(walk, had, people, "while one was cut off in a sweep")


def _cut_off_while_sending(walk: Walk, people: int) -> None:
    walk.sink.hesitate = 4.0
    had = _bill(walk)
    wait_until(lambda: len(walk.sink.taken) > had + 5, seconds=300, what="messages leave")
    walk.cut_off(walk.sink_front.last_from, "sending")
    walk.sink.hesitate = 0.4
    _finish(walk, had, people, "while one was cut off in sending")


def _bill(walk: Walk) -> int:
    """Bill everybody; return how many messages there were before."""
    state = walk.wispro.state
    had = len(walk.sink.taken)
    for client in state.clients:
        if client.email != "ana@example.org":
            state.bill(state.contracts[client.contracts[0]], amount="2590.00", payment_links=[])
    return had


def _is_swept(walk: Walk) -> bool:
    return bool(walk.ask("SELECT count(*) FROM isp WHERE sync_lease_until > now()"))


def _finish(walk: Walk, had: int, people: int, when: str) -> None:
    began = time.monotonic()

    def told() -> int:
        return len({one.recipient for one in walk.sink.taken[had:]} - {"ana@example.org"})

    open_ones = "SELECT count(*) FROM delivery WHERE state IN ('planned', 'sending')"
    deadline = began + _PATIENCE
    while time.monotonic() < deadline and (told() < people or walk.ask(open_ones)):
        time.sleep(1)
    time.sleep(20)  # for whatever would come twice
    new = [one for one in walk.sink.taken[had:] if one.recipient != "ana@example.org"]
    ids = Counter(one.recipient for one in set(new))
    twice = len(new) - len(set(new))
    _say(
        f"{when}: {len(ids)} of {people} were told, {twice} of them twice under one Message-ID; "
        f"all had an end {time.monotonic() - began - 20:.0f} s after it was back"
    )
    if len(ids) != people:
        walk.faults.append(f"{when}: {len(ids)} of {people} were told")
    walk.faults += [f"{when}: {one} was told {n} times" for one, n in ids.items() if n > 1]
    if left := walk.ask(open_ones):
        walk.faults.append(f"{when}: {left} deliveries have no end")
    states = "SELECT count(*) FROM delivery WHERE state IN ('failed', 'uncertain')"
    if bad := walk.ask(states):
        _say(f"{bad} deliveries are failed or uncertain")


def _without(block: str, *beginnings: str) -> str:
    lines = (line for line in block.splitlines())
    return "\n".join(
        line for line in lines if not line.removeprefix("sudo ").startswith(beginnings)
    )


def _page(name: str) -> Page:
    return Page(DOCS / name)


def _say(line: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {line}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
