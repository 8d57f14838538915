"""Every setting, from `ALERTA_…` environment variables, read once.

A secret may also come from a file: `ALERTA_SECRET_KEY_FILE=/run/secrets/key` stands for
`ALERTA_SECRET_KEY`. All problems are gathered into one error, so that an operator mends them in one
go.
"""

from __future__ import annotations

import os
import re
import urllib.parse
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

from pydantic import (
    Field,
    SecretStr,
    ValidationError,
    ValidatorFunctionWrapHandler,
    field_validator,
)
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from billing.ports import DestinationError
from config.permissions import others_can_read
from config.sentinels import SCHEME, parse_sentinels
from notifications.beacons import check_url

PREFIX = "ALERTA_"
#: Secrets that may be given as `ALERTA_<NAME>_FILE`; a file of 64 KiB is certainly a mistake.
MAX_SECRET_FILE_BYTES = 65_536

_SECONDS = re.compile(r"[0-9]{1,9}(\.[0-9]{1,6})?")
_PAGE = re.compile(r"https://[A-Za-z0-9][A-Za-z0-9.-]*(:[0-9]{1,5})?(/[A-Za-z0-9._~/-]*)?")
_LISTENING = re.compile(
    r"(?P<host>[A-Za-z0-9.-]+|\[[0-9A-Fa-f:]+\]):(?P<port>[0-9]{1,5})", re.ASCII
)
_COLLECTOR = re.compile(
    r"https?://([A-Za-z0-9.-]+|\[[0-9A-Fa-f:]+\])(:[0-9]{1,5})?(/[A-Za-z0-9._~/-]*)?", re.ASCII
)
_DATABASES = ("sqlite:///", "postgresql://", "postgresql+psycopg://")
_BROKERS = ("redis://", "rediss://", "redis+socket://", "sentinel://")


