"""The test's side of the stand-in, `/sandbox/…`: JSON in, the changed record out.

    GET    /sandbox/state                   counts, requests served by path, switches, rules
    POST   /sandbox/reset                   {clients, invoices, seed, interatos}
    POST   /sandbox/settings                {now, and any of `ledger.Switches`}
    POST   /sandbox/clients                 {contracts, and fields of a client}
    PATCH  /sandbox/clients/{id}            fields of a client
    POST   /sandbox/clients/{id}/credit     {amount}
    PATCH  /sandbox/contracts/{id}          {state}
    POST   /sandbox/invoices                {client_id or contract_id, and fields of an invoice}
    PATCH  /sandbox/invoices/{id}           {state, amount, balance, number, any field of the API}
    DELETE /sandbox/invoices/{id}           it vanishes
    POST   /sandbox/invoices/{id}/pay       {amount}
    POST   /sandbox/invoices/{id}/void
    POST   /sandbox/payments/{id}/void      what it paid is owed again
    POST   /sandbox/crowd                   {open, pay, void, bill}: how many, see crowds.py
    GET, POST, DELETE /sandbox/faults       a list of rules, see faults.py

A mistake in a request is answered 400 or 404 with `{"error": …}`.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

import msgspec

from wispro.sandbox import crowds, seed
from wispro.sandbox.faults import FaultBox, Rule
from wispro.sandbox.state import NotThereError, argentine_now

if TYPE_CHECKING:
    from collections.abc import Callable

    from wispro.sandbox.state import State

_CLIENT_FIELDS = frozenset(
    {
        "name",
        "custom_id",
        "public_id",
        "email",
        "phone",
        "national_id",
        "taxpayer_id",
        "address",
        "city",
        "province",
    }
)


class Control:
    """Changes a stand-in on request.

    Args:
        state: the made-up account.
        faults: the rules in force.
    """

    def __init__(self, state: State, faults: FaultBox) -> None:
        self._state = state
        self._faults = faults
        self._routes: dict[tuple[str, str], Callable[[str, dict[str, Any]], Any]] = {
            ("GET", "state"): self._show,
            ("POST", "reset"): self._reset,
            ("POST", "settings"): self._settings,
            ("POST", "clients"): self._add_client,
            ("PATCH", "clients/*"): self._change_client,
            ("POST", "clients/*/credit"): self._credit,
            ("PATCH", "contracts/*"): self._change_contract,
            ("POST", "invoices"): self._bill,
            ("PATCH", "invoices/*"): self._change_invoice,
            ("DELETE", "invoices/*"): self._remove_invoice,
            ("POST", "invoices/*/pay"): self._pay,
            ("POST", "invoices/*/void"): self._void,
            ("POST", "payments/*/void"): self._void_payment,
            ("POST", "crowd"): lambda _i, given: crowds.happen(self._state, given),
            ("GET", "faults"): lambda _i, _g: self._faults.rules(),
            ("DELETE", "faults"): self._clear_faults,
        }

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, bytes]:
        """Carry out one request; `path` is below `/sandbox/`. Returns HTTP status and JSON."""
        parts = path.strip("/").split("/")
        uuid = parts[1] if len(parts) > 1 else ""
        shape = "/".join([parts[0], *(["*"] if uuid else []), *parts[2:]])
        try:
            if (method, shape) == ("POST", "faults"):
                self._faults.add(*_rules(body))
                return 200, msgspec.json.encode(self._faults.rules())
            handler = self._routes.get((method, shape))
            if handler is None:
                return 404, _problem("there is no such control; see wispro/sandbox/control.py")
            given = msgspec.json.decode(body or b"{}", type=dict[str, Any])
            with self._state.lock:
                return 200, msgspec.json.encode(handler(uuid, given))
        except NotThereError:
            return 404, _problem("there is no such record")
        except InvalidOperation:
            return 400, _problem("an amount is not a number")
        except (ValueError, TypeError, KeyError) as problem:
            return 400, _problem(str(problem))

    def _show(self, _uuid: str, _given: dict[str, Any]) -> dict[str, Any]:
        state = self._state
        return {
            "isp": state.isp.name,
            "now": state.stamp(),
            "clients": len(state.clients),
            "contracts": len(state.contracts),
            "invoices": {
                "all": len(state.live),
                **{name: len(places) for name, places in state.by_state.items()},
            },
            "payments": len(state.payments),
            "requests": {"all": state.served.total(), **state.served},
            "settings": state.switches,
            "faults": self._faults.rules(),
        }

    def _reset(self, _uuid: str, given: dict[str, Any]) -> dict[str, Any]:
        clients, invoices = int(given.get("clients", 0)), int(given.get("invoices", 0))
        self._state.clear()
        self._faults.clear()
        if given.get("interatos", True):
            seed.interatos(self._state)
        seed.generate(
            self._state, clients=clients, invoices=invoices, seed=int(given.get("seed", 1))
        )
        return self._show("", {})

    def _settings(self, _uuid: str, given: dict[str, Any]) -> dict[str, Any]:
        state = self._state
        if "now" in given:
            text = given.pop("now")
            fixed = None if text is None else datetime.fromisoformat(text)
            if fixed is not None and fixed.tzinfo is None:
                raise ValueError("now needs an offset, such as 2021-11-01T09:00:00-03:00")
            state.clock = argentine_now if fixed is None else lambda: fixed
        known = msgspec.to_builtins(state.switches)
        if not set(given) <= set(known):
            raise ValueError(f"settings are: now, {', '.join(known)}")
        state.switches = msgspec.convert({**known, **given}, type(state.switches))
        return self._show("", {})

    def _add_client(self, _uuid: str, given: dict[str, Any]) -> dict[str, Any]:
        contracts = int(given.pop("contracts", 1))
        client = self._state.add_client(contracts=contracts, **_client_fields(given))
        return self._client_wire(client.id)

    def _change_client(self, uuid: str, given: dict[str, Any]) -> dict[str, Any]:
        self._state.change_client(self._state.client(uuid), **_client_fields(given))
        return self._client_wire(uuid)

    def _credit(self, uuid: str, given: dict[str, Any]) -> dict[str, Any]:
        self._state.client(uuid).credit += Decimal(str(given["amount"]))
        return self._client_wire(uuid)

    def _client_wire(self, uuid: str) -> dict[str, Any]:
        client = self._state.client(uuid)
        contracts = [self._state.contracts[place].id for place in client.contracts]
        return {**client.wire(), "contract_ids": contracts, **self._state.account(client)}

    def _change_contract(self, uuid: str, given: dict[str, Any]) -> dict[str, Any]:
        contract = self._state.contract(uuid)
        self._state.set_contract_state(contract, str(given["state"]))
        return contract.wire()

    def _bill(self, _uuid: str, given: dict[str, Any]) -> dict[str, Any]:
        holder, contract_id = given.pop("client_id", None), given.pop("contract_id", None)
        if contract_id is not None:
            contract = self._state.contract(contract_id)
        elif holder is not None:
            contract = self._state.contracts[self._state.client(holder).contracts[0]]
        else:
            raise ValueError("give the client_id or the contract_id")
        return self._state.invoice_wire(self._state.bill(contract, **given))

    def _change_invoice(self, uuid: str, given: dict[str, Any]) -> dict[str, Any]:
        invoice = self._state.invoice(uuid)
        self._state.change_invoice(invoice, **given)
        return self._state.invoice_wire(invoice)

    def _remove_invoice(self, uuid: str, _given: dict[str, Any]) -> dict[str, Any]:
        self._state.remove(self._state.invoice(uuid))
        return {"removed": uuid}

    def _pay(self, uuid: str, given: dict[str, Any]) -> dict[str, Any]:
        amount = given.get("amount")
        payment = self._state.pay(
            self._state.invoice(uuid), None if amount is None else Decimal(str(amount))
        )
        return self._state.payment_wire(payment)

    def _void(self, uuid: str, _given: dict[str, Any]) -> dict[str, Any]:
        return self._change_invoice(uuid, {"state": "void"})

    def _void_payment(self, uuid: str, _given: dict[str, Any]) -> dict[str, Any]:
        payment = self._state.payment(uuid)
        self._state.void_payment(payment)
        return self._state.payment_wire(payment)

    def _clear_faults(self, _uuid: str, _given: dict[str, Any]) -> list[Rule]:
        self._faults.clear()
        return []


def _rules(body: bytes) -> list[Rule]:
    one_or_many = msgspec.json.decode(body, type=Rule | list[Rule])
    return one_or_many if isinstance(one_or_many, list) else [one_or_many]


def _client_fields(given: dict[str, Any]) -> dict[str, Any]:
    if not set(given) <= _CLIENT_FIELDS:
        raise ValueError(f"fields of a client are: {', '.join(sorted(_CLIENT_FIELDS))}")
    return given


def _problem(text: str) -> bytes:
    return msgspec.json.encode({"error": text})
