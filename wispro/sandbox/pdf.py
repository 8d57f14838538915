"""A simple, clean one-page invoice."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

ACCENT = (11, 92, 171)


def invoice_pdf(written: dict[str, Any]) -> bytes:
    """Return the PDF of an invoice as the API writes it; the same invoice gives the same bytes."""
    return _drawn(
        isp=str(written["invoicing_firm_company_name"]),
        number=str(written["invoice_number"] or "sin número"),
        holder=str(written["client_name"]),
        dates=(
            ("Fecha de emisión", _day(written["issued_at"])),
            ("Vencimiento", _day(written["first_due_date"])),
            ("Segundo vencimiento", _day(written["second_due_date"])),
        ),
        concept=str(written["concept"] or "Servicio de internet"),
        amount=_pesos(written["amount"]),
        due=_pesos(written["balance"]),
    )


def _day(written: Any) -> str:
    year, month, day = str(written)[:10].split("-") if written else ("", "", "")
    return f"{day}/{month}/{year}" if written else "-"


def _pesos(written: Any) -> str:
    return f"$ {Decimal(written or 0):,.2f}".translate(str.maketrans(",.", ".,"))


@lru_cache(maxsize=256)
def _drawn(
    *,
    isp: str,
    number: str,
    holder: str,
    dates: tuple[tuple[str, str], ...],
    concept: str,
    amount: str,
    due: str,
) -> bytes:
    from fpdf import FPDF, XPos, YPos  # noqa: PLC0415 - slow, and needed for the first PDF only

    def line(text: str, *, size: int = 11, bold: bool = False, align: str = "L") -> None:
        pdf.set_font("helvetica", "B" if bold else "", size)
        pdf.cell(
            0,
            size * 0.7,
            text.encode("latin-1", "replace").decode("latin-1"),
            align=align,
            new_x=XPos.LMARGIN,
            new_y=YPos.NEXT,
        )

    pdf = FPDF(format="A4")
    pdf.set_creation_date(datetime(2021, 10, 20, tzinfo=UTC))  # the same bytes every time
    pdf.set_title(f"Factura {number}")
    pdf.set_margin(20)
    pdf.add_page()
    pdf.set_text_color(*ACCENT)
    line(isp, size=22, bold=True)
    pdf.set_text_color(0)
    line(f"Factura Nº {number}", size=15, bold=True)
    pdf.ln(4)
    line(f"Cliente: {holder}")
    for name, day in dates:
        line(f"{name}: {day}")
    pdf.ln(4)
    pdf.set_draw_color(*ACCENT)
    pdf.line(20, pdf.get_y(), 190, pdf.get_y())
    pdf.ln(4)
    line(concept)
    pdf.ln(6)
    line(f"Monto total: {amount}", size=13, align="R")
    line(f"Monto a pagar: {due}", size=16, bold=True, align="R")
    return bytes(pdf.output())
