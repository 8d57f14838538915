"""The words of `alerta explain`, in Spanish and in English: facts come in, sentences go out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from zoneinfo import ZoneInfo

from billing.channel_health import Condition, Health
from billing.contacts import CapLine
from billing.explained import Absence, Entry, HoldStory, Mention, RuleLine, Says, Standing
from billing.gate import Rule
from billing.values import AlertKind, Medium, Reason


class Language(StrEnum):
    """What support reads."""

    ES = "es"
    EN = "en"


KINDS: Mapping[Language, Mapping[AlertKind, str]] = {
    Language.ES: {
        AlertKind.ISSUED: "factura nueva",
        AlertKind.DUE_SOON: "por vencer",
        AlertKind.DUE_TODAY: "vence hoy",
        AlertKind.SECOND_DUE_SOON: "segundo vencimiento",
        AlertKind.OVERDUE: "sin pago registrado",
        AlertKind.CUTOFF_WARNING: "aviso de corte",
        AlertKind.PAID: "pago recibido",
        AlertKind.CHANGED: "factura cambiada",
        AlertKind.VOIDED: "factura anulada",
        AlertKind.DIGEST: "resumen de deudas",
        AlertKind.WELCOME: "bienvenida al canal",
        AlertKind.TEST: "mensaje de prueba",
    },
    Language.EN: {
        AlertKind.ISSUED: "new invoice",
        AlertKind.DUE_SOON: "due soon",
        AlertKind.DUE_TODAY: "due today",
        AlertKind.SECOND_DUE_SOON: "second due date",
        AlertKind.OVERDUE: "no payment seen",
        AlertKind.CUTOFF_WARNING: "cut-off warning",
        AlertKind.PAID: "payment received",
        AlertKind.CHANGED: "invoice changed",
        AlertKind.VOIDED: "invoice voided",
        AlertKind.DIGEST: "digest of debts",
        AlertKind.WELCOME: "welcome to the channel",
        AlertKind.TEST: "test message",
    },
}

#: `{hold}` is filled where staff or the customer said something.
WHY: Mapping[Language, Mapping[Reason | Absence, str]] = {
    Language.ES: {
        Reason.PAID: "la factura ya estaba pagada",
        Reason.VOID: "la factura fue anulada",
        Reason.VANISHED: "Wispro ya no tiene esta factura a nombre del cliente",
        Reason.CREDIT_COVERS: "el saldo a favor del cliente cubre lo que debe",
        Reason.BELOW_MINIMUM: "lo que falta pagar no llega al mínimo que pide el ISP",
        Reason.HOLD: "hay una pausa{hold}",
        Reason.PROMISE: "hay una promesa de pago{hold}",
        Reason.BASELINE: "es anterior a nuestra primera mirada: historia, no se avisa",
        Reason.MISSED: "ya pasó su momento",
        Reason.SUPERSEDED: "otro aviso ocupó su lugar o la fecha se movió",
        Reason.QUIET_HOURS: "está fuera del horario de contacto",
        Reason.HOLIDAY: "es feriado",
        Reason.CAP_DAY: "el cliente llegó al tope de avisos del día",
        Reason.CAP_WEEK: "el cliente llegó al tope de avisos de la semana",
        Reason.NO_CONSENT: "el cliente no dio su consentimiento",
        Reason.CHANNEL_DISABLED: "el canal está deshabilitado",
        Reason.CHANNEL_REMOVED: "se quitó el canal",
        Reason.BREAKER: "los envíos del ISP están retenidos hasta que el operador decida",
        Reason.ISP_DISABLED: "el ISP está en pausa",
        Reason.INCOMPLETE_PULL: "Wispro no dio una respuesta completa",
        Reason.STALE_DATA: "Wispro no confirmó la deuda justo antes de enviar",
        Reason.SUSPENDED: "el servicio está cortado: recordarlo no ayuda",
        Reason.NOT_IN_POLICY: "la política del ISP no manda este aviso, o no por este canal",
        Reason.STEP_OFF: "el cliente no quiere este aviso",
        Reason.NOT_OWED: "la factura está en un estado que no pide pago",
        Reason.UNPAIRED: "el cliente está desvinculado",
        Reason.REJECTED: "el proveedor lo rechazó para siempre",
        Reason.TRIES_SPENT: "fallaron todos los intentos permitidos",
        Reason.PROVIDER_TROUBLE: "el proveedor falló; se vuelve a intentar",
        Reason.PROVIDER_LIMIT: "el proveedor no deja pasar más por ahora; sale cuando haya lugar",
        Reason.BUDGET: "se agotó el presupuesto de SMS del ISP para este mes",
        Reason.NO_TRANSPORT: "el ISP no tiene cuenta de envío para este canal",
        Reason.RENDER_FAILED: "no se pudo escribir el mensaje",
        Reason.UNREADABLE_SECRET: "la dirección o la cuenta de envío guardada no se puede leer",
        Reason.NO_ANSWER: "el proveedor no contestó: puede haber llegado",
        Reason.RESTORED: "se repuso una copia de seguridad: puede haber llegado",
        Reason.UNFORESEEN: "un error inesperado; ver el registro del servicio",
        Reason.INTERRUPTED: "el envío se interrumpió: puede haber llegado",
        Absence.NO_DATE: "la factura no tiene la fecha desde la que se cuenta",
        Absence.ODD_REVERSED: "el segundo vencimiento es anterior al primero",
        Absence.ODD_FAR: "un vencimiento está a más de un año de la emisión",
        Absence.NO_SECOND_DUE: "la factura no tiene un segundo vencimiento posterior",
        Absence.NOT_ALERTED: "el contrato no está en aviso de corte",
        Absence.NO_CHANNEL: "el cliente no tenía ningún canal habilitado",
        Absence.SAID_BY_REMINDER: "un recordatorio que ya tocaba lo dice todo",
    },
    Language.EN: {
        Reason.PAID: "the invoice was paid already",
        Reason.VOID: "the invoice was voided",
        Reason.VANISHED: "Wispro no longer has this invoice in the customer's name",
        Reason.CREDIT_COVERS: "the customer's credit covers what is owed",
        Reason.BELOW_MINIMUM: "what is left to pay is below the ISP's minimum",
        Reason.HOLD: "there is a hold{hold}",
        Reason.PROMISE: "there is a promise to pay{hold}",
        Reason.BASELINE: "it lies before our first look: history, nobody is told",
        Reason.MISSED: "its moment has passed",
        Reason.SUPERSEDED: "another alert took its place, or the date moved",
        Reason.QUIET_HOURS: "it is outside the contact hours",
        Reason.HOLIDAY: "it is a public holiday",
        Reason.CAP_DAY: "the customer reached the day's cap on alerts",
        Reason.CAP_WEEK: "the customer reached the week's cap on alerts",
        Reason.NO_CONSENT: "the customer gave no consent",
        Reason.CHANNEL_DISABLED: "the channel is disabled",
        Reason.CHANNEL_REMOVED: "the channel was taken away",
        Reason.BREAKER: "the ISP's sends are held until the operator decides",
        Reason.ISP_DISABLED: "the ISP is disabled",
        Reason.INCOMPLETE_PULL: "Wispro gave no complete answer",
        Reason.STALE_DATA: "Wispro did not confirm the debt right before the send",
        Reason.SUSPENDED: "the service is cut off: reminding of it helps nobody",
        Reason.NOT_IN_POLICY: "the ISP's policy sends no such alert, or not on this channel",
        Reason.STEP_OFF: "the customer does not want this alert",
        Reason.NOT_OWED: "the invoice is in a state that asks for no payment",
        Reason.UNPAIRED: "the customer is not paired",
        Reason.REJECTED: "the provider refused it for good",
        Reason.TRIES_SPENT: "every permitted try failed",
        Reason.PROVIDER_TROUBLE: "the provider failed; it will be tried again",
        Reason.PROVIDER_LIMIT: "as much left as the provider takes; it goes when there is room",
        Reason.BUDGET: "the ISP's budget of this month for SMS is spent",
        Reason.NO_TRANSPORT: "the ISP has no sending account for this channel",
        Reason.RENDER_FAILED: "the message could not be written",
        Reason.UNREADABLE_SECRET: "the stored address or sending account cannot be read",
        Reason.NO_ANSWER: "the provider did not answer: it may have arrived",
        Reason.RESTORED: "a backup was restored: it may have arrived",
        Reason.UNFORESEEN: "an unforeseen error; see the daemon's log",
        Reason.INTERRUPTED: "the send broke off: it may have arrived",
        Absence.NO_DATE: "the invoice lacks the date that it is counted from",
        Absence.ODD_REVERSED: "the second due date lies before the first",
        Absence.ODD_FAR: "a due date lies more than a year from the issue",
        Absence.NO_SECOND_DUE: "the invoice has no later second due date",
        Absence.NOT_ALERTED: "the contract is not about to be cut off",
        Absence.NO_CHANNEL: "the customer had no enabled channel",
        Absence.SAID_BY_REMINDER: "a reminder that was due already says all of it",
    },
}

#: A rule that has nothing against it: (its name, what that means).
RULES: Mapping[Language, Mapping[Rule, tuple[str, str]]] = {
    Language.ES: {
        Rule.PAIRED: ("vínculo", "el cliente está vinculado"),
        Rule.CHANNEL: ("canal", "el canal está habilitado"),
        Rule.WANTED: ("política", "la política y el cliente quieren este aviso por este canal"),
        Rule.OWED: ("factura", "la factura justifica este aviso"),
        Rule.CURRENT: ("vigencia", "la fecha sigue en pie y ningún paso posterior lo reemplaza"),
        Rule.SUSPENDED: ("corte", "ningún corte de servicio lo frena"),
        Rule.HOLD: ("pausa", "no hay pausa ni promesa de pago"),
        Rule.BREAKER: ("retención", "los envíos del ISP no están retenidos"),
        Rule.HOURS: ("horario", "está dentro del horario de contacto"),
        Rule.CAPS: ("topes", "no supera los topes de avisos"),
        Rule.LOOK: ("consulta", "Wispro se consulta otra vez justo antes de enviar"),
        Rule.CREDIT: ("saldo", "hay algo que pagar, según nuestra copia"),
    },
    Language.EN: {
        Rule.PAIRED: ("paired", "the customer is paired"),
        Rule.CHANNEL: ("channel", "the channel is enabled"),
        Rule.WANTED: ("policy", "the policy and the customer want this alert on this channel"),
        Rule.OWED: ("invoice", "the invoice justifies this alert"),
        Rule.CURRENT: ("current", "the date still stands and no later step takes its place"),
        Rule.SUSPENDED: ("cut-off", "no cut-off of the service is in the way"),
        Rule.HOLD: ("hold", "there is neither a hold nor a promise to pay"),
        Rule.BREAKER: ("breaker", "the ISP's sends are not held"),
        Rule.HOURS: ("hours", "it is within the contact hours"),
        Rule.CAPS: ("caps", "it exceeds no cap on alerts"),
        Rule.LOOK: ("look", "Wispro is asked again right before the send"),
        Rule.CREDIT: ("balance", "there is something to pay, by our copy"),
    },
}

STATES: Mapping[Language, Mapping[Standing, str]] = {
    Language.ES: {
        Standing.SENT: "Se envió {when}{to}{along}",
        Standing.WILL_GO: "Va a salir {when}{to}{along}",
        Standing.WAITS: "Espera: {why}; va a salir {when}{to}{along}",
        Standing.WILL_NOT: "No saldrá: {why}{instead}",
        Standing.MISSED: "No saldrá: {why}{instead}",
        Standing.SENDING: "Se está enviando ahora{to}",
        Standing.UNCERTAIN: "Puede haber llegado {when}{to}: {why}",
        Standing.FAILED: "Falló {when}{to}: {why}",
    },
    Language.EN: {
        Standing.SENT: "Sent {when}{to}{along}",
        Standing.WILL_GO: "Will go {when}{to}{along}",
        Standing.WAITS: "Waits: {why}; will go {when}{to}{along}",
        Standing.WILL_NOT: "Will not go: {why}{instead}",
        Standing.MISSED: "Will not go: {why}{instead}",
        Standing.SENDING: "Being sent right now{to}",
        Standing.UNCERTAIN: "May have arrived {when}{to}: {why}",
        Standing.FAILED: "Failed {when}{to}: {why}",
    },
}
_SHORT: Mapping[Language, Mapping[str, str]] = {
    Language.ES: {
        "did_not": "No salió",
        "will_not": "No saldrá",
        "waits": "Espera: {why}",
        "when": "el {day} a las {clock}",
        "when_due": "en cuanto toque",
        "day": "%d/%m",
        "long_day": "%d/%m/%Y",
        "to": " a {label} por {medium}",
        "along": ", en un mismo mensaje con {mention}",
        "instead": "; en su lugar, {mention}",
        "hold": " hasta el {until} ({author}, «{reason}»)",
        "of": "{name} de {invoice}",
        "until": "hasta {until}",
        "debts": "deudas anteriores",
    },
    Language.EN: {
        "did_not": "Did not go",
        "will_not": "Will not go",
        "waits": "Waits: {why}",
        "when": "on {day} at {clock}",
        "when_due": "when it is due",
        "day": "%d %b",
        "long_day": "%d %b %Y",
        "to": " to {label} by {medium}",
        "along": ", in one message with {mention}",
        "instead": "; in its place, {mention}",
        "hold": " until {until} ({author}, “{reason}”)",
        "of": "{name} of {invoice}",
        "until": "until {until}",
        "debts": "old debts",
    },
}
_MEDIA: Mapping[Language, Mapping[str, str]] = {
    Language.ES: {
        Medium.EMAIL: "e-mail",
        Medium.CHAT: "chat",
        Medium.PUSH: "notificación",
        Medium.SMS: "SMS",
    },
    Language.EN: {
        Medium.EMAIL: "e-mail",
        Medium.CHAT: "chat",
        Medium.PUSH: "push",
        Medium.SMS: "SMS",
    },
}
_CAPS: Mapping[Language, Mapping[str, str]] = {
    Language.ES: {
        "per_day": "{used} de {limit} hoy",
        "per_week": "{used} de {limit} en 7 días",
        "gap_days": "{limit} días entre avisos (el último: {used})",
        "channels_per_week": "{used} de {limit} canales en 7 días",
        "never": "nunca",
        "days_ago": "hace {days} días",
    },
    Language.EN: {
        "per_day": "{used} of {limit} today",
        "per_week": "{used} of {limit} in 7 days",
        "gap_days": "{limit} days between alerts (the last: {used})",
        "channels_per_week": "{used} of {limit} channels in 7 days",
        "never": "never",
        "days_ago": "{days} days ago",
    },
}
#: The name of a step that is counted from a date (`billing.policy.Step.name`).
_STEP = re.compile(r"[a-z_]*([+-][0-9]+|0)d")
_MARKS = {Says.OK: "✓", Says.WAITS: "…", Says.NEVER: "✗"}


@dataclass(frozen=True, slots=True)
class Words:
    """Sentences in one language.

    Args:
        language: which.
        zone: of the ISP; instants are told on its wall.
        today: the date there; a year is told where it is another one.
        media: the medium of each channel, by its label.
    """

    language: Language
    zone: ZoneInfo
    today: date
    media: Mapping[str, str]

    def sentence(self, entry: Entry) -> str:
        """Say in one sentence what became, or will become, of an alert."""
        short = _SHORT[self.language]
        text = STATES[self.language][entry.state]
        if entry.state is Standing.WAITS and entry.when is None:
            text = short["waits"]
        if entry.recorded and entry.state in {Standing.WILL_NOT, Standing.MISSED}:
            text = text.replace(short["will_not"], short["did_not"], 1)
        said = text.format(
            when=self.moment(entry.when) if entry.when else short["when_due"],
            to=self._to(entry.channel),
            why=self.why(entry.why, entry.hold),
            along=self._about("along", entry.carried_by),
            instead=self._about("instead", entry.replaced_by),
        )
        return f"{said} ({entry.detail})" if entry.detail else said

    def why(self, why: Reason | Absence | None, hold: HoldStory | None = None) -> str:
        """Say a reason, with the words of whoever is the reason."""
        if why is None:
            return "–"
        return WHY[self.language][why].format(hold=self.hold(hold) if hold else "")

    def hold(self, hold: HoldStory) -> str:
        """Say until when, by whom and why something is held."""
        return _SHORT[self.language]["hold"].format(
            until=self.day(hold.until), author=hold.author, reason=hold.reason
        )

    def rule(self, line: RuleLine, entry: Entry) -> str:
        """Say one rule's verdict in one line, with its mark."""
        name, fine = RULES[self.language][line.rule]
        said = fine if line.says is Says.OK else self.why(line.why, entry.hold)
        if line.until is not None:
            until = _SHORT[self.language]["until"].format(until=self.moment(line.until))
            said = f"{said}, {until}"
        return f"{_MARKS[line.says]} {name}: {said}"

    def name(self, alert: Entry | Mention) -> str:
        """Name an alert: its kind and, of those that a date makes us owe, its step."""
        kind = KINDS[self.language][alert.kind]
        return f"{kind} ({alert.step})" if _STEP.fullmatch(alert.step) else kind

    def cap(self, line: CapLine) -> str:
        """Say how a cap stands."""
        words = _CAPS[self.language]
        used = str(line.used)
        if line.cap == "gap_days":
            never = line.used is None
            used = words["never"] if never else words["days_ago"].format(days=line.used)
        return words[line.cap].format(used=used, limit=line.limit)

    def health(self, health: Health) -> str:
        """Say how a channel did lately; nothing of a closed one to which nothing was sent."""
        words = _HEALTH[self.language]
        tries = health.delivered + health.failed + health.uncertain
        if not tries and health.condition is Condition.CLOSED:
            return ""
        lost = "".join(
            words[name].format(number=number)
            for name, number in (("failed", health.failed), ("uncertain", health.uncertain))
            if number
        )
        text = words[health.condition]
        return text.format(delivered=health.delivered, tries=tries, lost=lost)

    def moment(self, at: datetime) -> str:
        """Say an instant on the ISP's wall."""
        wall = at.astimezone(self.zone)
        return _SHORT[self.language]["when"].format(
            day=self.day(wall.date()), clock=f"{wall:%H:%M}"
        )

    def day(self, day: date) -> str:
        """Say a date; the year where it is not this one."""
        form = "day" if day.year == self.today.year else "long_day"
        return day.strftime(_SHORT[self.language][form])

    def _to(self, label: str | None) -> str:
        if label is None:
            return ""
        medium = _MEDIA[self.language].get(self.media.get(label, ""), "?")
        return _SHORT[self.language]["to"].format(label=label, medium=medium)

    def _about(self, form: str, mention: Mention | None) -> str:
        if mention is None:
            return ""
        short = _SHORT[self.language]
        named = short["of"].format(
            name=self.name(mention),
            invoice=mention.invoice or short["debts"],
        )
        return short[form].format(mention=named)


