"""Whatever is wrong with what an operator gives: one line that says so, and never a traceback."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

from config.keys import new_key
from tests.support.cli import Cli
from tests.support.marks import on_sqlite

ISP = {"--name": "Demo", "--base-url": "http://127.0.0.1:9/api/v1", "--token-file": ""}


def add(cli: Cli, slug: str = "demo", **given: str) -> tuple[int, str]:
    token = cli.home / "token"
    token.write_text("12345678-token\n")
    options = ISP | {"--token-file": str(token)}
    options |= {f"--{name.replace('_', '-')}": value for name, value in given.items()}
    ran = cli.here("isp", "add", slug, *(word for pair in options.items() for word in pair))
    return ran.code, ran.stderr


@pytest.mark.parametrize(
    "given",
    [
        {"base_url": "http://127.0.0.1:9/api/v1?firm=1"},
        {"base_url": "http://127.0.0.1:9/api/v1#top"},
        {"base_url": "http://127.0.0.1:99999/api/v1"},
        {"base_url": "http://:password@127.0.0.1:9/api/v1"},
        {"minimum_amount": "0.00001"},
        {"minimum_amount": "1e30"},
        {"minimum_amount": "NaN"},
        {"timezone": "America"},
        {"pay_url": "https://pay.example/{invoice_id"},
        {"pay_url": "https://pay.example/{Invoice}"},
        {"support": "s" * 501},
        {"support": "two\nlines"},
    ],
)
@on_sqlite
def test_an_isp_that_cannot_work_is_refused_when_it_is_added(
    cli: Cli, given: dict[str, str]
) -> None:
    """Once it is in, every sync would stumble over it."""
    code, said = add(cli, **given)
    assert code == 1
    assert next(iter(given)).replace("_", "-") in said
    assert "Traceback" not in said
    assert "no ISP" in cli.here("sync", "demo").stderr


@on_sqlite
def test_a_plain_isp_is_taken(cli: Cli) -> None:
    """The refusals above are not for everybody."""
    pay_url = "https://pay.example:8443/i/{invoice_id}?c={public_id}"
    assert add(cli, pay_url=pay_url, minimum_amount="10.5", support="WhatsApp 3546") == (0, "")


@pytest.mark.parametrize(
    "settings",
    [
        {"DATABASE_URL": "postgresql://u:geheim@127.0.0.1:xx/db"},
        {"DATABASE_URL": "postgresql://u:geheim@[bad/db"},
        {"REDIS_URL": "redis://:geheim@127.0.0.1:xx/0"},
    ],
)
@on_sqlite
def test_an_address_that_nobody_can_read_is_refused_at_once(
    cli: Cli, settings: dict[str, str]
) -> None:
    """Exit code 2, the setting is named, its password is not."""
    ran = cli.here("isp", "list", SECRET_KEY=new_key(), **settings)
    assert ran.code == 2
    assert next(iter(settings)) in ran.stderr
    assert "geheim" not in ran.text


@on_sqlite
def test_a_key_file_that_holds_something_else_is_refused(cli: Cli) -> None:
    """Exit code 2, naming the file."""
    key = cli.home / "secret.key"
    key.write_bytes(b"\xff\xfe")
    key.chmod(0o600)
    ran = cli.here("isp", "list")
    assert (ran.code, "secret.key" in ran.stderr) == (2, True)


@on_sqlite
def test_a_database_of_tomorrow_is_refused(cli: Cli) -> None:
    """An older program must not touch it, not even to migrate."""
    from models.database import Database

    database = Database(f"sqlite:///{cli.home / 'alerta.db'}")
    with database.write() as session:
        session.connection().exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    database.close()
    for command in (["migrate"], ["isp", "list"]):
        ran = cli.here(*command)
        assert (ran.code, "newer than this program" in ran.stderr) == (1, True)


@on_sqlite
def test_control_c_is_no_traceback(cli: Cli, tmp_path: Path) -> None:
    """Somebody who loses patience sees no source code."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}/api/v1"
        assert add(cli, base_url=address)[0] == 0
        running = cli.start("pair", "demo", "5", "--to", "ana@example.org")
        connection, _ = silent.accept()
        time.sleep(0.2)
        code = None
        for _ in range(3):  # Python drops one that arrives while it tidies up; people press again
            os.kill(running.process.pid, signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                code = running.process.wait(20)
                break
        connection.close()
    assert code not in {0, None}
    assert "Traceback" not in (cli.home / "process.log").read_text()
