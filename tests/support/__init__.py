"""What the tests stand on.

databases.py   a real PostgreSQL per test session, a fresh database per test, on both engines
inbox.py       a real SMTP server that keeps what it gets, refuses or hesitates
processes.py   start processes, find their descendants, leave none behind
cli.py         `alerta` as a subprocess or, where many cases are told, in this process
town.py        one ISP with its customers, the use-cases in this process, and a clock to set
"""
