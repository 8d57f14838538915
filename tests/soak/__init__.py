"""Hours of traffic of hundreds of ISPs, pressed together: `make soak`.

    wispros    the stand-ins of all of them, in one process, on one port
    traffic    what people do there: bills, payments, voids, and what goes wrong on the way
    watching   what the daemon's processes weigh, what waits in the broker and in the rows
    judging    whether every customer got what the true history owes them, once

The daemon is the real one, on SQLite or PostgreSQL, with its own Valkey and a mail server that
notes what it took.
"""
