"""What an ISP's row means to the use-cases: its rules, its thresholds, the way to its Wispro."""

from __future__ import annotations

from billing.anomaly import Thresholds
from billing.calendar import Calendar
from billing.owing import Rules
from billing.policy import DEFAULT_POLICY
from billing.ports import VaultPort, WisproAccess
from models.isp import Isp


def thresholds_of(isp: Isp) -> Thresholds:
    """Return how much of a change this ISP lets pass without asking."""
    return Thresholds(share=isp.hold_share, at_least=isp.hold_at_least, volume=isp.hold_volume)


def rules_of(isp: Isp) -> Rules:
    """Return what the planner of this ISP goes by."""
    return Rules(DEFAULT_POLICY, Calendar.of(isp.timezone, isp.contact_hours))


def access_to(isp: Isp, vault: VaultPort) -> WisproAccess:
    """Return what a client of this ISP's Wispro needs, the token in clear."""
    return WisproAccess(
        isp_id=isp.id,
        base_url=isp.base_url,
        token=vault.open(isp.token_sealed),
        requests_per_second=isp.requests_per_second,
    )