class SettingsError(Exception):
    """The environment cannot be used; `problems` lists everything that is wrong, a line each."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class Settings(BaseSettings):
    """What an operator may set. Durations are seconds or ISO 8601 ("PT15M")."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, frozen=True, extra="forbid"
    )

    home: Path = Field(Path("var"), description="Folder of everything we keep on disk.")
    database_url: SecretStr | None = Field(
        None, description="sqlite:///FILE or postgresql://…; default: SQLite in ALERTA_HOME."
    )
    redis_url: SecretStr | None = Field(
        None, description="redis://, rediss://, redis+socket://, sentinel://; default: embedded."
    )
    secret_key: SecretStr | None = Field(
        None, description="Key ring, newest first, separated by commas or blanks."
    )
    heartbeat_url: SecretStr | None = Field(
        None, description="Called each minute while the whole installation is well."
    )

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Literal["console", "json"] = "console"

    sync_every: timedelta = Field(
        timedelta(minutes=30), description="How often each paired account is looked at."
    )
    tick: timedelta = Field(
        timedelta(seconds=15), description="How often beat asks whether anything is due."
    )
    concurrency: int = Field(2, ge=1, le=64, description="Worker children per worker process.")
    telegram_api: str = Field(
        "https://api.telegram.org", description="Telegram's Bot API, or a server of it of your own."
    )
    reception: bool = Field(
        True, description="Whether a process that has all loaded answers support's commands."
    )
    max_pdf_bytes: int = Field(
        1_000_000, ge=10_000, le=10_000_000, description="Largest invoice PDF that is attached."
    )
    http: str | None = Field(
        None, description="HOST:PORT of /healthz and /metrics, as 127.0.0.1:9464; default: none."
    )
    otel_endpoint: str | None = Field(
        None, description="OTLP/HTTP collector for traces, as http://127.0.0.1:4318."
    )
    public_url: str | None = Field(
        None, description="https address under which customers reach our pages."
    )
    web: str = Field(
        "127.0.0.1:8480", description="HOST:PORT of our pages, for a proxy with TLS before them."
    )

    @field_validator("database_url")
    @classmethod
    def _known_database(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not value.get_secret_value().startswith(_DATABASES):
            raise ValueError(f"must begin with {', '.join(_DATABASES)}")
        if value is not None:
            _check_port(value.get_secret_value())
        return value

    @field_validator("redis_url")
    @classmethod
    def _known_broker(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not value.get_secret_value().startswith(_BROKERS):
            raise ValueError(f"must begin with {', '.join(_BROKERS)}")
        if value is None:
            return value
        url = value.get_secret_value()
        if url.startswith(SCHEME):
            parse_sentinels(url)
        elif not url.startswith("redis+socket://"):
            _check_port(url)
        return value

    @field_validator("http", "web")
    @classmethod
    def _somewhere_to_listen(cls, value: str | None) -> str | None:
        if value is None:
            return None
        host_and_port(value)
        return value.strip()

    @field_validator("otel_endpoint")
    @classmethod
    def _collector(cls, value: str | None) -> str | None:
        if value is None:
            return None
        value = value.strip()
        if not _COLLECTOR.fullmatch(value):
            raise ValueError(
                "must be an http:// or https:// address, such as http://127.0.0.1:4318"
            )
        _check_port(value)
        return value.rstrip("/")

    @field_validator("heartbeat_url")
    @classmethod
    def _an_address_to_call(cls, value: SecretStr | None) -> SecretStr | None:
        if value is None:
            return None
        try:
            return SecretStr(check_url(value.get_secret_value()))
        except DestinationError as error:
            raise ValueError(str(error)) from None

    @field_validator("public_url")
    @classmethod
    def _a_page_that_can_be_reached(cls, value: str | None) -> str | None:
        if value is None:
            return None
        value = value.strip()
        if not _PAGE.fullmatch(value):
            raise ValueError("must be an https:// address, without user, query or fragment")
        _check_port(value)
        return value.rstrip("/")

    @field_validator("telegram_api")
    @classmethod
    def _private_api(cls, value: str) -> str:
        """The token of a bot is part of every address, so it travels encrypted or not at all."""
        try:
            parts = urllib.parse.urlsplit(value)
            host, _ = parts.hostname, parts.port
        except ValueError:
            raise ValueError("its host and port cannot be read") from None
        plain = parts.scheme == "http" and host in {"127.0.0.1", "localhost", "::1"}
        if not host or not (parts.scheme == "https" or plain):
            raise ValueError("must begin with https:// (http:// only on this machine)")
        if parts.query or parts.fragment or "@" in parts.netloc:
            raise ValueError("must be an address without user, query or fragment")
        return value.rstrip("/")

    @field_validator("sync_every", "tick", mode="wrap")
    @classmethod
    def _seconds_or_iso(cls, value: Any, read: ValidatorFunctionWrapHandler) -> timedelta:
        if isinstance(value, str) and _SECONDS.fullmatch(value.strip()):
            value = float(value)
        try:
            duration: timedelta = read(value)
        except ValueError:
            raise ValueError("must be seconds (900) or an ISO 8601 duration (PT15M)") from None
        return duration

    @field_validator("sync_every", "tick")
    @classmethod
    def _at_least_a_second(cls, value: timedelta) -> timedelta:
        if value < timedelta(seconds=1):
            raise ValueError("must be at least one second")
        return value

    @property
    def embedded_database(self) -> bool:
        """Whether the database is the SQLite file in `home`."""
        return self.database_url is None

    @property
    def embedded_broker(self) -> bool:
        """Whether we run our own Valkey in `home`."""
        return self.redis_url is None

    @property
    def database(self) -> str:
        """The database URL, with the driver spelled out. Secret."""
        if self.database_url is None:
            return f"sqlite:///{self.home.resolve() / 'alerta.db'}"
        url = self.database_url.get_secret_value()
        return url.replace("postgresql://", "postgresql+psycopg://", 1)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read the constructor, the environment, then `…_FILE` variables, in this order."""
        del dotenv_settings, file_secret_settings
        return init_settings, env_settings, _FileSource(settings_cls)


def host_and_port(value: str) -> tuple[str, int]:
    """This function will read where to listen: "127.0.0.1:8480", "[::]:8480".

    Raises:
        ValueError: if it is no HOST:PORT.
    """
    found = _LISTENING.fullmatch(value.strip())
    if found is None or not 1 <= int(found["port"]) <= 65_535:
        raise ValueError("must be HOST:PORT, such as 127.0.0.1:9464 or [::1]:9464")
    return found["host"].strip("[]"), int(found["port"])


def _check_port(url: str) -> None:
    """Refuse a URL whose host and port nobody can read; several hosts are the driver's affair."""
    host = url.partition("://")[2].partition("/")[0].rpartition("@")[2]
    if "," in host or ";" in host:
        return
    try:
        urllib.parse.urlsplit(f"x://{host}").port  # noqa: B018 - it raises
    except ValueError:
        raise ValueError("its host and port cannot be read") from None


def secret_names() -> list[str]:
    """Return the settings that are secrets: each may come from a file instead."""
    return [n for n, f in Settings.model_fields.items() if f.annotation == SecretStr | None]


class _FileSource(PydanticBaseSettingsSource):
    """`ALERTA_<SECRET>_FILE`: the content of a file, without the blanks around it."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        del field
        path = os.environ.get(f"{PREFIX}{field_name.upper()}_FILE")
        if not path or field_name not in secret_names():
            return None, field_name, False
        try:
            return _read_secret(Path(path)), field_name, False
        except (OSError, UnicodeDecodeError):
            return None, field_name, False  # `_unreadable_files` says so, beside all the rest

    def __call__(self) -> dict[str, Any]:
        found = {n: self.get_field_value(f, n)[0] for n, f in Settings.model_fields.items()}
        return {name: value for name, value in found.items() if value is not None}


def _read_secret(path: Path) -> str:
    with path.open(encoding="utf-8") as file:
        return file.read(MAX_SECRET_FILE_BYTES).strip()


def load_settings() -> Settings:
    """This function will read the settings from the environment.

    Raises:
        SettingsError: with every problem found, none of them quoting a secret.
    """
    problems = _unreadable_files() + _unknown_names()
    try:
        settings = Settings()
    except ValidationError as error:
        problems += [
            f"{PREFIX}{'.'.join(str(part) for part in item['loc']).upper()}: {_plain(item['msg'])}"
            for item in error.errors(include_input=False, include_url=False)
        ]
        raise SettingsError(problems) from None
    asked_for = os.environ.get(f"{PREFIX}SECRET_KEY_FILE")  # unreadable: it was said above
    if settings.secret_key is None and not settings.embedded_database and not asked_for:
        problems.append(
            f"{PREFIX}SECRET_KEY: required with a database of your own "
            "(make one: alerta keys new; or set ALERTA_SECRET_KEY_FILE)"
        )
    if problems:
        raise SettingsError(problems)
    return settings


def _plain(message: str) -> str:
    return message.removeprefix("Value error, ").replace("Input should be", "must be")


def _unreadable_files() -> list[str]:
    problems = []
    for name in secret_names():
        variable = f"{PREFIX}{name.upper()}_FILE"
        if path := os.environ.get(variable):
            if os.environ.get(f"{PREFIX}{name.upper()}"):
                problems.append(f"{variable}: {PREFIX}{name.upper()} is set too; keep one of them")
            if others_can_read(Path(path)):
                problems.append(f"{variable}: others can read {path}; run: chmod 600 {path}")
            try:
                if not _read_secret(Path(path)):
                    problems.append(f"{variable}: the file is empty")
            except (OSError, UnicodeDecodeError) as error:
                why = error.strerror if isinstance(error, OSError) else "not a text file"
                problems.append(f"{variable}: cannot read the file: {why}")
    return problems


def _unknown_names() -> list[str]:
    known = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}
    known |= {f"{PREFIX}{name.upper()}_FILE" for name in secret_names()}
    return [
        f"{name}: no such setting (known: {', '.join(sorted(known))})"
        for name in sorted(os.environ)
        if name.startswith(PREFIX) and name not in known
    ]
