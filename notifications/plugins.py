"""Apprise's plugins by schema: the few that ISPs send over are loaded alone, the others together.

Apprise imports its 130 plugins at the first URL that it meets, which takes a command longer than
everything else that it does. Most messages need one of three.
"""

from __future__ import annotations

import warnings
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

from apprise import plugins
from apprise.manager_plugins import NotificationManager

if TYPE_CHECKING:
    from collections.abc import Callable

#: Where Apprise keeps the plugins of sending accounts (`destinations.TRANSPORTS`).
_OFTEN = {
    "mailto": ("apprise.plugins.email", "NotifyEmail"),
    "mailtos": ("apprise.plugins.email", "NotifyEmail"),
    "tgram": ("apprise.plugins.telegram", "NotifyTelegram"),
    "ntfy": ("apprise.plugins.ntfy", "NotifyNtfy"),
    "ntfys": ("apprise.plugins.ntfy", "NotifyNtfy"),
}
# Apprise ships its types, but not for these.
_url_to_dict: Callable[[str], dict[str, Any] | None] = plugins.url_to_dict
_manager: Callable[[], Any] = NotificationManager


def plugin_of(schema: str) -> Any | None:
    """Return the class that sends to URLs of a schema; None if Apprise has none."""
    if schema in _OFTEN:
        module, name = _OFTEN[schema]
        return getattr(import_module(module), name)
    manager = load_all()
    return manager[schema] if schema in manager else None  # noqa: SIM401 - it has no `get`


def parts_of(url: str) -> dict[str, Any] | None:
    """Return what the plugin of its schema reads in a URL; None if it, or nobody, can read it.

    May raise whatever a plugin raises at a URL that it does not expect.
    """
    if (schema := url.partition("://")[0].lower()) in _OFTEN:
        # as `apprise.plugins.url_to_dict`: a fragment is part of what it belongs to
        parts: dict[str, Any] | None = plugin_of(schema).parse_url(url.replace("/#", "/%23"))  # type: ignore[union-attr]
        return parts
    load_all()
    return _url_to_dict(url)


@cache
def load_all() -> Any:
    """Import every plugin of Apprise, once; return what has them by schema.

    Quietly: a plugin whose import warns would be missing where warnings are errors.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        manager = _manager()
        manager.load_modules()
    return manager
