"""Policies of ISPs and what one customer wants otherwise, on real rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event, select

from billing.isps import SetupError
from billing.naming import AccountFinder, PairingError
from billing.overrides import OverrideError, Overrides
from billing.planning import Planning
from billing.policies import Policies
from billing.policy import DEFAULT_POLICY
from billing.policy_file import PolicyError, default_text, read_policy
from billing.terms import UnreadablePolicyError, rules_of
from models.account import Account
from models.alert import Alert
from models.database import Database
from models.invoice import Invoice
from models.isp import Isp
from models.policy_version import PolicyVersion
from tests.integration.models.rows import NOW, add_account, add_channel, add_invoice, add_isp
from tests.support.marks import on_sqlite
from tests.support.provider import VAULT

LATER = NOW + timedelta(hours=1)
SLUG = "interatos"
SOFT = '[[step]]\nkind = "due_soon"\nanchor = "first_due"\ndays = -2\n'
HARD = '[[step]]\nkind = "overdue"\nanchor = "first_due"\ndays = 1\n'


@dataclass
class Rows:
    """An ISP with two customers and an ISP next door, each with open and closed invoices."""

    database: Database
    policies: Policies
    overrides: Overrides

    def isp(self, slug: str = SLUG) -> Isp:
        """Return the row of an ISP."""
        with self.database.read() as session:
            return session.scalars(select(Isp).where(Isp.slug == slug)).one()

    def versions(self) -> list[tuple[int, str, str]]:
        """Return (ISP, author, text) of every version."""
        with self.database.read() as session:
            rows = session.scalars(select(PolicyVersion).order_by(PolicyVersion.id))
            return [(row.isp_id, row.author, row.text) for row in rows]

    def woken(self) -> list[str]:
        """Return the invoices that are to be decided on `LATER`."""
        with self.database.read() as session:
            rows = session.scalars(select(Invoice).where(Invoice.plan_at == LATER))
            return sorted(row.wispro_id for row in rows)

    def account(self, client_id: str = "c-1") -> Account:
        """Return the row of a customer of the ISP."""
        with self.database.read() as session:
            mine = select(Account).join(Account.isp).where(Isp.slug == SLUG)
            return session.scalars(mine.where(Account.client_id == client_id)).one()

    def change(self, slug: str = SLUG, **values: Any) -> None:
        """Write columns of an ISP past every check."""
        with self.database.write() as session:
            isp = session.scalars(select(Isp).where(Isp.slug == slug)).one()
            for name, value in values.items():
                setattr(isp, name, value)


@pytest.fixture
def rows(database: Database) -> Rows:
    """Fill the tables."""
    with database.write() as session:
        isp = add_isp(session)
        ana = add_account(session, isp)
        add_channel(session, ana)
        add_invoice(session, ana, plan_at=NOW)
        add_invoice(session, ana, wispro_id="i-2", state="paid")
        add_invoice(session, ana, wispro_id="i-3", vanished_at=NOW)
        add_invoice(session, add_account(session, isp, client_id="c-2"), wispro_id="i-4")
        other = add_isp(session, slug="vecinos")
        add_invoice(session, add_account(session, other), wispro_id="i-5")
    return Rows(
        database, Policies(database), Overrides(database, AccountFinder(VAULT, lambda _: None))
    )


# -- the policy of an ISP -------------------------------------------------------------------------


def test_without_a_file_the_default_holds(rows: Rows) -> None:
    """It has no author, and prints as a file to begin with."""
    shown = rows.policies.show(SLUG)

    assert (shown.text, shown.default, shown.since, shown.author) == (
        *(default_text(), True),
        *(None, None),
    )
    assert rows.policies.history(SLUG) == []
    assert rules_of(rows.isp()).policy is DEFAULT_POLICY


def test_a_policy_is_kept_and_holds(rows: Rows) -> None:
    """The text as it was given, who gave it and when, and only for this ISP."""
    done = rows.policies.set(SLUG, SOFT, author="ana", now=LATER)

    assert (done.changed, done.replanned) == (True, 2)
    shown = rows.policies.show(SLUG)
    assert (shown.text, shown.default, shown.since, shown.author) == (SOFT, False, LATER, "ana")
    assert rules_of(rows.isp()).policy == read_policy(SOFT)
    assert rows.policies.show("vecinos").default
    assert rows.policies.history("vecinos") == []


def test_every_open_invoice_of_the_isp_is_decided_anew(rows: Rows) -> None:
    """Neither the closed ones, nor those that are gone, nor the neighbours'."""
    rows.policies.set(SLUG, SOFT, author="ana", now=LATER)

    assert rows.woken() == ["i-1", "i-4"]


