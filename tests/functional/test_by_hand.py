"""`deploy/alerta`: a command by hand goes by the settings and the secrets of the units."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.support.processes import ROOT
from worker.cli.given import who

SHOWN = r"""#!/bin/sh
env | grep ^ALERTA_ | sort
echo "given: $*"
"""


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """Return a machine's root with the program on it; its secrets are there."""
    (tmp_path / "etc/alerta/secrets").mkdir(parents=True)
    (tmp_path / "opt").mkdir()
    program = tmp_path / "opt/alerta"
    program.write_text(SHOWN)
    program.chmod(0o755)
    return tmp_path


def alerta(machine: Path, *words: str, **environment: str) -> list[str]:
    """Run the script as that machine has it, and return what the program is given."""
    text = (ROOT / "deploy/alerta").read_text("utf-8")
    assert "etc=/etc/alerta\n" in text
    text = text.replace("etc=/etc/alerta\n", f"etc={machine}/etc/alerta\n")
    text = text.replace("/opt/alerta/.venv/bin/alerta", str(machine / "opt/alerta"))
    script = machine / "by-hand"
    script.write_text(text)
    script.chmod(0o755)
    ran = subprocess.run(
        [script, *words],
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return ran.stdout.splitlines()


def test_one_machine_needs_nothing(machine: Path) -> None:
    """Without a file, the home is that of the unit, and the words are handed on as they were."""
    assert alerta(machine, "find", "ana gómez", "*") == [
        "ALERTA_HOME=/var/lib/alerta",
        "given: find ana gómez *",
    ]


def test_settings_and_secrets_are_those_of_the_units(machine: Path) -> None:
    """Quotes are not part of a value, comments are none, and a URL may hold what a shell reads."""
    (machine / "etc/alerta/alerta.env").write_text(
        '# a comment\nALERTA_TICK=30\n\nALERTA_LOG_LEVEL="DEBUG"\n'
        "ALERTA_PUBLIC_URL='https://avisos.example/a?b=1&c=$HOME'\nALERTA_SYNC_EVERY=PT1H"
    )
    (machine / "etc/alerta/secrets/database_url").write_text("postgresql://…")
    (machine / "etc/alerta/secrets/secret_key").write_text("…")
    assert alerta(machine, "doctor") == [
        f"ALERTA_DATABASE_URL_FILE={machine}/etc/alerta/secrets/database_url",
        "ALERTA_HOME=/var/lib/alerta",
        "ALERTA_LOG_LEVEL=DEBUG",
        "ALERTA_PUBLIC_URL=https://avisos.example/a?b=1&c=$HOME",
        f"ALERTA_SECRET_KEY_FILE={machine}/etc/alerta/secrets/secret_key",
        "ALERTA_SYNC_EVERY=PT1H",
        "ALERTA_TICK=30",
        "given: doctor",
    ]


def test_what_is_said_at_the_prompt_has_the_last_word(machine: Path) -> None:
    """A setting that was given is not overwritten, nor a secret that is given otherwise."""
    (machine / "etc/alerta/alerta.env").write_text("ALERTA_HOME=/srv/alerta\nALERTA_TICK=30\n")
    (machine / "etc/alerta/secrets/redis_url").write_text("redis://…")
    assert alerta(machine, ALERTA_TICK="5", ALERTA_REDIS_URL="redis://other") == [
        "ALERTA_HOME=/srv/alerta",
        "ALERTA_REDIS_URL=redis://other",
        "ALERTA_TICK=5",
        "given: ",
    ]


def test_who_did_it_is_who_typed_sudo(monkeypatch: pytest.MonkeyPatch) -> None:
    """Behind sudo everybody is root; on record is who it was, unless they say otherwise."""
    monkeypatch.setenv("SUDO_USER", "eva")
    assert who(None) == "eva"
    assert who("ana") == "ana"
