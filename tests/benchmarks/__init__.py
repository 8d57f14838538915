"""How fast we look at whole ISPs, as ratios within one run; `make bench-sync`.

population.py   how large an ISP is, and its customers paired in bulk
world.py        the stand-in in a process of its own, fresh databases, the measured processes
ours.py         one measured look: a process that prints what it took
bare.py         the same pages by httpx alone, read and thrown away: what Wispro and HTTP cost
by_dlt.py       the same import by dlt, in an environment of its own
scenarios.py    what is measured
machine.py      on what
results.py      tables for docs/performance.md and its JSON
plot.py         the curve, in dlt's environment
owed.py         rows of an ISP that the database makes itself
plan.py         what a tick of the planner costs; `make bench-plan`
tick.py         one measured tick: a process that prints what it took
plot_plan.py    its curve
test_ratios.py  a small form for every test run, without absolute times
"""