def test_the_same_text_again_changes_nothing(rows: Rows) -> None:
    """Running it a thousand times a day is harmless."""
    rows.policies.set(SLUG, SOFT, author="ana", now=NOW)
    done = rows.policies.set(SLUG, SOFT, author="bruno", now=LATER)

    assert (done.changed, done.replanned) == (False, 0)
    assert rows.woken() == []
    assert [author for _, author, _ in rows.versions()] == ["ana"]
    assert rows.policies.show(SLUG).since == NOW


def test_the_history_has_the_newest_first(rows: Rows) -> None:
    """Every one that was in force, a text that came back included."""
    for number, (text, author) in enumerate([(SOFT, "ana"), (HARD, "bruno"), (SOFT, "carla")]):
        rows.policies.set(SLUG, text, author=author, now=NOW + timedelta(days=number))
    rows.policies.set("vecinos", HARD, author="dora", now=NOW)

    history = rows.policies.history(SLUG)
    assert [(one.author, one.text, one.in_force) for one in history] == [
        ("carla", SOFT, True),
        ("bruno", HARD, False),
        ("ana", SOFT, False),
    ]
    assert history[0].since == NOW + timedelta(days=2)
    assert rows.policies.show(SLUG).author == "carla"


@pytest.mark.parametrize(
    ("text", "author", "words"),
    [
        ("nope = 1", "ana", "line 1: unknown key"),
        ("[[step]", "ana", "line 1: no TOML"),
        (HARD, " ", "--by: one line"),
        (HARD, "a" * 101, "--by: one line"),
        (HARD, "a\nb", "--by: one line"),
        (f'preset = "PE"\n{HARD}', "ana", "never open within those of preset PE"),
    ],
)
@on_sqlite
def test_what_is_refused_leaves_the_old_one(rows: Rows, text: str, author: str, words: str) -> None:
    """Not a row is touched."""
    rows.policies.set(SLUG, SOFT, author="ana", now=NOW)
    rows.change(contact_hours="sat 09:00-13:00")
    with pytest.raises((PolicyError, SetupError), match=words):
        rows.policies.set(SLUG, text, author=author, now=LATER)

    assert rows.isp().policy == SOFT
    assert len(rows.versions()) == 1
    assert rows.woken() == []


def test_all_or_nothing(rows: Rows) -> None:
    """If the version cannot be kept, neither the policy nor the plans of its invoices change."""

    @event.listens_for(rows.database.engine, "before_cursor_execute")
    def fail(*given: Any) -> None:
        if "INSERT INTO policy_version" in given[2]:
            raise RuntimeError("the disk is full")

    try:
        with pytest.raises(RuntimeError):
            rows.policies.set(SLUG, SOFT, author="ana", now=LATER)
    finally:
        event.remove(rows.database.engine, "before_cursor_execute", fail)

    assert rows.isp().policy is None
    assert rows.woken() == []
    assert rows.versions() == []


def test_the_isp_is_locked_before_its_invoices(rows: Rows) -> None:
    """As a sync does that lays down what it found: else the two would wait for each other."""
    said: list[str] = []

    @event.listens_for(rows.database.engine, "before_cursor_execute")
    def listen(*given: Any) -> None:
        said.append(given[2].split(" SET ")[0])

    try:
        rows.policies.set(SLUG, SOFT, author="ana", now=LATER)
    finally:
        event.remove(rows.database.engine, "before_cursor_execute", listen)
    assert [one for one in said if one.startswith("UPDATE")] == ["UPDATE isp", "UPDATE invoice"]


@pytest.mark.parametrize("what", ["show", "history", "compare", "set"])
@on_sqlite
def test_an_unknown_isp_is_named(rows: Rows, what: str) -> None:
    """With those that exist."""
    calls: dict[str, Callable[[], object]] = {
        "show": lambda: rows.policies.show("nadie"),
        "history": lambda: rows.policies.history("nadie"),
        "compare": lambda: rows.policies.compare("nadie", SOFT),
        "set": lambda: rows.policies.set("nadie", SOFT, author="ana", now=NOW),
    }
    with pytest.raises(SetupError, match="known: interatos, vecinos"):
        calls[what]()


@on_sqlite
def test_two_policies_are_compared_before_one_is_kept(rows: Rows) -> None:
    """What is in force and what would be; nothing is written."""
    assert rows.policies.compare(SLUG, SOFT) == (DEFAULT_POLICY, read_policy(SOFT))
    rows.policies.set(SLUG, SOFT, author="ana", now=NOW)
    assert rows.policies.compare(SLUG, HARD) == (read_policy(SOFT), read_policy(HARD))
    assert rows.isp().policy == SOFT
    with pytest.raises(PolicyError):
        rows.policies.compare(SLUG, "")


