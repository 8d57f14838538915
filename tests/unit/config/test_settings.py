"""Settings are read once and refuse early."""

import os
from datetime import timedelta

import pytest

from config.sentinels import parse_sentinels
from config.settings import SettingsError, load_settings


@pytest.fixture(autouse=True)
def _clean(monkeypatch):
    for name in list(os.environ):
        if name.startswith("ALERTA_"):
            monkeypatch.delenv(name)


def test_nothing_set_gives_the_embedded_defaults():
    """`make up` on a fresh machine needs no setting."""
    settings = load_settings()
    assert settings.embedded_database
    assert settings.embedded_broker
    assert settings.database.endswith("/var/alerta.db")


def test_every_problem_is_told_at_once(monkeypatch):
    """An operator mends them in one go."""
    monkeypatch.setenv("ALERTA_DATABASE_URL", "mysql://secret-host/x")
    monkeypatch.setenv("ALERTA_TICK", "soon")
    monkeypatch.setenv("ALERTA_TIK", "15")
    with pytest.raises(SettingsError) as caught:
        load_settings()
    text = "\n".join(caught.value.problems)
    assert "ALERTA_DATABASE_URL" in text
    assert "ALERTA_TICK:" in text
    assert "ALERTA_TIK: no such setting" in text
    assert "secret-host" not in text


def test_a_secret_may_come_from_a_file(monkeypatch, tmp_path):
    """`…_FILE` stands for the variable itself, without the blanks around it."""
    path = tmp_path / "url"
    path.write_text("postgresql://u:p@db/alerta\n")
    monkeypatch.setenv("ALERTA_DATABASE_URL_FILE", str(path))
    monkeypatch.setenv("ALERTA_SECRET_KEY", "k")
    assert load_settings().database == "postgresql+psycopg://u:p@db/alerta"


def test_a_secret_given_twice_is_refused(monkeypatch, tmp_path):
    """Which of the two was meant?"""
    path = tmp_path / "url"
    path.write_text("sqlite:///x.db")
    monkeypatch.setenv("ALERTA_DATABASE_URL_FILE", str(path))
    monkeypatch.setenv("ALERTA_DATABASE_URL", "sqlite:///y.db")
    with pytest.raises(SettingsError, match="keep one of them"):
        load_settings()


@pytest.mark.parametrize("content", [None, b"", b"\xff\xfe\x00"])
def test_a_secret_file_that_cannot_be_read_is_named(monkeypatch, tmp_path, content):
    """Missing, empty or not text."""
    path = tmp_path / "key"
    if content is not None:
        path.write_bytes(content)
    monkeypatch.setenv("ALERTA_SECRET_KEY_FILE", str(path))
    with pytest.raises(SettingsError, match="ALERTA_SECRET_KEY_FILE"):
        load_settings()


def test_a_database_of_ones_own_needs_a_key(monkeypatch):
    """A key that lies beside nothing in particular would be lost with the container."""
    monkeypatch.setenv("ALERTA_DATABASE_URL", "postgresql://db/alerta")
    with pytest.raises(SettingsError, match="ALERTA_SECRET_KEY: required"):
        load_settings()


def test_secrets_are_masked_wherever_settings_are_printed(monkeypatch):
    """Repr goes to logs."""
    monkeypatch.setenv("ALERTA_DATABASE_URL", "postgresql://u:hunter2@db/alerta")
    monkeypatch.setenv("ALERTA_SECRET_KEY", "the-key")
    monkeypatch.setenv("ALERTA_REDIS_URL", "redis://:swordfish@r/0")
    printed = repr(load_settings())
    for secret in ("hunter2", "the-key", "swordfish"):
        assert secret not in printed


def test_durations_read_as_seconds_or_iso(monkeypatch):
    """Both are common in deployments."""
    monkeypatch.setenv("ALERTA_TICK", "PT5S")
    monkeypatch.setenv("ALERTA_SYNC_EVERY", "900")
    settings = load_settings()
    assert settings.tick == timedelta(seconds=5)
    assert settings.sync_every == timedelta(minutes=15)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("https://avisos.isp.example", "https://avisos.isp.example"),
        (" https://isp.example:8443/avisos/ ", "https://isp.example:8443/avisos"),
    ],
)
def test_a_public_address_is_kept_without_its_slash(monkeypatch, given, kept):
    """Links are made by adding a path to it."""
    monkeypatch.setenv("ALERTA_PUBLIC_URL", given)
    assert load_settings().public_url == kept


