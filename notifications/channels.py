"""Apprise URLs and the services they become: parsed by Apprise, addressed and bounded by us.

A URL is always taken apart by the plugin it belongs to; recipient, timeouts and the pay link are
set on the parts. Nothing is ever glued into a URL.
"""

from __future__ import annotations

import logging
import threading
from contextlib import contextmanager
from contextvars import ContextVar
from email.utils import parseaddr
from typing import TYPE_CHECKING, Any

from apprise import Apprise, AppriseAsset
from apprise import apprise as engine
from apprise.exception import AppriseException

from billing.ports import DestinationError
from notifications.destinations import (
    FORMS,
    LOCAL,
    TRANSPORTS,
    UNOFFICIAL_WHATSAPP,
    UrlFacts,
    email_address,
)
from notifications.plugins import load_all, parts_of, plugin_of

if TYPE_CHECKING:
    from collections.abc import Iterator

# Options of a URL that are ours to decide, or that make Apprise read files of this machine.
_OURS = frozenset({
    "cto", "rto", "retry", "wait", "optional", "redirect", "overflow", "format", "emojis", "tz",
    "store", "keyfile", "subfile", "pgp_mode", "pgp_key", "pgp_privkey", "use_wkd", "template",
    "tokens", "qsd", "inline", "attach", "filename", "delay", "detect_owner", "include_image",
})  # fmt: skip

_EXAMPLE_TARGET = {"email": "prueba@example.org", "telegram": "1", "ntfy": "prueba"}


def parse(url: str, *, trusted: bool) -> dict[str, Any]:
    """Return the parts of an Apprise URL, without the options that are ours to decide.

    Args:
        url: the whole URL.
        trusted: whether the operator wrote it; only then may it switch certificate checks off.

    Raises:
        DestinationError: if Apprise cannot read it, or it acts on this machine.
    """
    try:
        parts = parts_of(url) if url.isprintable() and " " not in url else None
    except (AppriseException, ArithmeticError, LookupError, TypeError, ValueError, AttributeError):
        parts = None
    if not parts or "schema" not in parts:
        raise DestinationError(f"Apprise cannot read this URL: {FORMS}")
    if parts["schema"] in LOCAL:
        raise DestinationError("this kind of URL acts on the server itself and tells nobody")
    kept = {key: value for key, value in parts.items() if key not in _OURS}
    if not trusted:
        kept["verify"] = True
    return kept


def option(url: str, name: str) -> str | None:
    """Return what a URL says of something that is ours and not Apprise's, or None."""
    found = (parts_of(url) or {}).get("qsd", {}).get(name)
    return str(found) if found else None


def instantiate(
    parts: dict[str, Any], *, asset: AppriseAsset, connect: float, read: float, **more: Any
) -> Any:
    """Return the service of these parts: one try, our timeouts, no redirects.

    Raises:
        DestinationError: if the plugin refuses them.
    """
    options = {
        "retry": 0, "wait": 0, "cto": connect, "rto": read, "redirect": False,
        "overflow": "upstream", "emojis": False,
    }  # fmt: skip
    kind: Any = more.pop("kind", None) or plugin_of(parts["schema"])
    try:
        service = kind(**(parts | options | more), asset=asset)
    except DestinationError:
        raise
    except (AppriseException, ArithmeticError, LookupError, TypeError, ValueError, AttributeError):
        raise DestinationError(f"Apprise cannot load this URL: {FORMS}") from None
    if not service.enabled:
        raise DestinationError("this kind of URL is not available on this server")
    return service


def addressed(scheme: str, transport: str, address: str) -> dict[str, Any]:
    """Return the ISP's sending account with one recipient.

    Raises:
        DestinationError: if the account cannot be used.
    """
    parts = parse(transport, trusted=True)
    if scheme not in TRANSPORTS:
        raise DestinationError(f"sending accounts are of kind {', '.join(sorted(TRANSPORTS))}")
    schemas, example = TRANSPORTS[scheme]
    if parts["schema"] not in schemas:
        raise DestinationError(f"a sending account for {scheme} is {example}")
    if scheme == "ntfy":
        if not parts.get("host"):
            raise DestinationError(f"a sending account for {scheme} is {example}")
        # Without a topic Apprise takes the host for one and would write to the public ntfy.sh.
        parts["mode"] = "private"
        if parts["host"].lower() == "ntfy.sh":
            parts["schema"], parts["secure"] = "ntfys", True
    parts.pop("cc", None)
    parts.pop("bcc", None)
    parts.pop("topic", None)
    parts["targets"] = [email_address(address) if scheme == "email" else address]
    return parts


def check_transport(scheme: str, url: str) -> str:
    """Return the URL if it is a sending account for this kind of channel.

    Raises:
        DestinationError: if not; the text shows the form and nothing of the URL.
    """
    url = url.strip()
    if url.partition(":")[0].lower() in UNOFFICIAL_WHATSAPP:
        raise DestinationError(
            "WhatsApp may ban the number of an unofficial gateway, and none is a sending account; "
            "for one customer: alerta channels add … --accept-ban-risk"
        )
    parts = addressed(scheme, url, _EXAMPLE_TARGET.get(scheme, ""))
    read = parse(url, trusted=True)
    # Apprise takes the host of a bare ntfy URL for the topic; the path tells the truth.
    named = (read.get("fullpath") or "").strip("/") if scheme == "ntfy" else read.get("targets")
    if named or read.get("cc") or read.get("bcc"):
        raise DestinationError(
            f"a sending account names no recipient, the channels do: {TRANSPORTS[scheme][1]}"
        )
    service = instantiate(parts, asset=asset_for("Alerta Internet"), connect=1, read=1)
    if scheme == "email":
        # An address that Apprise cannot read becomes the display name of one that it makes up.
        written = parseaddr(str(read.get("from_addr") or ""))[1]
        email_address(written if "@" in written else str(service.from_addr[1]))
    return url


