"""A stand-in for Wispro: its documented habits, its traps, and its failures on demand.

    model.py     clients, contracts, invoices, payments, and how Wispro writes them
    ledger.py    what the stand-in holds; state.py, everything that can happen to it
    writing.py   invoices as JSON, fast
    finding.py   the filters that Wispro honours, on indexes
    seed.py      "Interatos sas" of the seed document, and any number of made-up customers
    crowds.py    what happens to many customers at once
    faults.py    what can go wrong, as rules
    api.py       the Wispro side, `/api/v1/…`
    control.py   the test's side, `/sandbox/…`
    pdf.py       a one-page invoice
    delivery.py  how an answer travels, or breaks off
    server.py    `SandboxServer` for tests, `run` for the command line

The server needs the extra `demo`. Nothing outside this package imports it but tests and the
command that starts it.
"""

from wispro.sandbox.model import FIXTURE_SECRETS

__all__ = ["FIXTURE_SECRETS"]
