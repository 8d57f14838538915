"""The export of a customer's data as a page that the customer can read."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from billing.values import AlertKind
from worker.cli.explaining_words import KINDS, Language

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 75rem; margin: 2rem auto; padding: 0 1rem }
h2 { margin-top: 2.5rem } p.none { color: #666 }
table { border-collapse: collapse; width: 100%; font-size: .9rem } div { overflow-x: auto }
th, td { border: 1px solid #ccc; padding: .3rem .5rem; text-align: left; vertical-align: top }
th { background: #f3f3f3 }
@media (prefers-color-scheme: dark) {
  body { background: #111; color: #eee } th { background: #222 } th, td { border-color: #444 }
}
"""
_TITLES: Mapping[Language, Mapping[str, str]] = {
    Language.ES: {
        "title": "Tus datos en {isp}",
        "intro": "Esto es todo lo que guarda de vos el servicio de avisos de {isp}, al {at}. "
        "Los mismos datos están en {file}, para leerlos con un programa.",
        "texts": "El texto de los mensajes no se guarda: solo una huella (sha256) de cada uno. "
        "Las facturas originales las tiene {isp} en Wispro.",
        "support": "Ayuda: {support}",
        "none": "Nada.",
        "papers": "PDF guardados por unos días: {number}",
        "account": "Quién sos",
        "channel": "A dónde te llegan los avisos",
        "contract": "Tus contratos",
        "invoice": "Tus facturas, como las vimos por última vez",
        "change": "Qué cambió en tus facturas",
        "alert": "Avisos",
        "delivery": "Envíos de cada aviso",
        "attempt": "Intentos de cada envío",
        "hold": "Pausas y promesas de pago",
        "pair_code": "Invitaciones a vincularte",
        "bot_question": "Lo que le escribiste al bot",
        "proposal": "Datos recién leídos que todavía no se confirmaron",
        "sync_run": "Consultas a Wispro pedidas a mano por vos o por tu ISP",
    },
    Language.EN: {
        "title": "Your data at {isp}",
        "intro": "This is all that the alert service of {isp} holds of you, as of {at}. "
        "The same data is in {file}, for programs.",
        "texts": "The text of messages is not kept, only a fingerprint (sha256) of each. "
        "{isp} has the invoices themselves, in Wispro.",
        "support": "Help: {support}",
        "none": "Nothing.",
        "papers": "PDFs kept for some days: {number}",
        "account": "Who you are",
        "channel": "Where your alerts go",
        "contract": "Your contracts",
        "invoice": "Your invoices, as we saw them last",
        "change": "What changed on your invoices",
        "alert": "Alerts",
        "delivery": "Deliveries of each alert",
        "attempt": "Tries of each delivery",
        "hold": "Holds and promises to pay",
        "pair_code": "Invitations to pair",
        "bot_question": "What you wrote to the bot",
        "proposal": "What was read just now and is not confirmed yet",
        "sync_run": "Looks at Wispro that you or your ISP asked for by hand",
    },
}
_COLUMNS = {
    "name": "nombre", "national_id": "documento", "public_id": "número de cliente",
    "custom_id": "código de cliente", "client_id": "cliente en Wispro", "locale": "idioma",
    "contact_hours": "horario de contacto", "steps_off": "avisos que no querés",
    "paired_at": "vinculado", "unpaired_at": "desvinculado", "destination": "destino",
    "label": "se muestra como", "scheme": "tipo", "medium": "medio", "position": "orden",
    "created_at": "creado", "created_by": "creado por", "disabled_at": "cerrado",
    "disabled_reason": "por qué", "disabled_by": "cerrado por", "removed_at": "quitado",
    "number": "número", "state": "estado", "amount": "importe", "balance": "saldo",
    "issued_date": "emisión", "first_due_date": "vencimiento",
    "second_due_date": "segundo vencimiento", "concept": "concepto", "kind": "tipo",
    "before": "antes", "after": "después", "at": "cuándo", "reason": "motivo",
    "author": "quién", "until": "hasta", "released_at": "terminada", "sent_at": "enviado",
    "planned_at": "previsto", "started_at": "empezó", "finished_at": "terminó",
    "detail": "detalle", "evidence": "constancia", "asked_at": "cuándo", "answer": "respuesta",
    "contract_id": "contrato", "due_at": "corresponde", "step": "paso", "pay_url": "link de pago",
}  # fmt: skip


def export_page(
    found: Mapping[str, Any], language: Language, *, data_file: str, papers: int
) -> str:
    """This function will return the page.

    Args:
        found: as `billing.exporting.export` gathered it.
        language: of the headings; the data is as it is.
        data_file: the name of the file that holds the same for programs.
        papers: how many PDFs are beside it.
    """
    titles = _TITLES[language]
    isp = found["isp"]
    zone = ZoneInfo(isp["timezone"])
    at = datetime.fromisoformat(found["exported_at"]).astimezone(zone)
    words = {"isp": isp["name"], "file": data_file, "at": f"{at:%d/%m/%Y %H:%M}"}
    lines = [titles["intro"], titles["texts"]]
    if isp["support"]:
        lines.append(titles["support"].format(support=isp["support"]))
    if papers:
        lines.append(titles["papers"].format(number=papers))
    title = html.escape(titles["title"].format(**words))
    paragraphs = "".join(f"<p>{html.escape(line.format(**words))}</p>\n" for line in lines)
    sections = "".join(
        f"<h2>{html.escape(titles.get(name, name))}</h2>\n{_table(rows, titles, language, zone)}\n"
        for name, rows in found.items()
        if isinstance(rows, list)
    )
    return (
        f'<!doctype html>\n<html lang="{language.value}">\n<head><meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width">\n<title>{title}</title>\n'
        f"<style>{_STYLE}</style></head>\n<body>\n<h1>{title}</h1>\n{paragraphs}{sections}"
        "</body>\n</html>\n"
    )


def _table(
    rows: Sequence[Mapping[str, Any]],
    titles: Mapping[str, str],
    language: Language,
    zone: ZoneInfo,
) -> str:
    if not rows:
        return f'<p class="none">{titles["none"]}</p>'
    names = [name for name in rows[0] if any(row[name] not in (None, "", [], {}) for row in rows)]
    head = "".join(f"<th>{html.escape(_column(name, language))}</th>" for name in names)
    body = "".join(
        "<tr>"
        + "".join(
            f"<td>{html.escape(_cell(name, row[name], language, zone))}</td>" for name in names
        )
        + "</tr>\n"
        for row in rows
    )
    return f"<div><table>\n<tr>{head}</tr>\n{body}</table></div>"


def _column(name: str, language: Language) -> str:
    if language is Language.ES and name in _COLUMNS:
        return _COLUMNS[name]
    return name.replace("_", " ")


def _cell(name: str, value: Any, language: Language, zone: ZoneInfo) -> str:
    match value:
        case None:
            return ""
        case bool():
            return {Language.ES: ("no", "sí"), Language.EN: ("no", "yes")}[language][value]
        case str() if name.endswith(("_at", "_until")) or name == "at":
            return f"{datetime.fromisoformat(value).astimezone(zone):%d/%m/%Y %H:%M}"
        case str() if name == "kind" and value in set(AlertKind):
            return KINDS[language][AlertKind(value)]
        case dict():
            return "; ".join(f"{key}: {one}" for key, one in value.items())
        case list():
            return ", ".join(map(str, value))
    return str(value)
