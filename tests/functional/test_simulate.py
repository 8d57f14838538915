"""`alerta simulate` on a town with invoices; nothing is sent and nothing is written."""

from __future__ import annotations

import pytest

from billing.policy_file import default_text
from tests.support.marks import on_sqlite
from tests.support.town import SLUG, Town


def test_simulate_shows_the_days_and_touches_nothing(town: Town) -> None:
    """The calendar, the JSON and the page are there, and no row is."""
    ana = town.customer()
    town.settled(ana)
    town.bill(ana, due_in=5)
    town.go_round()
    before = town.ends()
    shown = town.cli.here("simulate", SLUG, "--days", "7")
    assert shown.code == 0, shown.stderr
    assert "messages a day" in shown.stdout
    told = town.cli.here("simulate", SLUG, "--days", "7", "--json").json
    assert (told["accounts"], len(told["days"])) == (1, 7)
    page = town.cli.home / "days.html"
    assert town.cli.here("simulate", SLUG, "--html", str(page)).code == 0
    assert "Mensajes por día" in page.read_text(encoding="utf-8")
    assert town.ends() == before


@on_sqlite
def test_the_terminal_speaks_english_and_the_page_spanish(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One language each: days, kinds, reasons, limits and what is assumed."""
    ana = town.customer()
    town.settled(ana)
    town.bill(ana, due_in=5)
    town.sync()
    file = town.cli.home / "policy.toml"
    file.write_text('hours = "mon-fri 09:00-10:00"\n' + default_text(), encoding="utf-8")
    page = town.cli.home / "days.html"
    monkeypatch.setattr("worker.house.utc_now", town.clock)
    town.cli.well_here("simulate", SLUG, "--policy", str(file), "--html", str(page))
    shown = town.cli.here("simulate", SLUG, "--policy", str(file)).text
    told = page.read_text(encoding="utf-8")

    for english, spanish in (
        ("Mon", "<span>lun</span>"),
        ("due today", "Vence hoy"),
        ("it is outside the contact hours", "fuera de horario"),
        ("unless agreed otherwise", "si no se acordó otra cosa"),
        ("Each account owes", "El saldo de cada cuenta"),
    ):
        assert english in " ".join(shown.split()), shown
        assert spanish not in shown
        assert spanish in told


def test_another_policy_is_compared(town: Town) -> None:
    """A file that cannot be read, and a price that is none, say so in one line."""
    file = town.cli.home / "policy.toml"
    file.write_text(town.cli.here("policy", "show", SLUG).stdout, encoding="utf-8")
    told = town.cli.here("simulate", SLUG, "--policy", str(file), "--json").json
    assert told["difference"]["total_more"] == 0
    for given in (("--policy", "nowhere.toml"), ("--sms-price", "dear")):
        refused = town.cli.here("simulate", SLUG, *given)
        assert refused.code == 1
        assert refused.stderr.startswith("error: --")
