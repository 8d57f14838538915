"""Examine an installation: what is checked, what was found, and the command that mends it."""

from __future__ import annotations

from collections.abc import Sequence
from zoneinfo import ZoneInfo

from redis.exceptions import RedisError
from sqlalchemy import select

from billing.circuit import in_words, is_resting
from billing.delivery.budgets import budget_now
from billing.delivery.providers import Accounts, standings
from billing.habits import recall, remember
from billing.isps import find_isp
from billing.ports import DestinationError, SecretError, UpstreamError, WisproPort
from billing.terms import UnreadablePolicyError, access_to
from billing.values import ClientField
from models.bot import Bot
from models.isp import Isp, Transport
from models.operator import OperatorChannel
from notifications.sender import sender_of
from worker.bots import mend
from worker.broker import broker_client
from worker.errors import NotReadyError
from worker.finding import Finding
from worker.habits import habit_findings
from worker.house import House
from worker.sender_domain import sender_findings
from worker.watched import installation_findings, watch_findings


def examine(house: House, slug: str | None) -> list[Finding]:
    """This function will check the installation and one ISP, or all of them.

    Of one ISP that is named, Wispro is asked afresh how it behaves, and the DNS about the domain
    that its e-mail comes from; else what was found last is shown.

    Raises:
        SetupError: if the ISP is unknown.
    """
    findings = [_database(house), _broker(house)]
    if not findings[0].ok:
        return findings
    with house.database.read() as session:
        isps = [find_isp(session, slug)] if slug else list(session.scalars(select(Isp)))
        transports = {
            isp.id: list(session.scalars(select(Transport).where(Transport.isp_id == isp.id)))
            for isp in isps
        }
        operators = {
            isp.id: session.scalars(
                select(OperatorChannel.label)
                .where(OperatorChannel.isp_id == isp.id)
                .order_by(OperatorChannel.id)
            ).all()
            for isp in isps
        }
    findings += installation_findings(house)
    for isp in isps:
        findings += _isp(house, isp, afresh=slug is not None)
        findings.append(_circuit(house, isp))
        for row in transports[isp.id]:
            findings.append(_transport(house, isp, row))
            if slug is not None and row.scheme == "email" and findings[-1].ok:
                findings += _sender(house, isp, row)
            if row.scheme == "telegram" and findings[-1].ok:
                findings.append(_bot(house, isp, row))
        if not transports[isp.id]:
            findings.append(
                Finding(
                    f"{isp.slug}: sending accounts",
                    ok=False,
                    found="none",
                    mend=f"alerta isp transport {isp.slug} email mailto://…",
                )
            )
        findings += _budget(house, isp)
        findings.append(_operator(isp, operators[isp.id]))
        findings += watch_findings(house, isp)
    return findings


def _budget(house: House, isp: Isp) -> list[Finding]:
    """Say how the month's budget of SMS stands, if there is one."""
    try:
        with house.database.read() as session:
            stands = budget_now(session, isp, now=house.clock())
    except UnreadablePolicyError:
        return []  # said where the policy is looked at
    if stands.segments is None:
        return []
    return [
        Finding(
            f"{isp.slug}: sms budget",
            ok=stands.spent < stands.segments,
            found=f"{stands.spent} of {stands.segments} segments in {stands.month:%Y-%m}",
            mend=f"alerta isp budget {isp.slug} sms SEGMENTS, or wait for the next month",
        )
    ]


def _database(house: House) -> Finding:
    try:
        house.require_schema()
    except NotReadyError as error:
        return Finding("database", ok=False, found=str(error), mend="alerta migrate")
    return Finding("database", ok=True, found=house.database.engine.dialect.name)


def _broker(house: House) -> Finding:
    client = broker_client(house.settings, timeout=2)
    try:
        policy = client.config_get("maxmemory-policy").get("maxmemory-policy")
    except (RedisError, OSError, ValueError):
        embedded = house.settings.embedded_broker
        mend = "alerta up" if embedded else "check ALERTA_REDIS_URL and the server"
        return Finding("broker", ok=False, found="does not answer", mend=mend)
    finally:
        client.close()
    if policy != "noeviction":
        return Finding(
            "broker",
            ok=False,
            found=f"evicts keys ({policy}): messages get lost silently",
            mend="set maxmemory-policy noeviction",
        )
    return Finding("broker", ok=True, found="answers, evicts nothing")


