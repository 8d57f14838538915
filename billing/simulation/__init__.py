"""The next days before they happen: what would be sent to whom, when, and what would not.

The planner's and the gate's own functions decide, over a clock that jumps from one instant at which
anything can happen to the next. No row is written and nobody is asked.

present.py   the facts at the beginning, as values
course.py    one account through its days; pure
tally.py     what is counted on the way
forecast.py  what came of it: days, channels, reasons; how two policies differ
limits.py    what providers take, and how long a day's messages take at that rate
reading.py   the facts from rows, a page of accounts at a time

What it assumes is told in `forecast.Assumption`.
"""

from billing.simulation.forecast import Assumption, Difference, Forecast, difference, forecast

__all__ = ["Assumption", "Difference", "Forecast", "difference", "forecast"]
