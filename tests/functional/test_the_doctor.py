"""An operator asks the doctor how an ISP's Wispro behaves, and what it costs."""

from __future__ import annotations

from datetime import timedelta

import pytest

from billing.habits import recall
from models.isp import Isp
from tests.support.cli import Cli
from tests.support.nameserver import Nameserver
from tests.support.town import SLUG, Town
from worker.doctor import examine
from worker.doctor.finding import Finding
from worker.house import utc_now
from worker.records import Records

HABITS = (
    *("unknown filters", "invoices by state", "contracts by state", "invoices by national id"),
    *("invoices by custom id", "new payments", "order of invoices", "pages", "size"),
)


@pytest.fixture
def town(town: Town) -> Town:
    """Give the ISP two customers, some invoices and a payment."""
    for name in ("Ana Álvarez", "Beto Bravo"):
        client = town.customer(name)
        paid = town.bill(client)
        town.wait(days=1)
        town.bill(client)
        town.state.pay(paid)
    return town


def habits(town: Town, slug: str | None = SLUG) -> dict[str, Finding]:
    """Return what the doctor finds of the ISP, by what it is about."""
    found = examine(town.house, slug)
    prefix = f"{SLUG}: "
    return {f.what.removeprefix(prefix): f for f in found if f.what.startswith(prefix)}


def test_a_wispro_without_bad_habits_costs_nothing(town: Town) -> None:
    """Each habit is a line in plain words with its date, and none of them is a complaint."""
    found = habits(town)
    assert set(HABITS) <= set(found)
    assert all(found[name].ok and found[name].mend is None for name in HABITS)
    assert all(f"(asked {town.now:%Y-%m-%d})" in found[name].found for name in HABITS)
    assert "4 invoices, 2 of them given as pending, 2 contracts, 2 clients" in found["size"].found
    assert "oldest first" in found["order of invoices"].found


@pytest.mark.parametrize(
    ("ignored", "habit", "says"),
    [
        ("/invoicing/invoices?state_eq", "invoices by state", "reads every invoice, 4 of them"),
        ("/contracts?state_eq", "contracts by state", "all are read"),
        (
            "client_national_identification_number_eq",
            "invoices by national id",
            "reads the invoices of all",
        ),
        ("client_custom_id_eq", "invoices by custom id", "cannot be looked at one by one"),
    ],
)
def test_an_ignored_filter_is_said_with_what_it_costs(
    town: Town, ignored: str, habit: str, says: str
) -> None:
    """One complaint, about the one filter, that says what follows."""
    town.state.switches.ignored_filters = [ignored]
    found = habits(town)
    assert [name for name in HABITS if not found[name].ok] == [habit]
    assert says.removeprefix("reads ") in found[habit].found
    assert found[habit].mend


def test_what_costs_nothing_is_no_complaint(town: Town) -> None:
    """A filter that no look needs may be ignored."""
    town.state.switches.ignored_filters = ["created_at_after"]
    found = habits(town)
    assert found["new payments"].ok
    assert "is ignored" in found["new payments"].found


def test_small_pages_and_another_order_cost_something(town: Town) -> None:
    """Both make looks longer, and are said so."""
    town.state.switches.max_per_page = 2
    town.state.switches.newest_first = True
    found = habits(town)
    assert [name for name in HABITS if not found[name].ok] == ["order of invoices", "pages"]
    assert "a page holds 2 records: all invoices are 2 requests" in found["pages"].found


def test_a_named_isp_is_asked_afresh_and_all_of_them_are_remembered(town: Town) -> None:
    """`doctor SLUG` asks Wispro; `doctor` shows what was found last, with that day's date."""
    assert "not asked yet" in habits(town, None)["habits"].found
    first = town.now
    habits(town)
    with town.house.database.read() as session:
        known = recall(session, town.isp_id)
    assert known is not None
    assert known[1] == first

    town.wait(days=3)
    town.state.switches.ignored_filters = ["/invoicing/invoices?state_eq"]
    remembered = habits(town, None)["invoices by state"]
    assert remembered.ok
    assert f"(asked {first:%Y-%m-%d})" in remembered.found
    afresh = habits(town)["invoices by state"]
    assert not afresh.ok
    assert f"(asked {town.now:%Y-%m-%d})" in afresh.found


