"""Everything that can happen to the stand-in's records. May be called from any thread."""

from __future__ import annotations

from bisect import insort
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from wispro.sandbox.ledger import ARGENTINA, Ledger, NotThereError, argentine_now, take_out
from wispro.sandbox.model import CONTRACT_STATES, INVOICE_STATES, Payment, Period, uuid_of

if TYPE_CHECKING:
    from wispro.sandbox.model import Client, Contract, Invoice

__all__ = ["NotThereError", "State", "argentine_now"]


class State(Ledger):
    """One made-up ISP account: the ledger, and what its people do."""

    def bill(self, contract: Contract, **given: Any) -> Invoice:
        """Issue an invoice today for the price of the plan; `given` is as for `change_invoice`."""
        with self.lock:
            today = self.clock().astimezone(ARGENTINA).date()
            period = Period(
                issued_at=self.stamp(),
                first_due_date=f"{today + timedelta(days=10)}",
                second_due_date=f"{today + timedelta(days=20)}",
                starts=f"{today}",
                ends=f"{today + timedelta(days=29)}",
                concept=self.plans[contract.plan].name,
            )
            invoice = self.add_invoice(
                contract,
                period,
                amount=self.plans[contract.plan].price,
                number=30_001 + len(self.invoices),
            )
            self.change_invoice(invoice, **given)
            return invoice

    def change_invoice(self, invoice: Invoice, **given: Any) -> None:
        """Change what an invoice says.

        `state`, `amount`, `balance` and `number` are understood; any other name is a field of the
        answer and written as it is given (`first_due_date`, `concept`, `payment_links` …). A new
        amount keeps what was already paid.
        """
        with self.lock:
            if "amount" in given:
                paid = invoice.amount - invoice.balance
                invoice.amount = Decimal(str(given.pop("amount")))
                if invoice.state not in {"paid", "void"}:
                    invoice.balance = max(invoice.amount - paid, Decimal(0))
            if "number" in given:
                invoice.number = given.pop("number")
            if "state" in given:
                self.set_state(invoice, given.pop("state"))
            if "balance" in given:
                invoice.balance = Decimal(str(given.pop("balance")))
            if given:
                invoice.extra = {**(invoice.extra or {}), **given}

    def set_state(self, invoice: Invoice, state: str) -> None:
        """Move an invoice to another state; a balance that contradicts it goes along."""
        if state not in INVOICE_STATES:
            raise ValueError(f"an invoice is one of: {', '.join(INVOICE_STATES)}")
        with self.lock:
            take_out(self.by_state[invoice.state], invoice.place)
            insort(self.by_state[state], invoice.place)
            invoice.state = state
            if state in {"paid", "void"}:
                invoice.balance = Decimal(0)
            elif invoice.balance == 0:
                invoice.balance = invoice.amount

    def remove(self, invoice: Invoice) -> None:
        """Make an invoice vanish, as if it had never been."""
        with self.lock:
            take_out(self.live, invoice.place)
            take_out(self.by_state[invoice.state], invoice.place)
            take_out(self.contracts[invoice.contract].invoices, invoice.place)

    def change_client(self, client: Client, **given: Any) -> None:
        """Change fields of a client, and what it is found by."""
        with self.lock:
            self.index(client, forget=True)
            for name, value in given.items():
                setattr(client, name, value)
            self.index(client)

    def set_contract_state(self, contract: Contract, state: str) -> None:
        """Move a contract to another state."""
        if state not in CONTRACT_STATES:
            raise ValueError(f"a contract is one of: {', '.join(CONTRACT_STATES)}")
        with self.lock:
            take_out(self.contracts_by_state[contract.state], contract.place)
            insort(self.contracts_by_state[state], contract.place)
            contract.state = state

    def pay(self, invoice: Invoice, amount: Decimal | None = None) -> Payment:
        """Pay an invoice, in part or in full; what is too much becomes the client's credit.

        Raises:
            ValueError: if the invoice asks for no payment, or the amount is not positive.
        """
        with self.lock:
            if invoice.state != "pending":
                raise ValueError("only a pending invoice can be paid")
            given = invoice.balance if amount is None else amount
            if given <= 0:
                raise ValueError("a payment is more than zero")
            used = min(given, invoice.balance)
            client = self.holder(invoice)
            client.credit += given - used
            payment = Payment(
                place=len(self.payments),
                client=client.place,
                amount=given,
                credit=given - used,
                paid_at=self.stamp(),
                parts=[(invoice.place, used)],
            )
            self.add_payment(payment)
            invoice.balance -= used
            if invoice.balance == 0:
                self.set_state(invoice, "paid")
            return payment

    def void_payment(self, payment: Payment) -> None:
        """Take a payment back: what it paid is owed again, and its credit is gone."""
        with self.lock:
            if payment.state == "void":
                raise ValueError("the payment is void already")
            payment.state = "void"
            self.clients[payment.client].credit -= payment.credit
            for place, amount in payment.parts:
                invoice = self.invoices[place]
                left = invoice.balance + amount
                if invoice.state == "paid":
                    self.set_state(invoice, "pending")
                invoice.balance = left

    def account(self, client: Client) -> dict[str, Decimal]:
        """Return the current account; negative `balance_amount` = the client owes."""
        with self.lock:
            owed = sum(
                (
                    self.invoices[place].balance
                    for contract in client.contracts
                    for place in self.contracts[contract].invoices
                    if self.invoices[place].state == "pending"
                ),
                Decimal(0),
            )
            return {
                "balance_amount": client.credit - owed,
                "credit_amount": client.credit,
                "invoice_balance_amount": owed,
            }

    def payment_wire(self, payment: Payment) -> dict[str, Any]:
        """Write a payment as Wispro does."""
        client = self.clients[payment.client]
        return {
            "id": payment.id,
            "public_id": 1 + payment.place,
            "state": payment.state,
            "amount": f"{payment.amount:.2f}",
            "credit_amount": f"{payment.credit:.2f}",
            "client_id": client.id,
            "client_public_id": client.public_id,
            "payment_date": payment.paid_at,
            "transaction_kind": "cash",
            "transaction_code": None,
            "created_at": payment.paid_at,
            "updated_at": payment.paid_at,
            "payment_transactions": [
                {
                    "id": uuid_of("payment", payment.place * 1000 + 0xA00000000000 + place),
                    "invoice_id": uuid_of("invoice", place),
                    "invoice_number": self.invoices[place].number,
                    "amount": f"{amount:.2f}",
                }
                for place, amount in payment.parts
            ],
        }
