"""Examine an installation: what is checked, what was found, and the command that mends it.

examine      everything, side by side where it waits for others
here         this machine: settings, files, disk, time zones
stores       the database and the broker
flow         whether work is being done: beat, what is due, what waits in queues
isps         one ISP: its Wispro, sending accounts, bot, budget, operator
together     many checks at once, each with a deadline
"""

from worker.doctor.examination import examine

__all__ = ["examine"]
