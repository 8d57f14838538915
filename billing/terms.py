"""What an ISP's row means to the use-cases: its rules, its thresholds, the way to its Wispro."""

from __future__ import annotations

from billing.anomaly import Thresholds
from billing.calendar import Calendar, ContactHours
from billing.owing import Rules
from billing.policy import DEFAULT_POLICY, Policy
from billing.ports import VaultPort, WisproAccess
from models.isp import Isp


def thresholds_of(isp: Isp) -> Thresholds:
    """Return how much of a change this ISP lets pass without asking."""
    return Thresholds(share=isp.hold_share, at_least=isp.hold_at_least, volume=isp.hold_volume)


def policy_of(isp: Isp) -> Policy:
    """Return the policy in force."""
    del isp
    return DEFAULT_POLICY


def calendar_under(policy: Policy, isp: Isp) -> Calendar:
    """Return the zone and the hours of an ISP under a policy, its own or one that it considers."""
    hours = policy.hours or ContactHours.parse(isp.contact_hours)
    if policy.preset:
        hours &= policy.preset.hours
    return Calendar.of(policy.timezone or isp.timezone, hours)


def rules_of(isp: Isp) -> Rules:
    """Return what the planner of this ISP goes by."""
    policy = policy_of(isp)
    return Rules(policy, calendar_under(policy, isp))


def access_to(isp: Isp, vault: VaultPort) -> WisproAccess:
    """Return what a client of this ISP's Wispro needs, the token in clear."""
    return WisproAccess(
        isp_id=isp.id,
        base_url=isp.base_url,
        token=vault.open(isp.token_sealed),
        requests_per_second=isp.requests_per_second,
    )
