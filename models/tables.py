"""Every table, imported once so that the metadata is whole."""

from models.account import Account, AccountWord, Channel, Contract
from models.alert import Alert, Attempt, Budget, Delivery, Provider
from models.audit import AuditEnd, AuditEntry
from models.base import Base
from models.beat_lease import BeatLease
from models.bot import Bot, BotQuestion
from models.hold import Hold
from models.invoice import Invoice, InvoiceChange
from models.isp import Isp, Transport
from models.listing import ListingMark, Probe
from models.operator import OperatorChannel, OperatorNotice
from models.pair_code import PairCode
from models.policy_version import PolicyVersion
from models.proposal import Proposal
from models.sync_run import SetAsideRecord, SyncRun
from models.turns import RouteTurn
from models.vigil import Heartbeat, Tick, Vigil

__all__ = [
    "Account",
    "AccountWord",
    "Alert",
    "Attempt",
    "AuditEnd",
    "AuditEntry",
    "Base",
    "BeatLease",
    "Bot",
    "BotQuestion",
    "Budget",
    "Channel",
    "Contract",
    "Delivery",
    "Heartbeat",
    "Hold",
    "Invoice",
    "InvoiceChange",
    "Isp",
    "ListingMark",
    "OperatorChannel",
    "OperatorNotice",
    "PairCode",
    "PolicyVersion",
    "Probe",
    "Proposal",
    "Provider",
    "RouteTurn",
    "SetAsideRecord",
    "SyncRun",
    "Tick",
    "Transport",
    "Vigil",
]