def facts_of(url: str) -> UrlFacts:
    """Return what a whole Apprise URL is, checked to name exactly one recipient.

    Raises:
        DestinationError: if it has none or several, or Apprise cannot load it.
    """
    parts = parse(url, trusted=False)
    schema = parts["schema"]
    if parts.get("cc") or parts.get("bcc"):
        raise DestinationError("one channel has one recipient: this URL copies others in")
    service = instantiate(parts, asset=asset_for("Alerta Internet"), connect=1, read=1)
    targets = parts.get("targets")
    token = type(service).template_tokens.get("targets", {})
    named = [str(target) for target in targets] if isinstance(targets, list | tuple | set) else []
    if isinstance(targets, str) and targets:
        named = [targets]
    if token and not named and (token.get("required") or schema in {"mailto", "mailtos", "tgram"}):
        raise DestinationError(f"this URL names no recipient: {FORMS}")
    left = getattr(service, "targets", None) or getattr(service, "topics", None)
    if len(service) != 1 or len(named) > 1 or (named and left is not None and len(left) != 1):
        raise DestinationError(f"one channel has one recipient, and this URL has not: {FORMS}")
    if (
        named
        and token
        and not left
        and any(hasattr(service, attribute) for attribute in ("targets", "topics"))
    ):
        raise DestinationError(f"the recipient of this URL is not valid: {FORMS}")
    if schema in {"mailto", "mailtos"}:
        email_address(service.targets[0][1])
        email_address(service.from_addr[1])
    return UrlFacts(schema=schema, target=named[0] if named else None)


def account_of(scheme: str, url: str) -> str:
    """Return what identifies the sending account in an Apprise URL, the recipient left out. Secret.

    Args:
        scheme: "email", "telegram", "ntfy" for an ISP's own sending account; else of the whole URL.
        url: the account, or the whole URL.

    Raises:
        DestinationError: if Apprise cannot read it.
    """
    if scheme in TRANSPORTS:
        parts = addressed(scheme, url, _EXAMPLE_TARGET[scheme])
    else:
        parts = parse(url, trusted=True)
    service = instantiate(parts, asset=asset_for("Alerta Internet"), connect=1, read=1)
    return repr(service.url_identifier) if service.url_identifier else url


def takes_files(schema: str) -> bool:
    """Return whether Apprise's plugin for a schema can send a file."""
    plugin = plugin_of(schema)
    return plugin is not None and bool(plugin.attachment_support)


def asset_for(sender: str, *, timeout: float = 60.0) -> AppriseAsset:
    """Return Apprise's settings for one send in the name of `sender` (ASCII, it goes into headers).

    No pictures of Apprise's own, nothing written to disk, no redirects, no escapes.
    """
    return AppriseAsset(
        app_id=sender,
        app_desc="Alerta Internet",
        app_url="",
        image_url_mask="",
        image_url_logo="",
        http_redirects=False,
        interpret_escapes=False,
        async_mode=False,
        storage_mode="memory",
        pgp_autogen=False,
        pem_autogen=False,
        service_timeout=timeout,
        timezone="UTC",
        language="en",
    )


_heard: ContextVar[list[str] | None] = ContextVar("alerta_apprise_log", default=None)


class _Ear(logging.Filter):
    """Keeps what Apprise logs for the send at hand and lets none of it through.

    The texts are our only way to learn a status code, and they hold topics, chat ids and, at
    debug level, whole payloads: they must reach no handler.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        heard = _heard.get()
        if heard is not None:
            heard.append(record.getMessage())
        return False


_ear = _Ear()


@contextmanager
def listening() -> Iterator[list[str]]:
    """Collect the texts that Apprise logs meanwhile, in this thread and those it starts."""
    logger = logging.getLogger("apprise")
    if _ear not in logger.filters:
        logger.addFilter(_ear)
    if logger.level != logging.DEBUG:  # whoever sets a process's logging up later makes it deaf
        logger.setLevel(logging.DEBUG)
        # urllib3 writes the path of every request at debug level, bot token included.
        logging.getLogger("urllib3").setLevel(logging.INFO)
    texts: list[str] = []
    token = _heard.set(texts)
    try:
        yield texts
    finally:
        _heard.reset(token)


def warm() -> None:
    """Load Apprise's plugins now, so that the first send does not pay for it. Sends nothing."""
    load_all()
    with listening():
        Apprise(asset=asset_for("Alerta Internet")).add("json://localhost")


def reset_after_fork() -> None:
    """Forget the thread pools and locks of the parent process; call it first in a forked child.

    A pool that worked in the parent has no threads in the child and would wait for ever; a lock
    that another thread held during the fork would never open.
    """
    engine._shared_executor = None  # noqa: SLF001 - Apprise has no public way
    engine._coordinator_executor = None  # noqa: SLF001
    engine._shared_executor_lock = threading.Lock()  # noqa: SLF001
    engine._coordinator_executor_lock = threading.Lock()  # noqa: SLF001
    engine._abandoned_futures_lock = threading.Lock()  # noqa: SLF001
    engine._abandoned_futures.clear()  # noqa: SLF001
