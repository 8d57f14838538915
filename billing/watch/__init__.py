"""Look for what nobody asked about, and tell the operator: from rows, every minute.

watching.py  the use-case: one look at everything below
closings.py  channels that closed by themselves, gathered into few notices
accounts.py  sending accounts that let nothing through, and again do
secrets.py   tokens and sending accounts that no key opens any more
budgets.py   budgets that are nearly or wholly spent
"""
