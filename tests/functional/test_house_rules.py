"""House rules: what must stay true between files that nobody reads side by side."""

from __future__ import annotations

import re
import subprocess
from datetime import timedelta
from pathlib import Path
from typing import Any

import click
import pytest
import typer.main
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect

from billing import bot_turns, ending, listening, notices, runs, sync
from billing.delivery import batch as delivery
from billing.delivery import looking
from billing.watch import heartbeats
from config.settings import Settings
from models.base import Base
from models.database import SQLITE_BUSY_SECONDS, make_engine
from models.schema import migrate, present_revision, wanted_revision
from models.tables import Account  # noqa: F401 - makes the metadata whole
from notifications import heartbeat, telegram
from tasks import queues
from tests.support.processes import ROOT
from wispro.limits import Limits
from worker import doors, processes, schedule, supervisor
from worker.celery_app import TASK_MODULES, make_app
from worker.cli.main import app as cli_app

SETTINGS = Settings(home=Path("var"))


@pytest.fixture(scope="module")
def tasks() -> dict[str, Any]:
    """Return our tasks by name, as a worker registers them."""
    app = make_app(SETTINGS, "memory://")
    app.loader.import_default_modules()
    return {name: task for name, task in app.tasks.items() if not name.startswith("celery.")}


def tracked() -> list[Path]:
    """Return the files of the repository."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False, text=True
    )
    if listed.returncode:
        pytest.skip("no repository here, so nothing is tracked")
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


# -- queues, schedule, time -----------------------------------------------------------------------


def test_every_task_has_a_queue_that_a_worker_consumes(tasks: dict[str, Any]) -> None:
    """No task waits in a queue that nobody reads, and no worker reads an empty queue."""
    assert {task.queue for task in tasks.values()} == set(queues.QUEUES)
    consumed = []
    for child in processes.worker_children(SETTINGS):
        words = list(child.command)
        consumed.append(words[words.index("--queues") + 1])
    assert sorted(consumed) == sorted(queues.QUEUES)


def test_the_procfile_starts_what_there_is() -> None:
    """release, worker, beat and web are commands of ours, and the worker takes every queue."""
    lines = dict(
        line.split(": ", 1) for line in (ROOT / "Procfile").read_text("utf-8").splitlines() if line
    )
    assert lines == {
        "release": "alerta migrate",
        "worker": "alerta worker",
        "beat": "alerta beat",
        "web": "alerta web",
    }


def test_every_task_is_declared_for_a_queue_of_its_family(tasks: dict[str, Any]) -> None:
    """The names say where a task runs, and by-hand work never waits behind a sweep."""
    assert {name: task.queue for name, task in tasks.items()} == {
        "sync.dispatch": queues.SYNC,
        "sync.isp": queues.SYNC,
        "sync.account": queues.SUPPORT,
        "deliver.plan": queues.DELIVER,
        "deliver.dispatch": queues.DELIVER,
        "deliver.batch": queues.DELIVER,
        "deliver.sweep": queues.DELIVER,
        "maintenance.tidy": queues.SUPPORT,
        "maintenance.reseal": queues.SUPPORT,
        "operator.tell": queues.SUPPORT,
        "operator.watch": queues.SUPPORT,
        "operator.ping": queues.SUPPORT,
        "operator.digest": queues.SUPPORT,
        "telegram.poll": queues.LISTEN,
    }
    assert set(TASK_MODULES) == {task.__module__ for task in tasks.values()}


@pytest.mark.parametrize(
    "settings",
    [
        SETTINGS,
        Settings(home=Path("var"), tick=timedelta(seconds=1), sync_every=timedelta(seconds=1)),
        Settings(home=Path("var"), tick=timedelta(hours=2), sync_every=timedelta(days=1)),
    ],
    ids=["default", "short", "long"],
)
def test_every_tick_names_a_task_its_queue_and_expires(
    tasks: dict[str, Any], settings: Settings
) -> None:
    """A worker that comes back after a day finds one hint of each kind, not thousands."""
    entries = schedule.schedule(settings)
    for entry in entries.values():
        task = tasks[entry["task"]]
        assert entry["options"]["queue"] == task.queue
        interval = entry["schedule"]
        seconds = interval.total_seconds() if isinstance(interval, timedelta) else 86_400
        assert 0 < entry["options"]["expires"] <= seconds
    assert {"sync.dispatch", "deliver.plan", "deliver.dispatch", "deliver.sweep"} <= {
        entry["task"] for entry in entries.values()
    }


def test_the_budget_of_time_is_a_chain() -> None:
    """Request < batch < soft limit < hard limit < lease < redelivery of the message."""
    limits = Limits()
    request = limits.retry_seconds + limits.json_deadline_seconds
    pdf = limits.retry_seconds + limits.pdf_deadline_seconds
    # a delivery: its invoice, its balance, its PDF, its send, each at its very longest
    delivery_at_worst = 2 * request + pdf + doors.SEND_TIMEOUT
    batch = delivery.BATCH_BUDGET.total_seconds() + delivery_at_worst
    # one account: many deliveries, the last of them begun just inside the budget
    digest = batch + looking.LOOK_BUDGET.total_seconds()
    # a sync: the last account begins just inside the budget
    look_at_least = queues.SYNC_BUDGET + request
    # the lease of a sync may be shorter: every transaction asks whether it still holds
    leases = {ending.LEASE.total_seconds()}

    assert limits.json_timeout <= limits.json_deadline_seconds
    assert limits.pdf_timeout <= limits.pdf_deadline_seconds
    assert doors.SEND_TIMEOUT < queues.SOFT_LIMIT
    assert request < queues.SOFT_LIMIT
    assert look_at_least < queues.SOFT_LIMIT
    assert batch < queues.SOFT_LIMIT
    assert digest < queues.SOFT_LIMIT
    assert notices.BATCH_BUDGET.total_seconds() + doors.SEND_TIMEOUT < queues.SOFT_LIMIT
    # a call of a heartbeat connects, writes and reads, each for so long at the most
    call = 4 * heartbeat.TIMEOUT
    assert call < heartbeats.LEASE.total_seconds()
    assert heartbeats.ROUND_BUDGET.total_seconds() + call < 60  # the next round finds this one over
    # a turn of a bot: what waits is answered, then a long poll, then what came is answered
    poll = listening.LONG_POLL.total_seconds() + telegram.TIMEOUT
    answers = bot_turns.ANSWERS_FOR.total_seconds() + telegram.TIMEOUT
    assert listening.TURNS_FOR.total_seconds() + answers + poll + answers < queues.SOFT_LIMIT
    # its lease is at least three quarters whole before each request
    assert listening.LEASE.total_seconds() * 0.75 > poll + SQLITE_BUSY_SECONDS
    # a worker that is told to stop ends its run by itself, and the next hint waits for its end
    assert listening.LONG_POLL <= listening.TURNS_FOR
    assert listening.TURNS_FOR.total_seconds() < supervisor.FINISH_WITHIN
    assert listening.TURNS_FOR.total_seconds() < schedule.LISTEN_TICK
    assert queues.SOFT_LIMIT < queues.HARD_LIMIT
    assert min(leases) > queues.HARD_LIMIT + SQLITE_BUSY_SECONDS
    assert max(leases) < queues.VISIBILITY_TIMEOUT
    assert sync.LEASE.total_seconds() > 2 * request
    assert queues.VISIBILITY_TIMEOUT * timedelta(seconds=1) > runs.REST


def test_the_worker_keeps_the_settings_that_lose_nothing() -> None:
    """The settings that engine.md arrives at are there together: each alone loses tasks."""
    conf = make_app(SETTINGS, "memory://").conf
    assert conf.task_acks_late
    assert conf.task_reject_on_worker_lost
    assert conf.task_acks_on_timeout is False
    assert conf.task_ignore_result
    assert conf.worker_prefetch_multiplier == 1
    assert conf.worker_cancel_long_running_tasks_on_connection_loss
    assert conf.broker_connection_max_retries is None
    assert conf.accept_content == ["json"]
    options = conf.broker_transport_options
    assert options["visibility_timeout"] == queues.VISIBILITY_TIMEOUT
    assert options["socket_timeout"] > 1  # longer than kombu's BRPOP
    assert conf.worker_soft_shutdown_timeout == 0  # the supervisor bounds the end of a worker
    assert supervisor.FINISH_WITHIN < supervisor.STOP_WITHIN < 30


# -- commands -------------------------------------------------------------------------------------


def commands() -> list[tuple[str, click.Command]]:
    """Return every command with its whole name."""

    def walk(prefix: str, command: Any) -> list[tuple[str, Any]]:
        if hasattr(command, "commands"):
            return [
                found
                for name, inner in command.commands.items()
                for found in walk(f"{prefix} {name}", inner)
            ]
        return [(prefix, command)]

    return walk("alerta", typer.main.get_command(cli_app))


@pytest.mark.parametrize(("name", "command"), commands(), ids=lambda value: str(value)[:20])
def test_every_command_explains_itself(name: str, command: click.Command) -> None:
    """--help of every command says what it does, and shows an example of itself."""
    text = str(command.help)
    assert text.partition("\n")[0].strip().endswith("."), text
    example = re.search(r"Example: `([^`]+)`", text, re.DOTALL)
    assert example, f"{name} has no example"
    assert example[1].startswith(name)
    for parameter in command.params:
        if not getattr(parameter, "hidden", False) and parameter.param_type_name == "argument":
            assert getattr(parameter, "help", None), f"{name}: {parameter.name} is unexplained"


def test_the_commands_that_scripts_rely_on_are_there() -> None:
    """The names of issue 2, and --json where it lists something."""
    found = dict(commands())
    for name in (
        *(
            "migrate",
            "isp add",
            "isp transport",
            "isp operator",
            "isp heartbeat",
            "isp operator-digest",
            "isp list",
            "pair",
            "unpair",
            "accounts",
            "sync",
        ),
        *("deliver", "resync", "invoices", "alerts", "preview", "worker", "beat", "up", "demo"),
        *("sandbox", "doctor", "baseline", "pair-link", "listen", "isp bot"),
        *("channels list", "channels add", "channels test", "channels disable"),
        *("channels enable", "channels remove", "channels order"),
    ):
        assert f"alerta {name}" in found
    for name in (
        "isp list",
        "accounts",
        "sync",
        "deliver",
        "resync",
        "invoices",
        "alerts",
        "baseline",
        "pair-link",
        "listen",
        "channels list",
        "channels test",
    ):
        assert "--json" in [o for p in found[f"alerta {name}"].params for o in p.opts], name


#: Commands that change nothing of an ISP's or a customer's, or run what the daemon runs. Whatever
#: is not here changes something, and is on record.
ONLY_SHOW = frozenset({
    *("account show", "accounts", "alerts", "audit", "channels list", "doctor", "evidence"),
    *("explain", "find", "holds", "invoices", "isp list", "policy check", "policy show"),
    *("preview", "simulate"),
    *("beat", "demo", "keys new", "keys status", "migrate", "port", "sandbox", "status", "up"),
    *("web", "worker"),
    "restore",  # puts the record itself back
})  # fmt: skip


@pytest.mark.parametrize(("name", "command"), commands(), ids=lambda value: str(value)[:20])
def test_every_command_that_changes_something_is_on_record(
    name: str, command: click.Command
) -> None:
    """It says @audited, and so takes --by."""
    name = name.removeprefix("alerta ")
    assert getattr(command.callback, "audited", False) is (name not in ONLY_SHOW), (
        f"{name}: put @audited on it, or its name into ONLY_SHOW"
    )
    if name not in ONLY_SHOW:
        assert "--by" in [o for p in command.params for o in p.opts]


#: With a customer goes what names them; retention and removal go by tables.
FORGETS = {"forgetting.py"}


def test_nothing_of_the_record_is_ever_changed() -> None:
    """No statement of ours updates an entry or its end; what deletes them is named here."""
    for path in tracked():
        if path.suffix == ".py" and path.parts[len(ROOT.parts)] in {"billing", "models", "worker"}:
            text = path.read_text("utf-8")
            assert not re.search(r"(update|update_each)\([^)]*Audit(Entry|End)", text), path
            deletes = re.search(r"delete\([^)]*Audit(Entry|End)", text) is not None
            assert deletes is (path.name in FORGETS), path


# -- tables ---------------------------------------------------------------------------------------


def test_the_migrations_make_what_the_models_say(empty_database_url: str) -> None:
    """After every migration, a comparison with the models finds nothing left to do."""
    engine = make_engine(empty_database_url)
    try:
        assert present_revision(engine) is None
        assert migrate(engine) == wanted_revision()
        assert present_revision(engine) == wanted_revision()
        assert migrate(engine) == wanted_revision()  # a second run is harmless
        with engine.connect() as connection:
            context = MigrationContext.configure(connection, opts={"compare_type": True})
            assert compare_metadata(context, Base.metadata) == []
        names = inspect(engine).get_table_names()
        assert set(Base.metadata.tables) | {"alembic_version"} == set(names)
    finally:
        engine.dispose()


def test_the_wanted_revision_is_the_head() -> None:
    """What `wanted_revision` reads off the file names is what Alembic calls its only head."""
    config = Config()
    config.set_main_option("script_location", str(ROOT / "models" / "migrations"))
    scripts = ScriptDirectory.from_config(config)
    assert scripts.get_heads() == [wanted_revision()]


# -- the repository -------------------------------------------------------------------------------


def test_the_lock_has_hashes_and_names_no_address() -> None:
    """Every pinned package has hashes, and where it comes from is nobody's business but pip's."""
    text = (ROOT / "requirements.lock").read_text("utf-8")
    assert not re.search(r"://|--index|--find-links|--extra-index|--trusted|@ file", text)
    entries = re.split(r"\n(?=[A-Za-z0-9])", text.strip())
    assert len(entries) > 50
    for entry in entries:
        assert re.match(r"[A-Za-z0-9._-]+(\[[a-z0-9,_-]+\])?==[^\s;]+", entry), entry[:60]
        assert "--hash=sha256:" in entry, entry[:60]


def test_every_dependency_is_in_the_lock() -> None:
    """What pyproject.toml asks for is pinned."""
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    wanted = [
        *project["project"]["dependencies"],
        *project["project"]["optional-dependencies"]["demo"],
        *project["dependency-groups"]["dev"],
    ]
    lock = (ROOT / "requirements.lock").read_text("utf-8")
    for requirement in wanted:
        name = re.split(r"[\[<>=~! ]", requirement)[0].lower()
        assert re.search(rf"^{re.escape(name)}(\[[^]]*\])?==", lock, re.MULTILINE), name


def test_no_file_names_a_path_of_the_machine_it_was_made_on() -> None:
    """Tracked files hold no path of a home folder, a work folder or a build."""
    machine = re.compile(rb"(?<![\w./-])/(?:work|root|home|Users|mnt|opt/build)/[\w.-]")
    found = []
    for path in tracked():
        if path == Path(__file__).resolve() or path.suffix in {".png", ".pdf", ".ico"}:
            continue
        if match := machine.search(path.read_bytes()):
            found.append(f"{path.relative_to(ROOT)}: {match[0].decode()}")
    assert found == []


@pytest.mark.rule(number=24)
def test_what_running_leaves_behind_is_not_tracked() -> None:
    """No environment, database, cache or key is in the repository."""
    for path in tracked():
        relative = path.relative_to(ROOT)
        assert not {".venv", "var", "__pycache__"} & set(relative.parts), relative
        assert path.suffix not in {".db", ".pyc", ".key", ".sqlite"}, relative
