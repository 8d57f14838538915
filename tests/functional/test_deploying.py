"""What stands in deploy/ and .env.example fits what the program is; no container is built here."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from config.settings import PREFIX, Settings, secret_names
from tests.functional.test_house_rules import commands
from tests.support.processes import ROOT
from worker.supervisor import STOP_WITHIN

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text("utf-8"))
OURS = ("migrate", "worker", "beat")
KNOWN = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}
FILES = {f"{PREFIX}{name.upper()}_FILE" for name in secret_names()}
#: Not everybody has monitoring that misses us.
NEEDED = FILES - {f"{PREFIX}HEARTBEAT_URL_FILE"}
#: Of the Compose specification (github.com/compose-spec/compose-spec, 05-services.md).
SERVICE_KEYS = {
    "build", "cap_drop", "command", "depends_on", "environment", "healthcheck", "image",
    "networks", "read_only", "restart", "secrets", "security_opt", "stop_grace_period", "tmpfs",
    "user", "volumes",
}  # fmt: skip


def test_the_example_names_every_setting_and_no_other() -> None:
    """Each with what it is, in the order in which people ask; nothing is set by copying it."""
    text = (ROOT / ".env.example").read_text("utf-8")
    named = re.findall(r"^#?(ALERTA_[A-Z_]+)=", text, re.MULTILINE)
    assert len(named) == len(set(named))
    assert set(named) == KNOWN | FILES
    assert not re.search(r"^[^#\n]", text, re.MULTILINE)


def test_the_example_shows_the_defaults() -> None:
    """What is commented out is what happens without it."""
    text = (ROOT / ".env.example").read_text("utf-8")
    for name in ("log_level", "log_format", "concurrency", "max_pdf_bytes", "home", "telegram_api"):
        shown = re.search(rf"^#{PREFIX}{name.upper()}=(.*)$", text, re.MULTILINE)
        assert shown, name
        assert shown[1] == str(Settings.model_fields[name].default), name


@pytest.mark.parametrize("name", COMPOSE["services"])
def test_a_service_uses_keys_that_there_are(name: str) -> None:
    """Keys, secrets, networks, volumes and neighbours are all declared."""
    service = COMPOSE["services"][name]
    assert set(service) <= SERVICE_KEYS
    assert set(service.get("secrets", ())) <= set(COMPOSE["secrets"])
    assert set(service.get("networks", ())) <= set(COMPOSE["networks"])
    assert set(service.get("depends_on", ())) <= set(COMPOSE["services"])
    for other, how in service.get("depends_on", {}).items():
        if how["condition"] == "service_healthy":
            assert "healthcheck" in COMPOSE["services"][other]
    for volume in service.get("volumes", ()):
        assert volume.split(":")[0] in COMPOSE["volumes"]
    assert not re.search(r"PASSWORD: |SECRET_KEY: ", str(service)), "a secret in clear"


@pytest.mark.parametrize("name", OURS)
def test_our_services_may_do_little(name: str) -> None:
    """Nobody is root, nothing can be written but /tmp and the home, secrets come as files."""
    service = COMPOSE["services"][name]
    assert service["user"] == "10001:10001"
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert set(service["environment"]) <= KNOWN | FILES
    assert {name for name in service["environment"] if name.endswith("_FILE")} == NEEDED
    for path in service["environment"].values():
        if path.startswith("/run/secrets/"):
            assert path.removeprefix("/run/secrets/") in service["secrets"]
    assert f"alerta {service['command'][0]}" in dict(commands())
    assert [place.split(":")[0] for place in service["tmpfs"]] == ["/tmp"]
    # What podman knows; of owners it knows nothing, so the home is a volume of the image.
    options = service["tmpfs"][0].split(":")[1]
    assert {one.split("=")[0] for one in options.split(",")} == {"size", "mode"}
    assert ("VOLUME", '["/var/lib/alerta"]') in instructions()


@pytest.mark.parametrize("name", ["worker", "beat"])
def test_what_goes_on_is_watched_and_given_time_to_end(name: str) -> None:
    """The grace is longer than the supervisor's, and the check of health is a command of ours."""
    service = COMPOSE["services"][name]
    assert int(service["stop_grace_period"].removesuffix("s")) > STOP_WITHIN
    words = [one for one in service["healthcheck"]["test"][1:] if not one.startswith("-")]
    assert " ".join(words) in dict(commands())
    assert service["depends_on"]["migrate"]["condition"] == "service_completed_successfully"


def test_the_broker_of_the_file_keeps_everything() -> None:
    """As the daemon demands it at its start."""
    command = " ".join(COMPOSE["services"]["valkey"]["command"])
    assert "--maxmemory-policy noeviction" in command
    assert "--appendonly yes" in command


def instructions() -> list[tuple[str, str]]:
    """Return the Containerfile's instructions, long lines joined."""
    text = (ROOT / "deploy" / "Containerfile").read_text("utf-8").replace("\\\n", " ")
    lines = [line.strip() for line in text.splitlines()]
    return [
        (word, " ".join(rest.split()))
        for word, _, rest in (line.partition(" ") for line in lines if line and line[0] != "#")
    ]


def test_the_image_is_built_from_the_lock_and_runs_as_nobody() -> None:
    """What hadolint asks for: tags, no ADD, no sudo, no root at the end, hashes for every wheel."""
    steps = instructions()
    words = [word for word, _ in steps]
    assert "ADD" not in words
    for word, rest in steps:
        if word == "FROM":
            assert re.match(r"\S+/\S+:[0-9][\w.-]+( AS \w+)?$", rest), rest
        if word == "RUN":
            assert not re.search(r"\bsudo\b|\bcurl\b|\bwget\b|\bcd\b", rest)
        if word == "RUN" and "pip install" in rest:
            assert "--require-hashes" in rest or "--no-index" in rest
            assert "--no-cache-dir" in rest
        if word in {"ENTRYPOINT", "CMD"}:
            assert rest.startswith("["), "so that signals reach it"
    last = steps[max(place for place, word in enumerate(words) if word == "FROM") :]
    assert ("USER", "10001:10001") in last
    assert not [rest for word, rest in last if word == "COPY" and "--from=build" not in rest]
    environment = " ".join(rest for word, rest in last if word == "ENV")
    assert set(re.findall(r"(ALERTA_\w+)=", environment)) <= KNOWN


def test_what_is_secret_does_not_get_into_the_image() -> None:
    """Neither databases nor keys nor settings are sent to the builder."""
    ignored = (ROOT / ".containerignore").read_text("utf-8").splitlines()
    assert {".git", "var", "*.db", "*.key", ".env", "deploy/secrets"} <= set(ignored)
