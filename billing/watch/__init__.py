"""Look for what nobody asked about, and tell the operator: from rows, every minute.

watching.py  the use-case: one look at everything below
closings.py  channels that closed by themselves, gathered into few notices
accounts.py  sending accounts that let nothing through, and again do
secrets.py   tokens and sending accounts that no key opens any more
budgets.py   budgets that are nearly or wholly spent
ticks.py     that each kind of work is being done
silence.py   ISPs at which no look is complete, or nothing leaves
reaching.py  which of an operator's channels hear of that first

Besides, in tasks of their own:

heartbeats.py  URLs that are called while all is well, for whoever watches from outside
mornings.py    what happened, told each morning
"""