def _isp(house: House, isp: Isp, *, afresh: bool) -> list[Finding]:
    what = f"{isp.slug}: Wispro"
    try:
        wispro = house.wispro(access_to(isp, house.vault))
        wispro.find_clients(ClientField.PUBLIC_ID, "1")
    except SecretError as error:
        return [Finding(what, ok=False, found=str(error), mend="check ALERTA_SECRET_KEY")]
    except UpstreamError as error:
        return [Finding(what, ok=False, found=str(error), mend="check the token and --base-url")]
    found = [Finding(what, ok=True, found="answers, the token is accepted")]
    try:
        return found + _habits(house, isp, wispro if afresh else None)
    except UpstreamError as error:
        mend = f"alerta doctor {isp.slug}, later"
        return [*found, Finding(f"{isp.slug}: habits", ok=False, found=str(error), mend=mend)]


def _habits(house: House, isp: Isp, wispro: WisproPort | None) -> list[Finding]:
    if wispro is not None:
        habits = wispro.habits()
        with house.database.write() as session:
            remember(session, isp.id, habits, house.clock())
    with house.database.read() as session:
        known = recall(session, isp.id)
    if known is None:
        unknown = f"not asked yet; alerta doctor {isp.slug} does"
        return [Finding(f"{isp.slug}: habits", ok=True, found=unknown)]
    return habit_findings(isp.slug, *known)


def _circuit(house: House, isp: Isp) -> Finding:
    now = house.clock().astimezone(ZoneInfo(isp.timezone))
    return Finding(
        f"{isp.slug}: circuit",
        ok=not is_resting(isp.trouble_until, now),
        found=in_words(isp.failures, isp.trouble_until, isp.trouble, now),
        mend=None if isp.trouble_until is None else f"alerta sync {isp.slug} tries at once",
    )


def _operator(isp: Isp, labels: Sequence[str]) -> Finding:
    what = f"{isp.slug}: operator"
    if labels:
        return Finding(what, ok=True, found=f"is told at {', '.join(labels)}")
    return Finding(
        what,
        ok=False,
        found="nobody is told when sends are held or Wispro is in trouble",
        mend=f"alerta isp operator {isp.slug} noc@isp.example",
    )


def _transport(house: House, isp: Isp, row: Transport) -> Finding:
    what = f"{isp.slug}: {row.scheme} transport"
    mend = f"alerta isp transport {isp.slug} {row.scheme} URL"
    try:
        house.messenger.check_transport(row.scheme, house.vault.open(row.url_sealed))
        account = Accounts(house.vault, house.messenger).of_transport(row)
    except (DestinationError, SecretError) as error:
        return Finding(what, ok=False, found=str(error), mend=mend)
    with house.database.read() as session:
        standing = standings(session, [account.key]).get(account.key)
    if standing is not None and standing.rests(house.clock()):
        until = standing.paused_until.astimezone() if standing.paused_until else None
        return Finding(
            what,
            ok=False,
            found=f"rests until {until:%H:%M:%S}, nothing got through ({standing.why})",
            mend=f"by itself, once the provider takes messages again; if its login changed: {mend}",
        )
    return Finding(what, ok=True, found="is understood")


def _sender(house: House, isp: Isp, row: Transport) -> list[Finding]:
    try:
        sender = sender_of(house.vault.open(row.url_sealed))
    except DestinationError as error:
        mend = f"alerta isp transport {isp.slug} email URL"
        return [Finding(f"{isp.slug}: sender", ok=False, found=str(error), mend=mend)]
    return sender_findings(isp.slug, sender, house.records())


def _bot(house: House, isp: Isp, row: Transport) -> Finding:
    """Say whether the bot hears what customers write, as the daemon last found it."""
    what = f"{isp.slug}: telegram bot"
    access = house.chat.access(house.vault.open(row.url_sealed))
    with house.database.read() as session:
        bot = session.get(Bot, access.bot_id)
    if bot is None:
        return Finding(
            what,
            ok=True,
            found="only sends; the first alerta pair-link lets it listen to customers",
        )
    if bot.trouble is None:
        heard = bot.listened_at
        last = f"answered last at {heard.astimezone():%Y-%m-%d %H:%M}" if heard else "not asked yet"
        return Finding(what, ok=True, found=f"@{bot.username} listens, Telegram {last}")
    found = f"@{bot.username} cannot listen: {bot.trouble}"
    return Finding(what, ok=False, found=found, mend=mend(isp.slug, bot.trouble))
