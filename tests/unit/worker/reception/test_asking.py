"""A caller hands over what can be done elsewhere, to whom it trusts, and nothing else."""

from __future__ import annotations

import inspect
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer.main

from tests.support.processes import ROOT
from worker.cli.main import app
from worker.reception import asking, wire

WORDS = ["find", "ana"]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return where the reception of a home would answer."""
    monkeypatch.setenv("ALERTA_HOME", str(tmp_path))
    monkeypatch.delenv("ALERTA_RECEPTION", raising=False)
    return wire.socket_of(tmp_path)


@pytest.fixture
def door(place: Path) -> Iterator[socket.socket]:
    """Somebody who listens there."""
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(str(place))
        door.listen()
        yield door


def test_where_nobody_answers_nothing_is_asked(place: Path) -> None:
    """No socket, or one that nobody has: the caller does it by itself, at once."""
    assert asking.asked(WORDS) is None
    with socket.socket(socket.AF_UNIX) as gone:
        gone.bind(str(place))
    assert asking.asked(WORDS) is None


def test_a_home_that_is_closed_to_us_is_no_error_of_ours(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command itself says what is wrong with it."""

    def closed(path: Path, **_: object) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "stat", closed)
    assert asking.asked(WORDS) is None
    assert asking.answers(place.parent) is None


def test_nothing_is_said_to_somebody_else(
    door: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another user's process at that place learns neither words nor secrets."""
    monkeypatch.setattr(wire, "user_of_peer", lambda _: os.getuid() + 1)
    assert asking.asked(WORDS) is None
    caller, _ = door.accept()
    with caller:
        assert caller.recv(1) == b""


def test_a_file_that_root_names_is_not_looked_for_by_another_user(
    door: socket.socket, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It may be root's alone; the database of the home is the daemon's own."""
    ours, monkey = os.getuid(), monkeypatch.setattr
    monkey(asking, "_is_ours", lambda *_: True)
    monkey(asking, "_PATIENCE", 0.1)

    def said() -> bytes:
        assert asking.asked(WORDS) is None
        caller, _ = door.accept()
        with caller:
            return caller.recv(1)

    monkeypatch.setenv("ALERTA_DATABASE_URL", f"sqlite:///{tmp_path / 'copy.db'}")
    monkey(wire, "user_of_peer", lambda _: ours + 1)
    assert said() == b""
    monkey(wire, "user_of_peer", lambda _: ours)
    assert said() != b""
    monkeypatch.delenv("ALERTA_DATABASE_URL")
    monkey(wire, "user_of_peer", lambda _: ours + 1)
    assert said() != b""


@pytest.mark.parametrize("word", ["no", "0", "FALSE", "off"])
def test_it_can_be_switched_off(
    door: socket.socket, monkeypatch: pytest.MonkeyPatch, word: str
) -> None:
    """As the setting is read."""
    monkeypatch.setenv("ALERTA_RECEPTION", word)
    assert asking.asked(WORDS) is None
    door.settimeout(0.05)
    with pytest.raises(TimeoutError):
        door.accept()


def test_whoever_is_not_taken_keeps_the_streams(
    door: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reception that takes its time gets no stream, which would stay open in its hands."""
    monkeypatch.setattr(asking, "_PATIENCE", 0.1)
    assert asking.asked(WORDS) is None
    caller, _ = door.accept()
    with caller:
        length = int.from_bytes(wire.receive(caller, wire.HEAD), "big")
        assert len(wire.receive(caller, length)) == length
        data, streams, _, _ = socket.recv_fds(caller, 1, 3)
        assert (data, streams) == (b"", [])


def test_a_reception_that_dies_is_said(
    door: socket.socket, capsys: pytest.CaptureFixture[str]
) -> None:
    """What it was told to do may have been done: that is not done once more."""

    def take_and_die() -> None:
        caller, _ = door.accept()
        with caller:
            caller.sendall(wire.TAKEN)
            length = int.from_bytes(wire.receive(caller, wire.HEAD), "big")
            wire.receive(caller, length)
            _, streams, _, _ = socket.recv_fds(caller, 1, 3)
            for stream in streams:
                os.close(stream)

    thread = threading.Thread(target=take_and_die)
    thread.start()
    assert asking.asked(WORDS) == 1
    thread.join()
    assert "alerta audit" in capsys.readouterr().err


def test_secrets_of_files_are_read_by_whoever_may(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reception may not be let in; what is wrong with a file is for the command to say."""
    file = tmp_path / "key"
    monkeypatch.setenv("ALERTA_SECRET_KEY_FILE", str(file))
    monkeypatch.delenv("ALERTA_SECRET_KEY", raising=False)
    assert asking._environment(tmp_path) is None
    file.write_text(" one two \n")
    file.chmod(0o600)
    given = asking._environment(tmp_path)
    assert given is not None
    assert given["ALERTA_SECRET_KEY"] == "one two"
    assert "ALERTA_SECRET_KEY_FILE" not in given
    file.chmod(0o644)
    assert asking._environment(tmp_path) is None
    file.chmod(0o600)
    monkeypatch.setenv("ALERTA_SECRET_KEY", "another")
    assert asking._environment(tmp_path) is None


@pytest.mark.parametrize(
    ("url", "elsewhere"),
    [
        ("sqlite:///here.db", False),
        ("sqlite:////var/there.db", True),
        ("postgresql://db/alerta", True),
    ],
)
def test_a_database_beside_the_caller_is_the_callers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str, *, elsewhere: bool
) -> None:
    """A path that begins where the caller is means another file elsewhere."""
    monkeypatch.setenv("ALERTA_DATABASE_URL", url)
    assert (asking._environment(tmp_path) is not None) is elsewhere


def test_a_home_is_named_from_the_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So is one that the caller named from its own folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ALERTA_HOME", "there")
    given = asking._environment(Path("there").absolute())
    assert given is not None
    assert given["ALERTA_HOME"] == str(tmp_path / "there")


def test_what_is_answered_exists_and_reads_no_file_of_the_caller() -> None:
    """Each is a command; none has a parameter that is a file, or a question to confirm."""
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    for name, group in wire.ANSWERED.items():
        those = [commands[name]] if not group else [commands[name].commands[one] for one in group]
        for command in those:
            given = inspect.signature(command.callback).parameters
            assert not {"yes", "file", "out", "output"} & set(given), name
            assert not any("Path" in str(one.annotation) for one in given.values()), name


def test_a_caller_loads_next_to_nothing() -> None:
    """Half a second of loading is what the reception is there to spare."""
    asked = (
        "import sys, worker.cli;"
        "print(len(sys.modules), *{'typer', 'rich', 'sqlalchemy', 'pydantic'} & set(sys.modules))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", asked], cwd=ROOT, capture_output=True, text=True, check=True
    )
    number, *heavy = ran.stdout.split()
    assert heavy == []
    assert int(number) < 150
