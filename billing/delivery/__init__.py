"""Send what is due: claim by route, judge, look again, write, journal, send, settle.

delivering.py   the use-case: which routes are due, one batch, what broke off
batch.py        one batch: errands through lanes, every row written by one thread
errand.py       what goes to one account on one channel, in its order
lanes.py        the threads that wait for Wispro and for providers
looking.py      the last-second look
writing.py      letter, message, attachments, envelope
ending.py       what an outcome means for the row
ledger.py       attempts and endings as rows, many in one transaction
limits.py       what a provider lets through
budgets.py      what an ISP may spend on SMS in a month
providers.py    pauses and counted limits of sending accounts
resending.py    again, by hand
together.py     several alerts in one message
conversation.py which messages belong together in a mail program
evidence.py     what shows afterwards that a message was rightly sent
"""