@pytest.mark.parametrize(
    "given",
    [
        "http://isp.example", "isp.example", "https://", "https:///path", "https://u:p@isp.example",
        "https://isp.example/?a=1", "https://isp.example/#x", "https://isp.example/ x",
        "https://isp.example:99999", "https://isp.example\r\nBcc: x", "javascript:1",
        "https://ñandú.example",
    ],
)  # fmt: skip
def test_a_public_address_is_plain_https(monkeypatch, given):
    """It will stand in headers and messages, and what it leads to is nobody else's."""
    monkeypatch.setenv("ALERTA_PUBLIC_URL", given)
    with pytest.raises(SettingsError, match="ALERTA_PUBLIC_URL"):
        load_settings()


@pytest.mark.parametrize(
    "given", ["127.0.0.1:9464", "[::1]:9464", "0.0.0.0:1", "monitor.lan:65535"]
)
def test_the_port_for_machines_is_a_host_and_a_port(monkeypatch, given):
    """It is off unless it is named."""
    assert load_settings().http is None
    monkeypatch.setenv("ALERTA_HTTP", f" {given} ")
    assert load_settings().http == given


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("HTTP", "9464"), ("HTTP", ":9464"), ("HTTP", "127.0.0.1"), ("HTTP", "127.0.0.1:0"),
        ("HTTP", "127.0.0.1:65536"), ("HTTP", "127.0.0.1:９４６４"), ("HTTP", "::1:9464"),
        ("HTTP", "http://127.0.0.1:9464"), ("HTTP", "a b:1"), ("HTTP", "a:1\nx"),
        ("OTEL_ENDPOINT", "127.0.0.1:4318"), ("OTEL_ENDPOINT", "grpc://127.0.0.1:4317"),
        ("OTEL_ENDPOINT", "http://u:p@127.0.0.1:4318"), ("OTEL_ENDPOINT", "http://a:99999"),
        ("OTEL_ENDPOINT", "http://a/?x=1"),
    ],
)  # fmt: skip
def test_addresses_for_machines_are_refused_in_a_line(monkeypatch, name, given):
    """Before anything is started."""
    monkeypatch.setenv(f"ALERTA_{name}", given)
    with pytest.raises(SettingsError, match=f"^ALERTA_{name}: "):
        load_settings()


def test_a_collector_is_kept_without_its_slash(monkeypatch):
    """A path is added to it."""
    monkeypatch.setenv("ALERTA_OTEL_ENDPOINT", "http://127.0.0.1:4318/")
    assert load_settings().otel_endpoint == "http://127.0.0.1:4318"


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("sentinel://one:26379,two:26379/0", "must name the master"),
        ("sentinel://one:port/0?master=alerta", "hosts and ports cannot be read"),
        ("sentinel:///0?master=alerta", "hosts and ports cannot be read"),
        ("sentinel://one/first?master=alerta", "its database must be a number"),
        ("sentinel://one/0?master=alerta&mater=x", "no such option: mater"),
    ],
)
def test_sentinels_that_cannot_be_read_are_refused(monkeypatch, url, says):
    """At the start, without showing the address."""
    monkeypatch.setenv("ALERTA_REDIS_URL", url)
    with pytest.raises(SettingsError, match=says):
        load_settings()


def test_sentinels_are_taken_apart():
    """Logins of the broker and of the sentinels, several hosts, commas or semicolons."""
    read = parse_sentinels("sentinel://u:p%40w@one:1,two;[::1]:3/4?master=m&sentinel_password=s")
    assert read.hosts == (("one", 1), ("two", 26379), ("::1", 3))
    assert (read.master, read.database, read.username, read.password) == ("m", 4, "u", "p@w")
    assert (read.own_username, read.own_password) == (None, "s")
    assert "p@w" not in repr(read)


def test_the_installations_heartbeat_is_a_secret_from_a_file_too(monkeypatch, tmp_path):
    """Whoever knows the address can say in our name that all is well."""
    path = tmp_path / "heartbeat"
    path.write_text("https://hc-ping.com/5f0c-secret\n")
    monkeypatch.setenv("ALERTA_HEARTBEAT_URL_FILE", str(path))
    settings = load_settings()
    assert settings.heartbeat_url is not None
    assert settings.heartbeat_url.get_secret_value() == "https://hc-ping.com/5f0c-secret"
    assert "5f0c" not in repr(settings)


def test_a_heartbeat_that_would_travel_in_clear_is_refused(monkeypatch):
    """At start, in one line, without the address."""
    monkeypatch.setenv("ALERTA_HEARTBEAT_URL", "http://hc-ping.com/5f0c-secret")
    with pytest.raises(SettingsError, match="ALERTA_HEARTBEAT_URL: must be an https://") as caught:
        load_settings()
    assert "5f0c" not in str(caught.value)