def test_a_wispro_that_gives_up_midway_is_a_finding(town: Town) -> None:
    """The token is accepted, the questions are not answered: nothing half-known is kept."""
    town.break_wispro("body_500", path="^/contracts$")
    found = habits(town)
    assert found["Wispro"].ok
    assert not found["habits"].ok
    assert "Wispro failed" in found["habits"].found
    with town.house.database.read() as session:
        assert recall(session, town.isp_id) is None


def test_people_read_when_an_isp_rests_and_why(town: Town, cli: Cli) -> None:
    """`doctor` and `isp list` say the state of the circuit in words."""
    assert (habits(town)["circuit"].found, habits(town)["circuit"].ok) == ("closed", True)
    assert "closed" in cli.well_here("isp", "list").stdout
    with town.house.database.write() as session:
        isp = session.get_one(Isp, town.isp_id)
        isp.failures, isp.trouble = 3, "Wispro failed (500)."
        isp.trouble_until = town.now + timedelta(minutes=8)
    found = habits(town)["circuit"]
    assert not found.ok
    assert found.found.startswith("resting until 2026-")
    assert found.found.endswith("after 3 failures: Wispro failed (500).")

    with town.house.database.write() as session:  # a command goes by the real clock
        session.get_one(Isp, town.isp_id).trouble_until = utc_now() - timedelta(minutes=1)
    listed = cli.well_here("isp", "list")
    assert "half-open" in listed.stdout
    assert cli.well_here("isp", "list", "--json").json[0]["failures"] == 3


def test_the_command_shows_it_and_fails_where_something_costs(town: Town, cli: Cli) -> None:
    """`alerta doctor SLUG` is a table for people and an exit code for scripts."""
    town.state.switches.ignored_filters = ["/invoicing/invoices?state_eq"]
    ran = cli.here("doctor", SLUG)
    assert ran.code == 1
    assert "whole-ISP looks read every" in ran.stdout


def test_the_senders_domain_is_asked_for_by_name(town: Town) -> None:
    """`doctor SLUG` says what receivers make of the domain; `doctor` leaves the DNS alone."""
    account = "mailto://127.0.0.1:2525?from=avisos@interatos.com.ar&dkim=s2026"
    town.house.isps.set_transport(SLUG, "email", account, now=town.now)
    zone = {
        "interatos.com.ar TXT": ['"v=spf1 ip4:127.0.0.1 -all"'],
        "interatos.com.ar MX": ["10 mail.interatos.com.ar."],
        "mail.interatos.com.ar A": ["192.0.2.1"],
        "_dmarc.interatos.com.ar TXT": ['"v=DMARC1; p=reject; rua=mailto:d@interatos.com.ar"'],
    }
    with Nameserver(zone) as nameserver:
        town.house.records = lambda: Records(["127.0.0.1"], port=nameserver.port)  # type: ignore[method-assign]
        everywhere = habits(town, None)
        assert not nameserver.asked
        found = habits(town)
    assert "interatos.com.ar SPF" not in everywhere
    assert found["email transport"].ok
    lines = {name: found[f"interatos.com.ar {name}"] for name in ("SPF", "DKIM", "DMARC", "MX")}
    assert [name for name, one in lines.items() if not one.ok] == ["DKIM"]
    assert "s2026._domainkey.interatos.com.ar" in str(lines["DKIM"].mend)


def test_a_made_up_domain_is_not_asked_for(town: Town) -> None:
    """A trial on names that cannot exist is no complaint."""
    assert habits(town)["interatos.example"].found.startswith("not checked")