# -- what it means --------------------------------------------------------------------------------


@on_sqlite
def test_the_strictest_hours_hold(rows: Rows) -> None:
    """The policy's hours take the place of the ISP's; the preset's hold besides."""
    assert str(rules_of(rows.isp()).calendar.hours) == "09:00-19:00"
    for head, hours in (
        ('preset = "CO"\n', "mon-fri 09:00-19:00, sat 09:00-15:00, no holidays CO"),
        ('hours = "07:00-21:00"\n', "07:00-21:00"),
        ('preset = "PE"\nhours = "06:00-12:00"\n', "mon-fri 07:00-12:00, no holidays PE"),
    ):
        rows.policies.set(SLUG, head + SOFT, author="ana", now=NOW)
        assert str(rules_of(rows.isp()).calendar.hours) == hours


@on_sqlite
def test_the_policys_zone_holds(rows: Rows) -> None:
    """Else the ISP's."""
    assert rules_of(rows.isp()).calendar.zone.key == "America/Argentina/Cordoba"
    rows.policies.set(SLUG, f'timezone = "Asia/Tokyo"\n{SOFT}', author="ana", now=NOW)
    assert rules_of(rows.isp()).calendar.zone.key == "Asia/Tokyo"


@on_sqlite
def test_the_planner_goes_by_the_policy(rows: Rows) -> None:
    """Two days before the date a step of the file is due, and one of the default is not."""
    rows.policies.set(SLUG, SOFT, author="ana", now=NOW)
    planning = Planning(rows.database)
    planning.tick(now=NOW)
    planning.tick(now=datetime(2026, 3, 18, 15, 0, tzinfo=UTC))

    with rows.database.read() as session:
        isp_id = rows.isp().id
        alerts = session.scalars(select(Alert).where(Alert.isp_id == isp_id)).all()
        assert {(one.kind, one.step) for one in alerts} == {("due_soon", "-2d")}


@on_sqlite
def test_an_unreadable_policy_stops_its_isp_and_says_so(rows: Rows) -> None:
    """Kept by another program: it is shown, never taken for the default, and can be replaced."""
    rows.change(policy='from_the_future = 1\n[[step]]\nkind = "pigeon"\n')

    with pytest.raises(UnreadablePolicyError) as caught:
        rules_of(rows.isp())
    said = str(caught.value)
    assert "policy of interatos" in said
    assert "line 1: unknown key 'from_the_future'" in said
    assert "(and 1 more)" in said
    assert said.endswith("see alerta policy show interatos")
    assert "\n" not in said
    shown = rows.policies.show(SLUG)
    assert shown.text.startswith("from_the_future")
    assert (shown.default, shown.since, shown.author) == (False, None, None)
    assert rows.policies.compare(SLUG, SOFT) == (None, read_policy(SOFT))
    rows.policies.set(SLUG, SOFT, author="ana", now=LATER)
    assert rules_of(rows.isp()).policy == read_policy(SOFT)


