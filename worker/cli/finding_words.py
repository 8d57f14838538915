"""The words of `alerta find`: the card in Spanish and in English, lists in English."""

from __future__ import annotations

from collections.abc import Mapping

from billing.searching import By
from worker.cli.explaining_words import Language

BY: Mapping[By, str] = {
    By.CLIENT: "client id",
    By.PUBLIC: "public id",
    By.CUSTOM: "custom id",
    By.NATIONAL: "national id",
    By.QR: "the portal's QR code",
    By.EMAIL: "e-mail",
    By.INVOICE: "invoice",
    By.CHANNEL: "channel",
    By.NAME: "name",
}

CARD: Mapping[Language, Mapping[str, str]] = {
    Language.ES: {
        "public": "id público",
        "custom": "id propio",
        "national": "documento",
        "channels": "Canales",
        "open": "Facturas",
        "closed": "({count} cerradas en total)",
        "no_invoices": "ninguna",
        "last": "Últimos avisos",
        "coming": "Próximos avisos",
        "none": "ninguno",
        "more": "Por qué, regla por regla: alerta explain {isp} {client}",
    },
    Language.EN: {
        "public": "public id",
        "custom": "custom id",
        "national": "national id",
        "channels": "Channels",
        "open": "Invoices",
        "closed": "({count} closed in all)",
        "no_invoices": "none",
        "last": "Last alerts",
        "coming": "Next alerts",
        "none": "none",
        "more": "Why, rule by rule: alerta explain {isp} {client}",
    },
}
