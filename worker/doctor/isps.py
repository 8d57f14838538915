"""One ISP: its Wispro, its sending accounts and their logins, its bot, its budget, its operator."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from datetime import UTC, timedelta
from email.utils import parsedate_to_datetime
from functools import partial
from zoneinfo import ZoneInfo

from sqlalchemy import select

from billing.circuit import in_words, is_resting
from billing.delivery.budgets import budget_now
from billing.delivery.providers import Accounts, standings
from billing.habits import recall, remember
from billing.ports import DestinationError, SecretError, UpstreamError, WisproPort
from billing.terms import UnreadablePolicyError, access_to
from billing.values import ClientField
from models.bot import Bot
from models.isp import Isp, Transport
from models.operator import OperatorChannel
from notifications.logging_in import LoginError, try_account
from notifications.sender import sender_of
from worker.bots import mend
from worker.doctor.finding import Finding
from worker.doctor.habits import habit_findings
from worker.doctor.sender_domain import sender_findings
from worker.doctor.stores import clock_finding
from worker.doctor.together import Check
from worker.doctor.watched import watch_findings
from worker.house import House

#: Seconds for one question to others, and for all that Wispro is asked about its habits.
ASK_WITHIN, PROBE_WITHIN = 25.0, 150.0
_NO_LOOKS = "new invoices and payments of this ISP are not seen"
_NO_SENDS = "alerts over this account are put off until it works"
_HABITS = "Wispro's habits decide how a look is done and what it costs"
_SPAM = "receivers put e-mails of such a sender among the spam, or refuse them"


def isp_checks(house: House, isp: Isp, *, afresh: bool) -> list[Check]:
    """This function will say what is to be looked at of one ISP.

    Args:
        house: of this process.
        isp: which.
        afresh: whether to ask Wispro how it behaves, and the DNS about the sender.
    """
    with house.database.read() as session:
        transports = list(session.scalars(select(Transport).where(Transport.isp_id == isp.id)))
        operators = session.scalars(
            select(OperatorChannel.label)
            .where(OperatorChannel.isp_id == isp.id)
            .order_by(OperatorChannel.id)
        ).all()
    slug = isp.slug
    again = f"alerta doctor {slug}, again"
    checks = [
        Check(
            f"{slug}: Wispro",
            lambda: because(_isp(house, isp, afresh=afresh), _NO_LOOKS),
            PROBE_WITHIN if afresh else ASK_WITHIN,
            "check the network, the token and --base-url",
        ),
        Check(f"{slug}: Wispro's clock", partial(_wispro_clock, house, isp), ASK_WITHIN, again),
        Check(
            f"{slug}: circuit",
            lambda: because([_circuit(house, isp)], _NO_LOOKS),
            ASK_WITHIN,
            again,
        ),
    ]
    checks += [
        Check(
            f"{slug}: {row.scheme} transport",
            _about_transport(house, isp, row, afresh=afresh),
            ASK_WITHIN,
            f"alerta isp transport {slug} {row.scheme} URL",
        )
        for row in transports
    ]
    checks.append(
        Check(
            f"{slug}: the rest",
            lambda: _the_rest(house, isp, transports, operators),
            ASK_WITHIN,
            again,
        )
    )
    return checks


def because(findings: Sequence[Finding], why: str) -> list[Finding]:
    """This function will say why these findings matter, where they do not say so themselves."""
    return [one if one.why else dataclasses.replace(one, why=why) for one in findings]


def _the_rest(
    house: House, isp: Isp, transports: Sequence[Transport], operators: Sequence[str]
) -> list[Finding]:
    findings = []
    if not transports:
        findings.append(
            Finding(
                f"{isp.slug}: sending accounts",
                ok=False,
                found="none",
                mend=f"alerta isp transport {isp.slug} email mailto://…",
                why="nothing can be sent to anybody",
            )
        )
    findings += because(_budget(house, isp), "what is beyond the budget is not sent")
    findings += because([_operator(isp, operators)], "nobody would know that something is wrong")
    findings += because(watch_findings(house, isp), "nobody would know that something is wrong")
    return findings


def _about_transport(
    house: House, isp: Isp, row: Transport, *, afresh: bool
) -> Callable[[], list[Finding]]:
    def look() -> list[Finding]:
        findings = because([_transport(house, isp, row)], _NO_SENDS)
        if findings[0].level == "wrong" and "rests" not in findings[0].found:
            return findings
        findings += because(_login(house, isp, row), _NO_SENDS)
        if not findings[0].ok:
            return findings
        if afresh and row.scheme == "email":
            findings += because(_sender(house, isp, row), _SPAM)
        if row.scheme == "telegram":
            unheard = "what customers write to the bot is not answered"
            findings += because([_bot(house, isp, row)], unheard)
        return findings

    return look


def _login(house: House, isp: Isp, row: Transport) -> list[Finding]:
    """Connect and log in, without a message."""
    what = f"{isp.slug}: {row.scheme} login"
    url = house.vault.open(row.url_sealed)
    try:
        found = try_account(row.scheme, url, http=house.http, telegram=house.chat)
    except (LoginError, DestinationError) as error:
        mend = f"alerta isp transport {isp.slug} {row.scheme} URL, if its login changed"
        return [Finding(what, ok=False, found=str(error), mend=mend)]
    return [] if found is None else [Finding(what, ok=True, found=found)]


def _wispro_clock(house: House, isp: Isp) -> list[Finding]:
    """Compare with the `Date` of an answer of Wispro; it is asked without the token."""
    what = f"{isp.slug}: Wispro's clock"
    before = house.clock()
    answer = house.http.get(isp.base_url, timeout=ASK_WITHIN / 3)
    after = house.clock()
    try:
        theirs = parsedate_to_datetime(answer.headers.get("Date", "")).astimezone(UTC)
    except (ValueError, TypeError):
        return [Finding(what, ok=True, found="is not told in its answers")]
    # it is cut to whole seconds
    apart = theirs + timedelta(seconds=0.5) - (before + (after - before) / 2)
    return [clock_finding(what, apart)]


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
        return found + because(_habits(house, isp, wispro if afresh else None), _HABITS)
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