def test_nobody_waits_behind_an_unreadable_policy(
    rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The neighbours are planned; its own invoices are when it was mended."""
    monkeypatch.setattr("billing.planning.BATCH", 1)
    planning, later = Planning(rows.database), datetime(2026, 3, 19, 15, 0, tzinfo=UTC)
    planning.tick(now=NOW)
    rows.change(policy="from_the_future = 1\n")
    rows.policies.set("vecinos", SOFT, author="dora", now=NOW)
    planning.tick(now=later)

    def planned() -> set[int]:
        with rows.database.read() as session:
            return set(session.scalars(select(Alert.isp_id)))

    assert planned() == {rows.isp("vecinos").id}
    rows.policies.set(SLUG, SOFT, author="ana", now=later)
    planning.tick(now=later)
    assert planned() == {rows.isp("vecinos").id, rows.isp().id}


# -- what one customer wants otherwise ------------------------------------------------------------


def test_a_customers_own_terms_are_kept(rows: Rows) -> None:
    """Language, hours and steps; only their open invoices are decided anew."""
    terms = rows.overrides.set(
        *(SLUG, "c-1"),
        now=LATER,
        locale="pt-BR",
        hours="mon-fri 15:00-21:00",
        off=["due_soon  -5d", "paid"],
    )

    account = rows.account()
    assert (account.locale, account.contact_hours) == ("pt_BR", "mon-fri 15:00-21:00")
    assert account.steps_off == ["due_soon -5d", "paid"]
    assert (terms.locale, terms.hours) == ("pt_BR", "mon-fri 15:00-19:00")
    assert terms.steps_off == ("due_soon -5d", "paid")
    assert "overdue +3d" in terms.steps
    assert rows.woken() == ["i-1"]
    assert rows.overrides.show(SLUG, "c-1") == terms
    assert rows.account("c-2").steps_off == []


@on_sqlite
def test_what_is_not_named_stays_and_default_takes_it_back(rows: Rows) -> None:
    """Each term by itself."""
    rows.overrides.set(SLUG, "c-1", now=NOW, locale="en", hours="10:00-12:00", off=["overdue"])
    assert rows.overrides.set(SLUG, "c-1", now=NOW, locale="default").own_hours == "10:00-12:00"
    terms = rows.overrides.set(SLUG, "c-1", now=NOW, hours="default", on=["overdue"])

    assert (terms.locale, terms.own_locale) == ("es_AR", None)
    assert (terms.hours, terms.own_hours) == ("09:00-19:00", None)
    assert terms.steps_off == ()


@on_sqlite
def test_steps_come_back_one_by_one_or_by_kind(rows: Rows) -> None:
    """A step that the policy no longer has can be brought back too."""

    def changed(**how: Any) -> list[str]:
        return list(rows.overrides.set(SLUG, "c-1", now=NOW, **how).steps_off)

    assert changed(off=["due_soon -5d", "due_soon -1d", "overdue"]) == [
        *("due_soon -5d", "due_soon -1d", "overdue"),
    ]
    assert changed(off=["overdue"]) == ["due_soon -5d", "due_soon -1d", "overdue"]
    assert changed(on=["due_soon -5d"]) == ["due_soon -1d", "overdue"]
    rows.policies.set(SLUG, SOFT, author="ana", now=NOW)
    assert changed(on=["due_soon"], off=["due_soon -2d"]) == ["overdue"]
    assert changed(on=["overdue"]) == []


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"locale": "spanish"}, "--locale: 'spanish' is not a locale"),
        ({"locale": ""}, "--locale: '' is not a locale"),
        ({"hours": "9-19"}, "--hours: contact hours are"),
        ({"hours": ""}, "--hours: contact hours are"),
        ({"hours": "20:00-22:00"}, "--hours: nothing would ever go"),
        ({"hours": "09:00-18:00" + " " * 200}, "--hours: at most 200"),
        ({"off": ["due_soon -2d"]}, "--off: no such step: 'due_soon -2d'; accepted: changed"),
        ({"off": ["digest"]}, "--off: no such step"),
        ({"off": ["due_soon first_due"]}, "--off: no such step"),
        ({"on": ["voided"]}, "--on: 'voided' is not off; off are: overdue"),
        ({"on": ["overdue +3d"]}, "--on: overdue is off as a whole: --on overdue"),
    ],
)
@on_sqlite
def test_terms_that_cannot_be_used_change_nothing(
    rows: Rows, given: dict[str, Any], words: str
) -> None:
    """What else was asked for at the same time does not happen either."""
    rows.overrides.set(SLUG, "c-1", now=NOW, locale="en", hours="10:00-12:00", off=["overdue"])
    wanted: dict[str, Any] = {"locale": "pt_BR", "hours": "11:00-12:00", "off": ["issued"]}
    with pytest.raises(OverrideError) as caught:
        rows.overrides.set(SLUG, "c-1", now=LATER, **(wanted | given))

    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    account = rows.account()
    assert (account.locale, account.contact_hours, account.steps_off) == (
        *("en", "10:00-12:00"),
        ["overdue"],
    )
    assert rows.woken() == []


@on_sqlite
def test_everything_wrong_with_a_customers_terms_is_told_at_once(rows: Rows) -> None:
    """A line each."""
    with pytest.raises(OverrideError) as caught:
        rows.overrides.set(SLUG, "c-1", now=NOW, locale="x", hours="x", off=["x"], on=["x"])
    assert [line.split(":")[0] for line in str(caught.value).split("\n")] == [
        *("--locale", "--hours", "--off", "--on"),
    ]


@on_sqlite
def test_quiet_hours_are_weighed_against_the_preset(rows: Rows) -> None:
    """The evening that the ISP leaves open may be closed by the country."""
    rows.policies.set(SLUG, f'preset = "EC"\nhours = "07:00-22:00"\n{SOFT}', author="a", now=NOW)
    with pytest.raises(OverrideError, match="mon-fri 07:00-20:00, no holidays EC"):
        rows.overrides.set(SLUG, "c-1", now=NOW, hours="20:00-22:00")


@on_sqlite
def test_an_unknown_customer_is_told(rows: Rows) -> None:
    """Before anything is changed."""
    with pytest.raises(PairingError, match="no account of ours matches"):
        rows.overrides.set(SLUG, "nobody", now=NOW, locale="en")
    with pytest.raises(PairingError, match="no account of ours matches"):
        rows.overrides.show(SLUG, "nobody")
