"""Connect to a sending account and log in, without a message: what the doctor asks.

try_account     says what the provider answered, or raises LoginError
"""

from __future__ import annotations

import smtplib
import ssl
from typing import TYPE_CHECKING

import httpx

from billing.chat import ChatError, ChatTrouble
from notifications import channels
from notifications.email import AlertEmail
from notifications.smtp import BROKEN, Lines, Security, TimeLimit

if TYPE_CHECKING:
    from notifications.telegram import TelegramDoor

#: Seconds to connect, for each answer (servers take their time to refuse a login), and for all.
_CONNECT, _READ, _TOTAL = 6.0, 10.0, 20.0
_ENCRYPTED = {
    Security.PLAIN: "not encrypted",
    Security.STARTTLS: "STARTTLS",
    Security.TLS: "TLS",
}


class LoginError(Exception):
    """The provider cannot be reached or refuses the login; the text holds no secret."""


def try_account(scheme: str, url: str, *, http: httpx.Client, telegram: TelegramDoor) -> str | None:
    """This function will connect and log in; it sends nothing to anybody.

    Args:
        scheme: of the sending account.
        url: of it.
        http: for providers that are asked over HTTP.
        telegram: the door to bots.

    Returns:
        What was reached, in words; None = this kind cannot be tried without a message.

    Raises:
        LoginError: if the account does not work now.
        DestinationError: if the URL is none.
    """
    match scheme:
        case "email":
            return _email(url)
        case "telegram":
            return _telegram(url, telegram)
        case "ntfy":
            return _ntfy(url, http)
        case _:
            return None


def _email(url: str) -> str:
    with channels.listening():
        service = channels.instantiate(
            channels.addressed("email", url, "prueba@example.org"),
            asset=channels.asset_for("Alerta Internet"),
            connect=_CONNECT,
            read=_READ,
            kind=AlertEmail,
        )
    account = service.account
    place = f"{account.host}:{account.port}"
    lines = Lines(most=1)
    try:
        limit = TimeLimit(connect=_CONNECT, read=_READ, total=_TOTAL)
        with lines.lend(account, limit, keep=False) as line:
            code, _ = line.server.noop()
    except smtplib.SMTPAuthenticationError as error:
        raise LoginError(f"{place} refuses the login ({error.smtp_code})") from None
    except smtplib.SMTPServerDisconnected:
        how = "as many do after a refused login" if account.user else "before it was ready"
        raise LoginError(f"{place} hung up, {how}") from None
    except ssl.SSLCertVerificationError as error:
        raise LoginError(f"{place}: its certificate is not valid: {error.verify_message}") from None
    except ssl.SSLError:
        raise LoginError(f"{place}: no secure connection") from None
    except BROKEN as error:
        kind = type(error).__name__
        raise LoginError(f"{place} does not answer as a mail server ({kind})") from None
    finally:
        lines.close()
    if code != 250:
        raise LoginError(f"{place} answers {code}")
    login = "login accepted" if account.user and account.password else "without a login"
    return f"{place} answers, {_ENCRYPTED[account.security]}, {login}"


def _telegram(url: str, telegram: TelegramDoor) -> str:
    try:
        return f"@{telegram.username(telegram.access(url))} answers, the token is accepted"
    except ChatError as error:
        said = "the token is refused" if error.trouble is ChatTrouble.TOKEN_REFUSED else str(error)
    raise LoginError(said)


def _ntfy(url: str, http: httpx.Client) -> str:
    parts = channels.addressed("ntfy", url, "prueba")
    secure = parts["schema"] == "ntfys"
    port = f":{parts['port']}" if parts.get("port") else ""
    place = f"{'https' if secure else 'http'}://{parts['host']}{port}"
    try:
        answer = http.get(f"{place}/v1/health", timeout=_READ)
        healthy = answer.status_code == 200 and answer.json().get("healthy") is True
    except (httpx.HTTPError, ValueError, AttributeError) as error:
        raise LoginError(f"{place} does not answer as ntfy ({type(error).__name__})") from None
    if not healthy:
        raise LoginError(f"{place} says that it is not well ({answer.status_code})")
    return f"{place} answers and is well"
