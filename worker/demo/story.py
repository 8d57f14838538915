"""The customers of the demonstration: where each stands in the month, and what they must get.

Everything is relative to today. Invoices that exist at the rise of the curtain were seen by us
`KNOWN_FOR` days ago, when the account was paired: their silent baseline is that old. What happens
while the demonstration runs is an act.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from billing.values import AlertKind

#: Days since the accounts were paired: older than every due date of the story.
KNOWN_FOR = 20
PRICE = Decimal("2590.00")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bill:
    """One invoice on the customer's n-th contract; `due_in` days from today.

    `own_link` is the pay link that Wispro gives with it; without one the ISP's template serves.
    """

    due_in: int
    second_due_in: int | None = None
    number: str | None = "A-0001-793"
    contract: int = 0
    received: Decimal = Decimal(0)
    state: str = "pending"
    amount: Decimal = PRICE
    own_link: str | None = None

    def fields(self, today: date) -> dict[str, Any]:
        """Return the fields that the stand-in's invoice gets."""
        due = today + timedelta(days=self.due_in)
        issued = min(due - timedelta(days=10), today - timedelta(days=KNOWN_FOR))
        second = self.due_in + 10 if self.second_due_in is None else self.second_due_in
        return {
            "number": self.number,
            "state": self.state,
            "amount": str(self.amount),
            "issued_at": f"{issued}T09:30:00.000-03:00",
            "from": f"{issued.replace(day=1)}",
            "to": f"{due}",
            "first_due_date": f"{due}",
            "second_due_date": f"{today + timedelta(days=second)}",
            "payment_links": [self.own_link] if self.own_link else [],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """Something that happens while the daemon runs, once `after` of its alerts have arrived.

    `does` is one of: bill, pay, void, number.
    """

    does: str
    after: int
    bill: Bill | None = None


def _says_anything(text: str) -> str | None:
    del text
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer:
    """One paired account and what must reach it, exactly once each, and nothing else."""

    name: str
    stands: str
    expects: tuple[AlertKind, ...]
    bills: tuple[Bill, ...] = ()
    acts: tuple[Act, ...] = ()
    contracts: int = 1
    credit: Decimal = Decimal(0)
    locale: str | None = None
    says: Callable[[str], str | None] = _says_anything

    @property
    def address(self) -> str:
        """The e-mail address under which the account is paired."""
        first, last = self.name.lower().split()[0], self.name.lower().split()[-1]
        return f"{first}.{last}@clientes.example".translate(str.maketrans("áéíóúñ", "aeioun"))


def _must_say(*words: str) -> Callable[[str], str | None]:
    def check(text: str) -> str | None:
        missing = [word for word in words if word not in text]
        return f"lacks {missing[0]!r}" if missing else None

    return check


#: A note of 1000 pesos on account, as `received` of the partly paid one.
_PART = Decimal("1000.00")

CUSTOMERS = (
    Customer(
        name="Ana Álvarez",
        stands="just issued (appears now)",
        expects=(AlertKind.ISSUED,),
        acts=(Act(does="bill", after=0, bill=Bill(due_in=12, number="A-0001-801")),),
    ),
    Customer(
        name="Bruno Benítez",
        stands="due in 5 days",
        expects=(AlertKind.DUE_SOON,),
        bills=(Bill(due_in=5),),
    ),
    Customer(
        name="Carla Correa",
        stands="due tomorrow",
        expects=(AlertKind.DUE_SOON,),
        bills=(Bill(due_in=1),),
        says=_must_say("mañana"),
    ),
    Customer(
        name="Diego Domínguez",
        stands="due today",
        expects=(AlertKind.DUE_TODAY,),
        bills=(Bill(due_in=0, own_link="https://mpago.example/2kV8yQ"),),
        says=_must_say("oy vence", "https://mpago.example/2kV8yQ"),
    ),
    Customer(
        name="Elena Escobar",
        stands="second due date tomorrow",
        expects=(AlertKind.SECOND_DUE_SOON,),
        bills=(Bill(due_in=-9, second_due_in=1),),
    ),
    Customer(
        name="Fabio Ferreira",
        stands="overdue 3 days (in pt-BR)",
        expects=(AlertKind.OVERDUE,),
        bills=(Bill(due_in=-3),),
        locale="pt_BR",
    ),
    Customer(
        name="Gabriela Gómez",
        stands="partly paid, due tomorrow",
        expects=(AlertKind.DUE_SOON,),
        bills=(Bill(due_in=1, received=_PART),),
        says=_must_say("1.590,00", "1.000,00"),
    ),
    Customer(
        name="Hugo Herrera",
        stands="without a number (appears now)",
        expects=(AlertKind.ISSUED,),
        acts=(Act(does="bill", after=0, bill=Bill(due_in=12, number=None)),),
    ),
    Customer(
        name="Inés Ibarra",
        stands="appears now, voided after its alert",
        expects=(AlertKind.ISSUED, AlertKind.VOIDED),
        acts=(
            Act(does="bill", after=0, bill=Bill(due_in=12, number="A-0001-802")),
            Act(does="void", after=1),
        ),
    ),
    Customer(
        name="Juan Juárez",
        stands="due today, paid while this runs",
        expects=(AlertKind.DUE_TODAY, AlertKind.PAID),
        bills=(Bill(due_in=0),),
        acts=(Act(does="pay", after=1),),
    ),
    Customer(
        name="Karina Kruger",
        stands="overdue 3 days, covered by credit",
        expects=(),
        bills=(Bill(due_in=-3),),
        credit=Decimal("5000.00"),
    ),
    Customer(
        name="Luis Ledesma",
        stands="two contracts, both due tomorrow: one message",
        expects=(AlertKind.DIGEST,),
        bills=(Bill(due_in=1), Bill(due_in=1, contract=1, number="A-0001-794")),
        contracts=2,
    ),
    Customer(
        name="Mirta Maldonado",
        stands="everything paid",
        expects=(),
        bills=(Bill(due_in=-3, state="paid"),),
    ),
)
