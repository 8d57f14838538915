"""How a forecast says days, numbers, kinds and reasons, in the operator's language."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from billing.simulation import Assumption
from billing.simulation.limits import LimitSource
from billing.values import AlertKind, Reason

KINDS = {
    AlertKind.ISSUED.value: "Factura nueva",
    AlertKind.DUE_SOON.value: "Vence pronto",
    AlertKind.DUE_TODAY.value: "Vence hoy",
    AlertKind.SECOND_DUE_SOON.value: "Segundo vencimiento",
    AlertKind.OVERDUE.value: "Pago sin registrar",
    AlertKind.CUTOFF_WARNING.value: "Antes del corte",
    AlertKind.PAID.value: "Pago recibido",
    AlertKind.CHANGED.value: "Factura cambiada",
    AlertKind.VOIDED.value: "Factura anulada",
    AlertKind.DIGEST.value: "Resumen de varias",
    AlertKind.WELCOME.value: "Bienvenida",
    AlertKind.TEST.value: "Prueba",
}
_REASONS = {
    Reason.PAID: "ya pagada",
    Reason.VOID: "anulada",
    Reason.VANISHED: "ya no está en Wispro",
    Reason.CREDIT_COVERS: "la cubre el saldo a favor",
    Reason.BELOW_MINIMUM: "por debajo del mínimo",
    Reason.HOLD: "en pausa",
    Reason.PROMISE: "promesa de pago",
    Reason.MISSED: "llegó otro aviso antes",
    Reason.SUPERSEDED: "reemplazado por otro",
    Reason.QUIET_HOURS: "fuera de horario",
    Reason.HOLIDAY: "feriado",
    Reason.CAP_DAY: "tope por día",
    Reason.CAP_WEEK: "tope por semana",
    Reason.CHANNEL_DISABLED: "canal desactivado",
    Reason.CHANNEL_REMOVED: "canal quitado",
    Reason.SUSPENDED: "servicio cortado",
    Reason.NOT_IN_POLICY: "no está en la política",
    Reason.STEP_OFF: "el cliente no lo quiere",
    Reason.NOT_OWED: "no se debe",
    Reason.NO_TRANSPORT: "falta la cuenta de envío",
    Reason.STALE_DATA: "datos viejos",
}
SOURCES = {
    LimitSource.TELEGRAM: "Telegram: 30 por segundo y bot",
    LimitSource.WHATSAPP: "WhatsApp: 80 por segundo; 250 clientes por día con un número nuevo",
    LimitSource.NTFY_SH: "ntfy.sh: 250 por día, uno cada 5 s",
    LimitSource.SMTP: "SMTP: 60 por minuto, si no se acordó otra cosa",
    LimitSource.UNKNOWN: "no se conoce: preguntar al proveedor",
}
ASSUMPTIONS = {
    Assumption.NOTHING_CHANGES: "Nadie paga y no se emite ni cambia ninguna factura: es lo más que "
    "saldría por lo que ya hay.",
    Assumption.NO_CREDIT: "El saldo de cada cuenta es la suma de sus facturas abiertas; el crédito "
    "a favor no se conoce.",
    Assumption.ALL_ACCEPTED: "Todo proveedor acepta cada mensaje al primer intento, y Wispro "
    "siempre responde.",
    Assumption.HELD_IS_RELEASED: "Una corrida retenida cuenta como liberada ahora.",
    Assumption.SAMPLE_SEGMENTS: "Los segmentos de SMS son los de un mensaje de ejemplo de cada "
    "tipo.",
}
REASONS = {one.value: _REASONS.get(one, one.value) for one in Reason}
WEEKDAYS = ("lun", "mar", "mié", "jue", "vie", "sáb", "dom")
MONTHS = ("ene", "feb", "mar", "abr", "may", "jun", "jul", "ago", "sep", "oct", "nov", "dic")


def of_day(day: date) -> str:
    """Return "mar 10 mar"."""
    return f"{WEEKDAYS[day.weekday()]} {day.day} {MONTHS[day.month - 1]}"


def of_month(day: date) -> str:
    """Return "mar 2026"."""
    return f"{MONTHS[day.month - 1]} {day.year}"


def number(value: float) -> str:
    """Return 12345 as "12.345"."""
    return f"{value:,.0f}".replace(",", ".")


def price(value: Decimal) -> str:
    """Return 12.5 as "12,50"."""
    return f"{value:,.2f}".translate(str.maketrans(",.", ".,"))


def minutes(value: float | None) -> str:
    """Return minutes as "1 h 20 min"; "–" where nobody knows."""
    if value is None:
        return "–"
    if value < 1:
        return "< 1 min"
    hours, rest = divmod(round(value), 60)
    return f"{number(hours)} h {rest} min" if hours else f"{rest} min"
