"""The address of a broker behind Redis Sentinel, taken apart.

    sentinel://user:password@one:26379,two:26379,three/0?master=alerta&sentinel_password=…

User and password are those of the broker; the sentinels' own are options. Hosts may be separated
by commas or, as Celery writes it, by semicolons.
"""

from __future__ import annotations

import re
import urllib.parse
from dataclasses import dataclass, field

SCHEME = "sentinel://"
_PORT = 26379
_OPTIONS = frozenset({"master", "sentinel_username", "sentinel_password"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentinels:
    """Who is asked where the broker is, and what it is called."""

    hosts: tuple[tuple[str, int], ...]
    master: str
    database: int = 0
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    own_username: str | None = None
    own_password: str | None = field(default=None, repr=False)


def parse_sentinels(url: str) -> Sentinels:
    """This function will read such an address.

    Raises:
        ValueError: saying what is missing; nothing of the address is quoted.
    """
    rest, _, query = url.removeprefix(SCHEME).partition("?")
    options = dict(urllib.parse.parse_qsl(query))
    if unknown := set(options) - _OPTIONS:
        raise ValueError(f"no such option: {', '.join(sorted(unknown))}")
    if not options.get("master"):
        raise ValueError("must name the master: sentinel://host1,host2,host3/0?master=NAME")
    place, _, database = rest.partition("/")
    login, _, hosts = place.rpartition("@")
    if not re.fullmatch(r"[0-9]{0,4}", database):
        raise ValueError("its database must be a number: …/0?master=NAME")
    user, _, password = login.partition(":")
    return Sentinels(
        hosts=tuple(_host(one) for one in re.split(r"[,;]", hosts.replace(SCHEME, ""))),
        master=options["master"],
        database=int(database or 0),
        username=urllib.parse.unquote(user) or None,
        password=urllib.parse.unquote(password) or None,
        own_username=options.get("sentinel_username"),
        own_password=options.get("sentinel_password"),
    )


def _host(text: str) -> tuple[str, int]:
    try:
        parts = urllib.parse.urlsplit(f"x://{text.rpartition('@')[2].partition('/')[0]}")
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ValueError("its hosts and ports cannot be read") from None
    if not host:
        raise ValueError("its hosts and ports cannot be read")
    return host, port or _PORT
