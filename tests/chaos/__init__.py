"""Nothing lost, nothing doubled, whatever dies: `make chaos`, and its short form in every test run.

Real processes, real sockets, real databases, on loopback only; whatever is killed, we started.

owing.py       deliveries as rows, each to an address of its own
sink.py        a mail server that notes what it took, at the moment it says so
stage.py       one database, one sink, any number of daemons on them
victims.py     the processes of a daemon, by what they do
storm.py       kill -9 at random moments while messages leave
flushing.py    the broker emptied and restarted while messages leave
hastening.py   six minutes of a lease and ten of a pause, over at once
shifted.py     `alerta` with a clock that is wrong
clocks.py      two daemons on one database, their clocks apart
trials.py      all that at full size
judging.py     what must be true at the end, delivery by delivery; pure
results.py     the table of docs/reliability.md and its JSON
test_chaos.py  the short form
"""
