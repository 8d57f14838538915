"""A month's budget of SMS, from the operator's command to what support reads."""

from __future__ import annotations

import pytest

from notifications.door import warm
from tests.support.cli import Cli
from tests.support.marks import on_sqlite
from tests.support.town import SLUG, Town
from tests.unit.notifications.servers import Provider


@pytest.fixture
def present(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have commands read the clock of the town."""
    monkeypatch.setattr("worker.house.utc_now", town.clock)


@pytest.mark.usefixtures("present")
@on_sqlite
def test_support_reads_why_no_sms_went_and_when_one_will(town: Town, cli: Cli) -> None:
    """Said by the command, seen in the simulation and the doctor, explained for each customer."""
    warm()
    gateway = Provider()
    gateway.answers = [(200, {"result": [{"status": "ok", "message_id": "1"}]})]
    phone = f"smseagle://token@127.0.0.1:{gateway.port}/+5493515000"
    ana, eva = town.customer("Ana Paz"), town.customer("Eva Sol")
    town.pair(ana, f"{phone}01")
    town.pair(eva, f"{phone}02")
    town.sync()
    town.bill(ana, due_in=40)
    town.sync()
    town.deliver()

    assert "no budget; 2026-03 took 2" in cli.well_here("isp", "budget", SLUG, "sms").stdout
    said = cli.well_here("isp", "budget", SLUG, "sms", "3").stdout
    assert "at most 3 segments a month; 2026-03 took 2" in said
    town.bill(eva, due_in=10)
    town.go_round()
    gateway.close()
    assert len(gateway.requests) == 1

    told = cli.well_here("explain", SLUG, eva.id, "--lang", "en").text
    assert "budget of this month for SMS is spent" in told
    (invoice,) = cli.well_here("explain", SLUG, eva.id, "--json").json["invoices"]
    ends = {one["step"]: (one["state"], one["why"]) for one in invoice["entries"]}
    assert ends["-1d"] == ends["0d"] == ("will_not", "budget")
    assert ends["+14d"] == ("will_go", None), "next month has a budget of its own"

    shown = cli.well_here("simulate", SLUG, "--days", "10").stdout
    assert "2 spent and" in shown
    assert "too much, the rest would not go" in shown
    assert "2 of 3 segments" in cli.here("doctor", SLUG).stdout

    cli.well_here("isp", "budget", SLUG, "sms", "none")
    assert cli.well_here("isp", "budget", SLUG, "sms", "--json").json == {
        "month": "2026-03-01", "segments": None, "spent": 2,
    }  # fmt: skip


@pytest.mark.parametrize(
    "words", [("sms", "many"), ("sms", "0"), ("sms", "-5"), ("email", "5"), ("email",)]
)
@on_sqlite
def test_a_wrong_budget_is_one_line_on_stderr(town: Town, cli: Cli, words: tuple[str, ...]) -> None:
    """Nothing is kept of it."""
    ran = cli.here("isp", "budget", SLUG, *words)
    assert ran.code in {1, 2}
    assert ran.stderr
    assert "no budget" in cli.well_here("isp", "budget", SLUG, "sms").stdout
