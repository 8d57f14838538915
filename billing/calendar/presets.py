"""Contact hours and caps of countries: help to comply, not legal advice.

The table is product.md, section 5, read against the laws that it names:

* CO: Ley 2300 de 2023, art. 3: Monday to Friday 7-19, Saturday 8-15, neither Sundays nor holidays;
  once in contact, neither a second channel within the week nor a second time on the day.
* CL: Ley 19.496, art. 37, as changed by Ley 21.320: working days and hours of the Código de
  Procedimiento Civil, art. 59 (Monday to Saturday 8-20, no holidays); two written contacts a week,
  two days apart; records are kept for two years.
* EC: Ley Orgánica de Defensa del Consumidor, art. 49: Monday to Friday 7-20, no holidays, once a
  day. (The law says once a day by each means; the table is stricter.)
* PE: Ley 29571, art. 62 b: not between 20 and 7, nor on Saturdays, Sundays or holidays.
* BR-SP: Lei estadual 15.426/2014, art. 2: Monday to Friday 8-20, Saturday 8-14, no holidays.
* BR-RJ: the hours of the table, whose source we did not find; that holidays are closed follows the
  state's law on offers by telephone (Lei 4.896/2006, art. 1-A), which itself says 8-18.
* MX: 7-22, from the rules for debt collectors of financial institutions: advisory for ISPs.
* AR: no national rule was found: our own, advisory.
* custom: no rule at all, so that the ISP's own hours and caps are the only ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from billing.calendar.caps import Caps
from billing.calendar.hours import ContactHours


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """What a country asks of those who remind people of debts.

    Args:
        code: how an ISP names it.
        rule: where it comes from.
        text: the hours, in the form of `ContactHours.parse`.
        caps: of unpaid alerts.
        keep_years: how long the evidence of contacts has to be kept; None = no rule.
        advisory: it does not bind ISPs, as far as we know.
        note: what an operator has to know besides, one line.
    """

    code: str
    rule: str
    text: str
    caps: Caps = field(default_factory=Caps)
    keep_years: int | None = None
    advisory: bool = False
    note: str = ""

    @property
    def hours(self) -> ContactHours:
        """The hours; reading them the first time imports the holidays."""
        return ContactHours.parse(self.text)


_ALL = (
    Preset(
        code="CO",
        rule="Ley 2300 de 2023, art. 3",
        text="mon-fri 07:00-19:00, sat 08:00-15:00, no holidays CO",
        caps=Caps(per_day=1, channels_per_week=1),
        note="only over channels that the customer authorised",
    ),
    Preset(
        code="CL",
        rule="Ley 19.496, art. 37 (Ley 21.320)",
        text="mon-sat 08:00-20:00, no holidays CL",
        caps=Caps(per_week=2, gap_days=2),
        keep_years=2,
        note="the kind and frequency of contacts are kept for two years",
    ),
    Preset(
        code="EC",
        rule="Ley Orgánica de Defensa del Consumidor, art. 49",
        text="mon-fri 07:00-20:00, no holidays EC",
        caps=Caps(per_day=1),
    ),
    Preset(
        code="PE",
        rule="Ley 29571, art. 62",
        text="mon-fri 07:00-20:00, no holidays PE",
    ),
    Preset(
        code="BR-SP",
        rule="Lei estadual (SP) 15.426/2014, art. 2",
        text="mon-fri 08:00-20:00, sat 08:00-14:00, no holidays BR-SP",
        note="Anatel: suspension at the earliest 15 days after notice",
    ),
    Preset(
        code="BR-RJ",
        rule="hours: no source found; holidays: Lei estadual (RJ) 4.896/2006, art. 1-A",
        text="mon-fri 09:00-19:00, no holidays BR-RJ",
        note="Anatel: suspension at the earliest 15 days after notice",
    ),
    Preset(
        code="MX",
        rule="rules for debt collectors of financial institutions",
        text="07:00-22:00",
        advisory=True,
        note="advisory for ISPs",
    ),
    Preset(
        code="AR",
        rule="none found",
        text="mon-fri 09:00-20:00, sat 09:00-13:00, no holidays AR",
        caps=Caps(per_day=1, per_week=3),
        advisory=True,
        note="advisory: no national rule was found",
    ),
    Preset(
        code="custom",
        rule="none",
        text="00:00-24:00",
        note="the ISP's own hours and caps are the only ones",
    ),
)
PRESETS: Mapping[str, Preset] = MappingProxyType({one.code: one for one in _ALL})


def preset(code: str) -> Preset:
    """This function will return the preset of that name, in whatever case it was typed.

    Raises:
        ValueError: naming those that exist.
    """
    wanted = code.strip().casefold()
    for name, found in PRESETS.items():
        if name.casefold() == wanted:
            return found
    raise ValueError(f"no such preset: {code!r}; known: {', '.join(PRESETS)}")
