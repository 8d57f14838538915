"""What binds everything that one customer gets, for people who ask why. Reads rows."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from billing.calendar import contacts_since
from billing.channels import healths_of
from billing.contacts import CapLine, contacts_of, standing
from billing.explained import AccountStory, ChannelStory, HoldStory, HoursStory
from billing.owing import Rules
from billing.terms import rules_of
from billing.values import ContractState
from models.account import Account, Channel, Contract
from models.hold import Hold
from models.sync_run import SyncRun


def account_story(session: Session, account: Account, *, at: datetime) -> AccountStory:
    """This function will gather what binds the alerts of an account.

    Args:
        session: reads.
        account: whose.
        at: holds and caps are told as they stand at this instant.
    """
    isp = account.isp
    rules = rules_of(isp).of_account(account)
    covered = isp.swept_at if account.next_look_at is None else None
    run = session.get(SyncRun, isp.held_run_id) if isp.held_run_id is not None else None
    channels = session.scalars(
        select(Channel)
        .where(Channel.account_id == account.id)
        .order_by(Channel.position, Channel.id)
    ).all()
    healths = healths_of(session, channels, now=at)
    return AccountStory(
        isp=isp.slug,
        isp_enabled=isp.enabled,
        client_id=account.client_id,
        public_id=account.public_id,
        name=account.name,
        locale=account.locale or isp.locale,
        paired_at=account.paired_at,
        unpaired_at=account.unpaired_at,
        baseline_at=account.baseline_at,
        looked_at=max((one for one in (account.looked_at, covered) if one), default=None),
        trouble=account.look_trouble or isp.trouble,
        held_run=isp.held_run_id,
        held_since=run.finished_at or run.started_at if run else None,
        channels=tuple(
            ChannelStory(
                label=row.label,
                medium=row.medium,
                disabled_at=row.disabled_at,
                disabled_reason=row.disabled_reason,
                removed_at=row.removed_at,
                health=healths[row.id],
            )
            for row in channels
        ),
        hours=_hours(account, rules),
        caps=_caps(session, account, rules, at=at),
        holds=tuple(holds_in_force(session, account.id, rules, at=at)),
        suspended=tuple(
            session.scalars(
                select(Contract.contract_id)
                .where(
                    Contract.isp_id == account.isp_id,
                    Contract.client_id == account.client_id,
                    Contract.state == ContractState.DISABLED.value,
                )
                .order_by(Contract.contract_id)
            )
        ),
        steps_off=tuple(account.steps_off),
    )


def holds_in_force(
    session: Session, account_id: int, rules: Rules, *, at: datetime
) -> list[HoldStory]:
    """This function will read the holds and promises that are in force at an instant."""
    today = rules.calendar.today(at)
    rows = session.scalars(
        select(Hold)
        .where(Hold.account_id == account_id, Hold.until >= today, Hold.created_at <= at)
        .order_by(Hold.until, Hold.id)
    )
    return [story_of(row) for row in rows if row.released_at is None or row.released_at > at]


def story_of(row: Hold) -> HoldStory:
    """Return a hold as a value."""
    invoice = row.invoice
    return HoldStory(
        kind=row.kind,
        invoice=(invoice.number or invoice.wispro_id) if invoice is not None else None,
        until=row.until,
        reason=row.reason,
        author=row.author,
        since=row.created_at,
    )


def _hours(account: Account, rules: Rules) -> HoursStory:
    policy = rules.policy
    return HoursStory(
        timezone=rules.calendar.zone.key,
        isp=str(policy.hours) if policy.hours is not None else account.isp.contact_hours,
        preset=policy.preset.code if policy.preset is not None else None,
        own=account.contact_hours,
        in_force=str(rules.calendar.hours),
    )


def _caps(session: Session, account: Account, rules: Rules, *, at: datetime) -> tuple[CapLine, ...]:
    caps, calendar = rules.policy.all_caps, rules.calendar
    if not caps:
        return ()
    since = contacts_since(caps, calendar, now=at)
    contacts = contacts_of(session, account.id, rules.policy, since=since)
    return standing(caps, contacts, calendar, now=at)
