"""A broker of the operator's own: with a login, over TLS, behind Sentinel; for Celery and us."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from pydantic import SecretStr
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

from config.settings import Settings
from tasks import queues
from tests.support.brokers import OwnValkey
from tests.support.processes import wait_until
from tests.support.tls import TlsFront, certificate
from worker.broker import GLOBAL_PREFIX, broker_client, broker_url
from worker.buckets import Buckets
from worker.celery_app import make_app
from worker.doctor.stores import broker_findings
from worker.errors import NotReadyError
from worker.pace import Rate
from worker.starting import require_broker
from worker.turns import Turns

#: With every sign that means something in a URL.
PASSWORD = "s/w:o@r?d&f i;s,h#"
#: What docs/production.md says that the user needs.
RIGHTS = "~alerta:* &alerta:* &* +@all -@dangerous +info +keys"


def settings_of(url: str, home: Path) -> Settings:
    """Return settings with this broker."""
    return Settings(home=home, redis_url=SecretStr(url))


def passes_a_message(settings: Settings) -> None:
    """Insist that Celery can put a message down and take it up, and that we can count it."""
    with make_app(settings, broker_url(settings)) as app:
        app.conf.broker_transport_options |= {"max_retries": 0}
        app.send_task("sync.account", kwargs={"account_id": 1}, queue=queues.SUPPORT, retry=False)
        client = broker_client(settings, timeout=2)
        assert client.llen(GLOBAL_PREFIX + queues.SUPPORT) == 1
        client.close()
        with app.connection_for_read() as connection:
            queue = connection.SimpleQueue(queues.SUPPORT)
            message = queue.get(timeout=10)
            message.ack()
            queue.close()


def shares_its_pace(settings: Settings) -> bool:
    """Whether two processes that use it take from one bucket, and get turns of one line."""
    several = [Buckets(settings) for _ in range(2)]
    taken = [one.take(7, Rate(1, 60)) for one in several]
    for bucket in several:
        bucket.close()
    lines = [Turns(settings) for _ in range(2)]
    turns = [one.reserve([("key", 1.0)], within=5.0) for one in lines]
    for line in lines:
        line.close()
    return taken == [True, False] and turns[0] == 0.0 and turns[1] > 0.5


@pytest.fixture
def closed(tmp_path: Path) -> Iterator[OwnValkey]:
    """Run a broker that knows one user only."""
    users = tmp_path / "users.acl"
    digest = hashlib.sha256(PASSWORD.encode()).hexdigest()
    users.write_text(f"user default off\nuser alerta on #{digest} {RIGHTS}\n")
    with OwnValkey(tmp_path / "broker", "--aclfile", str(users)) as server:
        yield server


def test_a_login_by_acl(closed: OwnValkey, home: Path) -> None:
    """User and password stand in the address; with few rights everything works."""
    place = f"127.0.0.1:{closed.port}/0"
    settings = settings_of(f"redis://alerta:{quote(PASSWORD, safe='')}@{place}", home)
    require_broker(settings, within=0)
    passes_a_message(settings)
    assert shares_its_pace(settings)
    assert [one.level for one in broker_findings(settings)][:2] == ["ok", "ok"]
    for wrong in (f"redis://alerta:no@{place}", f"redis://{place}"):
        with pytest.raises(NotReadyError, match="user and password"):
            require_broker(settings_of(wrong, home), within=0)


def test_tls_with_a_certificate_of_ones_own(closed: OwnValkey, home: Path, tmp_path: Path) -> None:
    """The certificate is checked, by Celery as well; one that nobody vouches for is refused."""
    pem = certificate(tmp_path)
    with TlsFront(closed.port, pem) as front:
        url = f"rediss://alerta:{quote(PASSWORD, safe='')}@127.0.0.1:{front.port}/0"
        trusting = settings_of(f"{url}?ssl_ca_certs={pem}", home)
        require_broker(trusting, within=0)
        passes_a_message(trusting)
        assert shares_its_pace(trusting)

        distrusting = settings_of(url, home)
        with pytest.raises(NotReadyError, match="its certificate is not valid"):
            require_broker(distrusting, within=0)
        with (
            make_app(distrusting, broker_url(distrusting)) as app,
            app.connection_for_write() as connection,
            pytest.raises(RedisConnectionError, match="certificate verify failed"),
        ):
            connection.channel().client.ping()


def test_sentinel_leads_to_whoever_is_master_now(home: Path, tmp_path: Path) -> None:
    """When the master dies the replica takes its place, for Celery's messages and for our pace."""
    login = ("--requirepass", "swordfish", "--primaryauth", "swordfish")
    with (
        OwnValkey(tmp_path / "one", *login) as one,
        OwnValkey(tmp_path / "two", *login, "--replicaof", f"127.0.0.1 {one.port}") as two,
        OwnValkey(
            tmp_path / "sentinel",
            f"sentinel monitor alerta 127.0.0.1 {one.port} 1",
            "sentinel auth-pass alerta swordfish",
            "sentinel down-after-milliseconds alerta 500",
            "sentinel failover-timeout alerta 3000",
            sentinel=True,
        ) as sentinel,
    ):
        hosts = f"127.0.0.1:1,127.0.0.1:{sentinel.port}"
        url = f"sentinel://:swordfish@{hosts}/0?master=alerta"
        settings = settings_of(url, home)
        require_broker(settings, within=10)
        passes_a_message(settings)
        assert shares_its_pace(settings)

        other = broker_client(
            settings_of(f"redis://:swordfish@127.0.0.1:{two.port}", home), timeout=2
        )
        wait_until(
            lambda: other.info("replication")["master_link_status"] == "up",
            seconds=20,
            what="the replica follows",
        )
        one.kill()

        def is_master() -> bool:
            client = broker_client(settings, timeout=1)
            try:
                return int(client.info("server")["tcp_port"]) == two.port
            except RedisError:
                return False
            finally:
                client.close()

        wait_until(is_master, seconds=60, what="the replica is the master")
        other.flushall()
        other.close()
        passes_a_message(settings)
        assert shares_its_pace(settings)


def test_a_sentinel_that_knows_no_such_master(home: Path, tmp_path: Path) -> None:
    """One line says so."""
    with OwnValkey(tmp_path / "sentinel", sentinel=True) as sentinel:
        url = f"sentinel://127.0.0.1:{sentinel.port}/0?master=nobody"
        with pytest.raises(NotReadyError, match="the sentinels know no such master"):
            require_broker(settings_of(url, home), within=0)
