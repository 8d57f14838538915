"""What the stand-in keeps, small enough for a million invoices, and how Wispro writes it.

Everything is counted: the number of a record is its place in the list of its kind, and its UUID is
made from that number when it is asked for.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec

LOGIN_PREFIX = "SANDBOXLOGIN"
FIXTURE_SECRETS = (LOGIN_PREFIX, "SANDBOX-PPPOE-", "SANDBOX-WIFI-")
"""What every made-up secret begins with, so that a leak test can look for it."""

INVOICE_STATES = (
    "draft",
    "issuing",
    "authorizing",
    "authorizing_error",
    "pending",
    "paid",
    "void",
)
CONTRACT_STATES = ("enabled", "alerted", "degraded", "disabled")

_KINDS = {
    "client": "c1000000",
    "contract": "c0000000",
    "invoice": "1f000000",
    "payment": "9a000000",
    "plan": "b1000000",
    "issue": "5e000000",
    "firm": "f1000000",
}


def uuid_of(kind: str, place: int) -> str:
    """Return the UUID of the record of this kind at this place."""
    return f"{_KINDS[kind]}-0000-4000-8000-{place:012x}"


def place_of(kind: str, uuid: str) -> int | None:
    """Return the place that a UUID was made from; None if it is of another kind, or none."""
    prefix = f"{_KINDS[kind]}-0000-4000-8000-"
    if not uuid.startswith(prefix) or len(uuid) != 36:
        return None
    try:
        return int(uuid[24:], 16)
    except ValueError:
        return None


def money_text(amount: Decimal) -> str:
    """Write an amount as Rails does: `18500.0`, `18500.25`."""
    return f"{amount:.2f}".removesuffix("0")


def net_and_tax(amount: Decimal) -> tuple[str, str]:
    """Write what is left of an amount without 21 % of tax, and the tax."""
    net = amount / Decimal("1.21")
    return money_text(net), money_text(amount - net)


class Isp(msgspec.Struct):
    """The ISP whose account this is."""

    name: str = "Interatos sas"
    host: str = "interatos.wispro.example"


class Plan(msgspec.Struct):
    """What a contract is for."""

    place: int
    name: str
    price: Decimal

    def wire(self) -> dict[str, Any]:
        """Write it as `/plans` does."""
        return {
            "id": uuid_of("plan", self.place),
            "name": self.name,
            "price": money_text(self.price),
        }


class Client(msgspec.Struct):
    """A customer of the ISP. `contracts` are places."""

    place: int
    public_id: int
    name: str
    created_at: str
    custom_id: str | None = None
    email: str | None = None
    phone: str | None = None
    national_id: str | None = None
    taxpayer_id: str | None = None
    address: str = ""
    city: str = ""
    province: str = "Córdoba"
    credit: Decimal = Decimal(0)
    contracts: list[int] = msgspec.field(default_factory=list)

    @property
    def id(self) -> str:
        """The UUID."""
        return uuid_of("client", self.place)

    @property
    def login_link(self) -> str:
        """The bearer secret that the portal shows as a QR code."""
        return f"https://cloud.wispro.co/portal_api/auth/{LOGIN_PREFIX}{self.place:010d}"

    def wire(self) -> dict[str, Any]:
        """Write it as `/clients` does."""
        return {
            "id": self.id,
            "public_id": self.public_id,
            "custom_id": self.custom_id,
            "name": self.name,
            "email": self.email,
            "phone": self.phone,
            "phone_mobile": self.phone,
            "phone_mobile_verified": False,
            "national_identification_number": self.national_id,
            "taxpayer_identification_number": self.taxpayer_id,
            "address": self.address,
            "city": self.city,
            "state": self.province,
            "details": None,
            "created_at": self.created_at,
            "updated_at": self.created_at,
            "link_mobile_login": self.login_link,
        }


class Contract(msgspec.Struct):
    """A service of a client. `invoices` are places, ascending."""

    place: int
    public_id: int
    client: int
    plan: int
    created_at: str
    state: str = "enabled"
    promise_until: str | None = None
    invoices: list[int] = msgspec.field(default_factory=list)

    @property
    def id(self) -> str:
        """The UUID."""
        return uuid_of("contract", self.place)

    def wire(self) -> dict[str, Any]:
        """Write it as `/contracts` does, with the passwords that nobody should take along."""
        return {
            "id": self.id,
            "public_id": self.public_id,
            "client_id": uuid_of("client", self.client),
            "plan_id": uuid_of("plan", self.plan),
            "state": self.state,
            "start_date": self.created_at[:10],
            "created_at": self.created_at,
            "updated_at": self.created_at,
            "latitude": "-31.97",
            "longitude": "-64.55",
            "ip": f"10.{self.place >> 16 & 255}.{self.place >> 8 & 255}.{self.place & 255}",
            "netmask": "255.255.255.255",
            "mac_address": f"02:00:00:{self.place >> 16 & 255:02x}:{self.place >> 8 & 255:02x}"
            f":{self.place & 255:02x}",
            "server_id": uuid_of("firm", 7),
            "server_configuration": {
                "kind": "pppoe",
                "pppoe_username": f"cliente{self.place}",
                "pppoe_password": f"SANDBOX-PPPOE-{self.place}",
            },
            "pppoe_password": f"SANDBOX-PPPOE-{self.place}",
            "wifi_ssid": f"Interatos-{self.place}",
            "wifi_password": f"SANDBOX-WIFI-{self.place}",
            "details": f"clave wifi: SANDBOX-WIFI-{self.place}",
            "payment_promise_valid_until": self.promise_until,
        }


class Period(msgspec.Struct, frozen=True):
    """The dates of one billing run, shared by its invoices; all as Wispro writes them."""

    issued_at: str
    first_due_date: str | None
    second_due_date: str | None
    starts: str | None
    ends: str | None
    concept: str | None


class Invoice(msgspec.Struct, gc=False):
    """An invoice. `extra` overrides what is written, field by field."""

    place: int
    contract: int
    period: Period
    number: int | str | None
    state: str
    amount: Decimal
    balance: Decimal
    extra: dict[str, Any] | None = None

    @property
    def id(self) -> str:
        """The UUID."""
        return uuid_of("invoice", self.place)

    def wire(self, client: Client, isp: Isp) -> dict[str, Any]:
        """Write it as `/invoicing/invoices` does: without a client id."""
        period, amount = self.period, money_text(self.amount)
        net, tax = net_and_tax(self.amount)
        written = {
            "id": self.id,
            "contract_id": uuid_of("contract", self.contract),
            "invoicing_firm_id": uuid_of("firm", 1),
            "kind_invoice": "argentina_b",
            "invoice_number": self.number if self.number is None else str(self.number),
            "from": period.starts,
            "to": period.ends,
            "issued_at": period.issued_at,
            "first_due_date": period.first_due_date,
            "second_due_date": period.second_due_date,
            "created_at": period.issued_at,
            "updated_at": period.issued_at,
            "state": self.state,
            "amount": amount,
            "gross_amount": amount,
            "net_amount": net,
            "tax_amount": tax,
            "discount_amount": "0.0",
            "balance": money_text(self.balance),
            "concept": period.concept,
            "client_name": client.name,
            "client_email": client.email,
            "client_phone": client.phone,
            "client_address": client.address,
            "client_national_identification_number": client.national_id,
            "client_taxpayer_identification_number": client.taxpayer_id,
            "client_vat_condition": "consumidor_final",
            "invoicing_firm_company_name": isp.name,
            "items": [
                {
                    "id": f"{self.id[:-12]}{self.place + 0xA00000000000:012x}",
                    "invoice_id": self.id,
                    "description": period.concept,
                    "product_code": None,
                    "quantity": "1.0",
                    "amount": amount,
                    "gross_amount": amount,
                    "tax_amount": tax,
                    "net_amount": net,
                    "discount_amount": "0.0",
                }
            ],
            "payment_links": []
            if self.state != "pending"
            else [{"gateway": "mercado_pago", "url": f"https://pay.example.org/i/{self.place}"}],
        }
        return written if self.extra is None else {**written, **self.extra}


class Payment(msgspec.Struct):
    """Money that came in. `parts` are (place of the invoice, amount)."""

    place: int
    client: int
    amount: Decimal
    credit: Decimal
    paid_at: str
    parts: list[tuple[int, Decimal]]
    state: str = "success"

    @property
    def id(self) -> str:
        """The UUID."""
        return uuid_of("payment", self.place)
