"""What can go wrong, as rules: which fault, on which requests, how often.

Where a fault acts:

    instead of an answer   http_401 body_401 body_402 body_404 body_500 http_500 http_502_html
                           http_429 redirect
    before the answer      shift (a record comes, goes or is paid), filter_ignored
    inside the records     amounts_as_numbers amounts_null dates_as_datetimes unknown_state
                           bad_record
    on the page            data_object bare_list empty_page short_total_pages no_pagination
    on the bytes           broken_json truncated_body
    on the way             timeout trickle
    PDFs only              pdf_json pdf_html pdf_truncated pdf_huge pdf_slow
"""

from __future__ import annotations

import random
import re
import threading
from typing import Any

import msgspec

REPLACING = frozenset(
    {
        "http_401",
        "body_401",
        "body_402",
        "body_404",
        "body_500",
        "http_500",
        "http_502_html",
        "http_429",
        "redirect",
    }
)
BEFORE = frozenset({"shift", "filter_ignored"})
IN_RECORDS = frozenset(
    {
        "amounts_as_numbers",
        "amounts_null",
        "dates_as_datetimes",
        "unknown_state",
        "bad_record",
    }
)
ON_PAGE = frozenset(
    {
        "data_object",
        "bare_list",
        "empty_page",
        "short_total_pages",
        "no_pagination",
    }
)
ON_BYTES = frozenset({"broken_json", "truncated_body"})
ON_THE_WAY = frozenset({"timeout", "trickle"})
PDF_ONLY = frozenset({"pdf_json", "pdf_html", "pdf_truncated", "pdf_huge", "pdf_slow"})
FAULTS = REPLACING | BEFORE | IN_RECORDS | ON_PAGE | ON_BYTES | ON_THE_WAY | PDF_ONLY

_AMOUNTS = frozenset(
    {
        "amount",
        "gross_amount",
        "net_amount",
        "tax_amount",
        "discount_amount",
        "balance",
        "balance_amount",
        "credit_amount",
        "invoice_balance_amount",
        "price",
    }
)
_DATES = frozenset({"first_due_date", "second_due_date", "from", "to"})


class Rule(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """One fault and the requests that it meets.

    Args:
        fault: one of `FAULTS`.
        path: a regular expression, searched in the path below `/api/v1`.
        page: only this page.
        times: how many requests it meets; None = until it is cleared.
        probability: of meeting a request that fits.
        seed: of that chance.
        retry_after: the `Retry-After` of `http_429`, `http_500`: seconds, or an HTTP date.
        delay: seconds, before the answer (`timeout`) or between bytes (`trickle`, `pdf_slow`).
        size: bytes of `pdf_huge`.
        how: for `shift`: "void", "pay", "remove" (the oldest pending invoice), or "create".
    """

    fault: str
    path: str = ""
    page: int | None = None
    times: int | None = None
    probability: float = 1.0
    seed: int = 0
    retry_after: int | str | None = None
    delay: float = 1.0
    size: int = 50_000_000
    how: str = "void"

    def __post_init__(self) -> None:
        if self.fault not in FAULTS:
            raise ValueError(f"no such fault; there are: {' '.join(sorted(FAULTS))}")
        if self.how not in {"void", "pay", "remove", "create"}:
            raise ValueError("a shift is one of: void, pay, remove, create")
        re.compile(self.path)


class FaultBox:
    """The rules in force."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rules: list[tuple[Rule, random.Random]] = []

    def add(self, *rules: Rule) -> None:
        """Put rules in force, after those that are."""
        with self._lock:
            self._rules += [(rule, random.Random(rule.seed)) for rule in rules]  # noqa: S311

    def clear(self) -> None:
        """End every fault."""
        with self._lock:
            self._rules.clear()

    def rules(self) -> list[Rule]:
        """Return the rules in force; `times` counts down."""
        with self._lock:
            return [rule for rule, _ in self._rules]

    def take(self, path: str, page: int | None) -> list[Rule]:
        """Return the rules that meet this request, and count it."""
        if not self._rules:
            return []
        with self._lock:
            met = [rule for rule, chance in self._rules if _meets(rule, chance, path, page)]
            for rule in met:
                if rule.times is not None:
                    rule.times -= 1
            self._rules = [pair for pair in self._rules if pair[0].times != 0]
        return met


def _meets(rule: Rule, chance: random.Random, path: str, page: int | None) -> bool:
    if rule.times == 0 or not re.search(rule.path, path):
        return False
    if rule.page is not None and rule.page != page:
        return False
    if rule.fault in PDF_ONLY and not path.endswith("/download_pdf"):
        return False
    return rule.probability >= 1 or chance.random() < rule.probability


def distort(record: dict[str, Any], names: set[str]) -> dict[str, Any]:
    """Write a record the way that these faults have it."""
    changed = dict(record)
    for key, value in record.items():
        if key in _AMOUNTS:
            if "amounts_null" in names:
                changed[key] = None
            elif "amounts_as_numbers" in names and value is not None:
                changed[key] = float(value)
        elif key in _DATES and value and "dates_as_datetimes" in names:
            changed[key] = f"{value}T23:30:00.000-03:00"
    if "unknown_state" in names and "state" in changed:
        changed["state"] = "en_revision"
    return changed
