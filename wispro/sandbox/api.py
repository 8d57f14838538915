"""The Wispro side: what a request gives, as one value that `server.py` sends.

Wispro's habits are kept: errors come as HTTP 200 with the status in the body, unknown filters are
ignored, and so are empty ones, lists are oldest first and come in pages with four numbers.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

from wispro.sandbox import finding
from wispro.sandbox.faults import IN_RECORDS, ON_PAGE, distort
from wispro.sandbox.model import money_text, uuid_of
from wispro.sandbox.pdf import invoice_pdf
from wispro.sandbox.state import NotThereError, State
from wispro.sandbox.writing import invoice_json

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

MESSAGES = {
    400: "Invalid record",
    401: "Unauthorized",
    402: "Payment Required",
    404: "Record not found",
    412: "Can not be applied",
    500: "Server error",
}
JSON = "application/json; charset=utf-8"
_ID = r"(?P<id>[^/]+)"


@dataclass(slots=True)
class Reply:
    """An answer that is ready to be sent."""

    body: bytes
    status: int = 200
    content_type: str = JSON
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Call:
    """A request to the API. `path` is below `/api/v1`; `faults` are names."""

    method: str
    path: str
    query: Mapping[str, str]
    body: bytes = b""
    faults: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class _List:
    name: str
    filters: Sequence[str]
    find: Callable[[State, Mapping[str, str]], Sequence[int]]
    write: Callable[[State, int], dict[str, Any]]
    encode: Callable[[State, int], bytes] | None = None

    def page(self, state: State, places: Sequence[int]) -> list[msgspec.Raw]:
        """Write the records at these places, the fast way where there is one."""
        if self.encode is None:
            return [msgspec.Raw(msgspec.json.encode(self.write(state, p))) for p in places]
        return [msgspec.Raw(self.encode(state, p)) for p in places]


_LISTS = {
    "/clients": _List(
        "Client", finding.CLIENT_FILTERS, finding.clients, lambda s, p: s.clients[p].wire()
    ),
    "/contracts": _List(
        "Contract", finding.CONTRACT_FILTERS, finding.contracts, lambda s, p: s.contracts[p].wire()
    ),
    "/invoicing/invoices": _List(
        "Invoicing::Invoice",
        finding.INVOICE_FILTERS,
        finding.invoices,
        lambda s, p: s.invoice_wire(s.invoices[p]),
        lambda s, p: invoice_json(s.invoices[p], s.holder(s.invoices[p]), s.isp),
    ),
    "/invoicing/payments": _List(
        "Invoicing::Payment",
        finding.PAYMENT_FILTERS,
        finding.payments,
        lambda s, p: s.payment_wire(s.payments[p]),
    ),
    "/help_desk/issues": _List(
        "HelpDesk::Issue", finding.ISSUE_FILTERS, finding.issues, lambda s, p: s.issues[p]
    ),
    "/help_desk/categories": _List(
        "HelpDesk::Category",
        (),
        lambda _s, _f: range(2),
        lambda _s, p: {
            "id": uuid_of("issue", 0xA00000000000 + p),
            "name": ("Reclamo", "Administración")[p],
            "public_for_mobile": p == 0,
        },
    ),
    "/plans": _List("Plan", (), lambda s, _f: range(len(s.plans)), lambda s, p: s.plans[p].wire()),
}


def error(state: State, status: int, errors: Mapping[str, str] | None = None) -> Reply:
    """Return an error the way Wispro does: HTTP 200, and the truth in the body."""
    body = msgspec.json.encode(
        {"status": status, "message": MESSAGES.get(status, "Error"), "errors": errors or {}}
    )
    return Reply(body, status=status if state.switches.real_http_codes else 200)


def respond(state: State, call: Call) -> Reply:
    """Answer a request whose token was found to be right."""
    with state.lock:
        listed = _LISTS.get(call.path)
        try:
            if call.method == "GET" and listed is not None:
                return _list(state, listed, call)
            for method, pattern, handler in _ROUTES:
                found = pattern.fullmatch(call.path)
                if found is not None and method == call.method:
                    return handler(state, call, found["id"] if "id" in found.groupdict() else "")
        except NotThereError:
            pass
        except finding.BadFilterError as bad:
            return error(state, 400, {str(bad): "invalid"})
        return error(state, 404)


def _list(state: State, listed: _List, call: Call) -> Reply:
    ignored = state.switches.ignored_filters
    filters = {
        name: call.query[name]
        for name in listed.filters
        if call.query.get(name) and not {name, f"{call.path}?{name}"} & set(ignored)
    }
    finding.check_instants(filters)
    if "filter_ignored" in call.faults:
        filters = {}
    places = listed.find(state, filters)
    if state.switches.newest_first:
        places = places[::-1]
    per_page = _count(call.query.get("per_page"), state.switches.default_per_page)
    per_page = min(per_page, state.switches.max_per_page)
    page = _count(call.query.get("page"), 1)
    shown = places[(page - 1) * per_page : page * per_page]
    pagination = {
        "total_records": len(places),
        "total_pages": -(-len(places) // per_page),
        "per_page": per_page,
        "current_page": page,
    }
    if call.faults:
        records = [listed.write(state, place) for place in shown]
        return _faulty(listed.name, records, pagination, call.faults)
    return _enveloped(listed.name, listed.page(state, shown), pagination)


def _faulty(
    name: str, records: list[dict[str, Any]], pagination: dict[str, int], faults: frozenset[str]
) -> Reply:
    names = set(faults)
    if names & IN_RECORDS:
        records = [distort(record, names) for record in records]
        if "bad_record" in names and records:
            records[0]["amount"] = {"currency": "ARS"}
            records[0]["name"] = records[0]["client_id"] = ["?"]
    if "empty_page" in names:
        records = []
    if "short_total_pages" in names:
        pagination["total_pages"] = max(pagination["total_pages"] - 1, 1)
    if not names & ON_PAGE:
        return _enveloped(name, records, pagination)
    if "bare_list" in names:
        return Reply(msgspec.json.encode(records))
    data: Any = (records[0] if records else {}) if "data_object" in names else records
    return _enveloped(name, data, None if "no_pagination" in names else pagination)


def _enveloped(name: str, data: Any, pagination: dict[str, int] | None = None) -> Reply:
    meta: dict[str, Any] = {"object": name}
    if pagination is not None:
        meta["pagination"] = pagination
    return Reply(msgspec.json.encode({"status": 200, "meta": meta, "data": data}))


def _count(text: str | None, default: int) -> int:
    return max(int(text), 1) if text and text.isascii() and text.isdigit() else default


def _one(name: str, written: dict[str, Any], call: Call) -> Reply:
    return _enveloped(name, distort(written, set(call.faults)) if call.faults else written)


def _account(state: State, call: Call, uuid: str) -> Reply:
    account = {
        name: money_text(amount) for name, amount in state.account(state.client(uuid)).items()
    }
    return _one("CurrentAccount", account, call)


def _pdf(state: State, call: Call, uuid: str) -> Reply:
    body = invoice_pdf(state.invoice_wire(state.invoice(uuid)))
    if "pdf_json" in call.faults:
        return error(state, 412, {"base": "not_available"})
    if "pdf_html" in call.faults:
        return Reply(b"<!DOCTYPE html><title>Wispro</title>", content_type="text/html")
    if "pdf_truncated" in call.faults:
        body = body[: len(body) // 2]
    return Reply(body, content_type="application/pdf")


def _promise(state: State, call: Call, uuid: str) -> Reply:
    contract = state.contract(uuid)
    wanted = msgspec.json.decode(call.body or b"{}")
    if contract.state != "disabled":
        return error(state, 412)
    contract.promise_until = str(wanted.get("valid_until"))
    state.set_contract_state(contract, "enabled")
    return _enveloped("PaymentPromise", {"contract_id": uuid, **wanted})


def _issue(state: State, call: Call, _uuid: str) -> Reply:
    place = len(state.issues)
    names = ("title", "description", "category_id", "client_id", "contract_id")
    if not call.query.get("title"):
        return error(state, 400, {"title": "blank"})
    state.issues.append(
        {
            "id": uuid_of("issue", place),
            "public_id": 1 + place,
            **{name: call.query.get(name) for name in names},
            "state": "pending",
            "priority": "normal",
            "created_at": state.stamp(),
        }
    )
    return _enveloped("HelpDesk::Issue", state.issues[place])


_ROUTES: tuple[tuple[str, re.Pattern[str], Callable[[State, Call, str], Reply]], ...] = tuple(
    (method, re.compile(pattern), handler)
    for method, pattern, handler in (
        ("GET", f"/clients/{_ID}", lambda s, c, i: _one("Client", s.client(i).wire(), c)),
        ("GET", f"/clients/{_ID}/current_account", _account),
        ("GET", f"/contracts/{_ID}", lambda s, c, i: _one("Contract", s.contract(i).wire(), c)),
        ("POST", f"/contracts/{_ID}/payment_promises", _promise),
        (
            "GET",
            f"/invoicing/invoices/{_ID}",
            lambda s, c, i: _one("Invoicing::Invoice", s.invoice_wire(s.invoice(i)), c),
        ),
        ("GET", f"/invoicing/invoices/{_ID}/download_pdf", _pdf),
        ("POST", "/help_desk/issues", _issue),
    )
)
