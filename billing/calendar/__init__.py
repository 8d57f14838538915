"""When an alert may leave: zones, contact hours, public holidays, presets of countries, caps.

Pure: every question gets its clock as an argument, and nothing here reads a row or the network.
"""

from billing.calendar.calendar import Calendar
from billing.calendar.caps import Caps, Contact, Refusal, contacts_since, refusal
from billing.calendar.hours import DEFAULT_HOURS, ContactHours
from billing.calendar.presets import PRESETS, Preset, preset
from billing.calendar.slots import Slot, slot_for

__all__ = [
    "DEFAULT_HOURS",
    "PRESETS",
    "Calendar",
    "Caps",
    "Contact",
    "ContactHours",
    "Preset",
    "Refusal",
    "Slot",
    "contacts_since",
    "preset",
    "refusal",
    "slot_for",
]