#: How a channel did lately; `{lost}` is filled where something did not arrive for certain.
_HEALTH: Mapping[Language, Mapping[str, str]] = {
    Language.ES: {
        Condition.GOOD: "; bien: llegaron {delivered} de {tries}",
        Condition.SHAKY: "; inestable: llegaron {delivered} de {tries}{lost}",
        Condition.CLOSED: "; cerrado: habían llegado {delivered} de {tries}{lost}",
        Condition.UNTRIED: "; sin envíos en los últimos 30 días",
        "failed": ", {number} sin llegar",
        "uncertain": ", {number} en duda",
    },
    Language.EN: {
        Condition.GOOD: "; good: {delivered} of {tries} arrived",
        Condition.SHAKY: "; shaky: {delivered} of {tries} arrived{lost}",
        Condition.CLOSED: "; closed: {delivered} of {tries} had arrived{lost}",
        Condition.UNTRIED: "; nothing sent in the last 30 days",
        "failed": ", {number} failed",
        "uncertain": ", {number} uncertain",
    },
}

#: What stands before each fact about the customer, and in the heads of invoices.
LABELS: Mapping[Language, Mapping[str, str]] = {
    Language.ES: {
        "paired": "Vinculado",
        "since": "desde {at}",
        "unpaired": "no; se desvinculó {at}",
        "never": "nunca",
        "isp_off": "el ISP está en pausa: no sale nada",
        "channels": "Canales",
        "disabled": "deshabilitado {at}: {why}",
        "removed": "quitado {at}: {why}",
        "no_channels": "ninguno",
        "locale": "Idioma",
        "hours": "Horario",
        "hours_of": "{in_force} ({timezone})",
        "preset": "país {preset}",
        "own": "propio {own}",
        "caps": "Topes",
        "no_caps": "sin topes",
        "holds": "Pausas",
        "hold": "pausa de {what}{words}",
        "promise": "promesa de pago de {what}{words}",
        "pause": "el cliente pidió no recibir avisos de {what}{words}",
        "all": "todas las facturas",
        "steps_off": "No quiere",
        "looked": "Última mirada",
        "trouble": "Problema",
        "held": "Retención",
        "held_run": "la corrida {run} espera al operador: nada sale (alerta sync {isp} "
        "--approve {run}, o --reject {run})",
        "suspended": "Corte",
        "suspended_is": "contratos con el servicio cortado: {contracts}",
        "invoice": "Factura {number}",
        "due": "vence el {day}",
        "second_due": "y el {day}",
        "issued": "emitida el {day}",
        "no_number": "sin número",
        "pending": "pendiente",
        "paid": "pagada",
        "void": "anulada",
        "vanished": "ya no está en Wispro",
        "odd_no_date": "Sin fecha de vencimiento: no hay avisos por fecha.",
        "odd_reversed": "El segundo vencimiento es anterior al primero: no hay avisos por fecha.",
        "odd_far": "Un vencimiento está a más de un año de la emisión: no hay avisos por fecha.",
        "baseline": "Estaba en la primera mirada: lo anterior es historia y no se avisa.",
        "service_cut": "El servicio de esta factura está cortado.",
        "last": "Lo último: {name}. {sentence}.",
        "next": "Lo próximo: {name}. {sentence}.",
        "nothing": "No se envió nada y no hay nada por salir. {name}: {sentence}.",
        "none": "Todavía no hay nada que decir de esta factura.",
        "others": "Resumen de deudas anteriores",
        "about_channels": "Sobre los canales",
        "no_invoices": "No hay facturas abiertas, ni avisos en los últimos 60 días.",
        "as_of_future": "Lo que se decidiría {at} si nada cambia",
        "as_of_past": "Lo que estaba registrado {at}",
        "all_fine": "✓ las {count} reglas, a favor",
        "proof": "Constancia: horario {hours}; topes: {caps}; texto sha256 {sha256}…",
    },
    Language.EN: {
        "paired": "Paired",
        "since": "since {at}",
        "unpaired": "no; unpaired {at}",
        "never": "never",
        "isp_off": "the ISP is paused: nothing goes",
        "channels": "Channels",
        "disabled": "disabled {at}: {why}",
        "removed": "taken away {at}: {why}",
        "no_channels": "none",
        "locale": "Language",
        "hours": "Hours",
        "hours_of": "{in_force} ({timezone})",
        "preset": "country {preset}",
        "own": "own {own}",
        "caps": "Caps",
        "no_caps": "no caps",
        "holds": "Holds",
        "hold": "hold on {what}{words}",
        "promise": "promise to pay {what}{words}",
        "pause": "the customer asked not to hear of {what}{words}",
        "all": "all invoices",
        "steps_off": "Does not want",
        "looked": "Last look",
        "trouble": "Trouble",
        "held": "Breaker",
        "held_run": "run {run} waits for the operator: nothing goes (alerta sync {isp} "
        "--approve {run}, or --reject {run})",
        "suspended": "Cut off",
        "suspended_is": "contracts whose service is cut off: {contracts}",
        "invoice": "Invoice {number}",
        "due": "due {day}",
        "second_due": "and {day}",
        "issued": "issued {day}",
        "no_number": "without a number",
        "pending": "pending",
        "paid": "paid",
        "void": "void",
        "vanished": "no longer in Wispro",
        "odd_no_date": "No due date: no date-based alert.",
        "odd_reversed": "The second due date lies before the first: no date-based alert.",
        "odd_far": "A due date lies more than a year from the issue: no date-based alert.",
        "baseline": "It was there at the first look: what lay before is history, not alerted.",
        "service_cut": "The service of this invoice is cut off.",
        "last": "Last: {name}. {sentence}.",
        "next": "Next: {name}. {sentence}.",
        "nothing": "Nothing was sent and nothing is going to be. {name}: {sentence}.",
        "none": "There is nothing to say about this invoice yet.",
        "others": "Digest of old debts",
        "about_channels": "About the channels",
        "no_invoices": "No open invoices, and no alerts in the last 60 days.",
        "as_of_future": "What would be decided {at} if nothing changes",
        "as_of_past": "What was on record {at}",
        "all_fine": "✓ all {count} rules are in favour",
        "proof": "Evidence: hours {hours}; caps: {caps}; text sha256 {sha256}…",
    },
}
