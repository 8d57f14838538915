"""What an ISP's row means to the use-cases: its rules, its thresholds, the way to its Wispro."""

from __future__ import annotations

from billing.anomaly import Thresholds
from billing.calendar import Calendar, ContactHours
from billing.isps import SetupError
from billing.owing import Rules
from billing.policy import DEFAULT_POLICY, Policy
from billing.policy_file import PolicyError, read_policy
from billing.ports import VaultPort, WisproAccess
from models.isp import Isp


class UnreadablePolicyError(SetupError):
    """The policy in force was kept by a program that reads more, or less, than this one."""


def thresholds_of(isp: Isp) -> Thresholds:
    """Return how much of a change this ISP lets pass without asking."""
    return Thresholds(share=isp.hold_share, at_least=isp.hold_at_least, volume=isp.hold_volume)


def policy_of(isp: Isp) -> Policy:
    """This function will return the policy in force: the ISP's file, or the default.

    Raises:
        UnreadablePolicyError: if the file cannot be read. Never the default instead: that would
            send what the ISP forbade.
    """
    if isp.policy is None:
        return DEFAULT_POLICY
    try:
        return read_policy(isp.policy)
    except PolicyError as error:
        first, *more = str(error).splitlines()
        rest = f" (and {len(more)} more)" if more else ""
        raise UnreadablePolicyError(
            f"this program cannot read the policy of {isp.slug}, so nothing is planned or sent: "
            f"{first}{rest}; see alerta policy show {isp.slug}"
        ) from None


def hours_under(policy: Policy, isp: Isp) -> ContactHours:
    """Return when this ISP's alerts may go: the policy's hours, or else those it was added with.

    The hours of a preset hold besides; then it may be never.
    """
    hours = policy.hours or ContactHours.parse(isp.contact_hours)
    return hours & policy.preset.hours if policy.preset else hours


def calendar_under(policy: Policy, isp: Isp) -> Calendar:
    """Return the zone and the hours of an ISP under a policy, its own or one that it considers."""
    return Calendar.of(policy.timezone or isp.timezone, hours_under(policy, isp))


def rules_of(isp: Isp) -> Rules:
    """This function will return what the planner of this ISP goes by.

    Raises:
        UnreadablePolicyError: if its policy cannot be read.
    """
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
