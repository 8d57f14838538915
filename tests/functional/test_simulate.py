"""`alerta simulate` on a town with invoices; nothing is sent and nothing is written."""

from __future__ import annotations

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
