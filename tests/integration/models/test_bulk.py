"""Thousands of rows in few statements, on both databases."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import literal, select
from sqlalchemy.exc import DataError, IntegrityError

from models.alert import Alert
from models.bulk import among, ids_at_once, insert_all, insert_new, insert_new_ids, update_each
from models.database import Database
from models.invoice import Invoice
from tests.integration.models.rows import NOW, add_account, add_invoice, add_isp

SAME = ("account_id", "subject", "kind", "anchor_date", "step")
#: More than one statement of SQLite.
MANY = 601


@pytest.fixture
def account(database):
    """One customer."""
    with database.write() as session:
        return add_account(session, add_isp(session))


def alert(account, subject, **given):
    return {
        "isp_id": account.isp_id, "account_id": account.id, "invoice_id": None, "subject": subject,
        "kind": "due_soon", "anchor": "first_due", "anchor_date": date(2026, 3, 20), "step": "-1d",
        "due_at": NOW, "useful_until": None, "details": {}, "created_at": NOW, **given,
    }  # fmt: skip


def invoice(account, wispro_id, **given):
    return {
        "isp_id": account.isp_id, "account_id": account.id, "wispro_id": wispro_id,
        "state": "pending", "raw_state": "pending", "amount": Decimal(1), "balance": None,
        "baseline": False, "first_seen_at": NOW, "confirmed_at": NOW, "missing_reads": 0,
        "was_pending": True, "concept": None, "fingerprint": None, "plan_at": None, **given,
    }  # fmt: skip


def test_each_new_row_is_told_its_id(database, account):
    """In the order in which they were given, which is the order of the ids."""
    rows = [alert(account, f"invoice:{number}") for number in range(MANY)]
    with database.write() as session:
        ids = insert_new_ids(session, Alert, rows, key=SAME)
    with database.read() as session:
        found = session.execute(select(Alert.id, Alert.subject).order_by(Alert.id)).all()
    assert found == [(row_id, row["subject"]) for row_id, row in zip(ids, rows, strict=True)]
    assert len(found) == MANY


def test_what_is_there_or_comes_twice_has_no_new_id(database, account):
    """The first of two that are the same is the one that counts."""
    with database.write() as session:
        insert_new_ids(session, Alert, [alert(account, "there")], key=SAME)
        rows = [
            alert(account, "there", details={"total": "9"}),
            alert(account, "new", details={"total": "1"}),
            alert(account, "new", details={"total": "2"}),
            alert(account, "new", step="-5d"),
        ]
        ids = insert_new_ids(session, Alert, rows, key=SAME)
    assert [row_id is None for row_id in ids] == [True, False, True, False]
    with database.read() as session:
        found = session.execute(select(Alert.subject, Alert.step, Alert.details)).all()
    assert sorted(found) == [
        ("new", "-1d", {"total": "1"}),
        ("new", "-5d", {}),
        ("there", "-1d", {}),
    ]


def test_every_kind_of_value_comes_back_as_it_was_given(database, account):
    """Money to the last decimal, instants of any zone, a text with whatever a text may hold."""
    concept = "Ñandú \"50 %\" {a,b} \\ 'NULL'\n\t😀 %s"
    seen = datetime(2026, 3, 10, 12, 0, 0, 123456, tzinfo=UTC)
    row = invoice(
        account, "i-1", amount=Decimal("99999999999999.9999"), balance=Decimal("-0.0001"),
        concept=concept, fingerprint=-(2**63), first_seen_at=seen, plan_at=None,
        baseline=True, confirmed_at=seen.astimezone(),
    )  # fmt: skip
    with database.write() as session:
        assert insert_new(session, Invoice, [row, {**row, "amount": Decimal(5)}]) == 1
    with database.read() as session:
        found = session.scalars(select(Invoice)).one()
    assert {name: getattr(found, name) for name in row} == row


@pytest.mark.parametrize(
    "wrong",
    [{"amount": Decimal("0.00001")}, {"plan_at": datetime(2026, 3, 10)}],  # noqa: DTZ001
)
def test_the_types_of_the_columns_still_refuse(database, account, wrong):
    """A fifth decimal, an instant without a zone."""
    with pytest.raises(ValueError, match=r"decimals|naive"), database.write() as session:
        insert_new(session, Invoice, [invoice(account, "i-1", **wrong)])


def test_what_is_too_long_is_refused_and_never_cut(database, account):
    """A cut key would be the key of something else. SQLite knows no length."""
    if database.engine.dialect.name == "sqlite":
        pytest.skip("SQLite knows no length")
    with pytest.raises(DataError), database.write() as session:
        insert_new(session, Invoice, [invoice(account, "i" * 65)])


def test_what_must_not_be_there_is_refused(database, account):
    """`insert_all` takes no row for known."""
    rows = [invoice(account, "i-1"), invoice(account, "i-1")]
    with pytest.raises(IntegrityError), database.write() as session:
        insert_all(session, Invoice, rows)


def test_each_row_is_given_its_own_values(database, account):
    """And those that were not named keep theirs."""
    with database.write() as session:
        ids = [
            add_invoice(session, account, wispro_id=f"i-{number}", plan_at=NOW).id
            for number in range(4)
        ]
    later = NOW + timedelta(days=1)
    with database.write() as session:
        rows = [
            {"steps_until": later, "plan_at": None, "id": ids[2]},
            {"steps_until": None, "plan_at": later, "id": ids[0]},
        ]
        update_each(session, Invoice, rows)
    with database.read() as session:
        found = session.execute(select(Invoice.steps_until, Invoice.plan_at).order_by(Invoice.id))
        assert found.all() == [(None, later), (None, NOW), (later, None), (None, NOW)]


def test_nothing_is_done_about_no_rows(database, account):
    """As when nothing is due."""
    with database.write() as session:
        assert insert_new(session, Invoice, []) == 0
        assert insert_new_ids(session, Alert, [], key=SAME) == []
        insert_all(session, Alert, [])
        update_each(session, Invoice, [])
        assert session.scalars(select(Invoice.id).where(among(session, Invoice.id, []))).all() == []


def test_one_of_many_is_found(database, account):
    """Numbers and texts, whatever they are given as."""
    with database.write() as session:
        ids = [add_invoice(session, account, wispro_id=f"i-{number}").id for number in range(5)]
    with database.read() as session:
        by_id = select(Invoice.id).where(among(session, Invoice.id, {ids[1], ids[3], -7}))
        assert sorted(session.scalars(by_id)) == [ids[1], ids[3]]
        by_text = select(Invoice.id).where(among(session, Invoice.wispro_id, ["i-2", "'"]))
        assert session.scalars(by_text).all() == [ids[2]]


def test_ids_come_at_once(database: Database) -> None:
    """As many as there are, within the query's limit, and none where there are none."""
    with database.read() as session:
        numbers = select(literal(7).label("id")).union_all(select(literal(40)), select(literal(9)))
        some = select(numbers.subquery().c.id)
        assert sorted(ids_at_once(session, some)) == [7, 9, 40]
        assert sorted(ids_at_once(session, some.order_by("id").limit(2))) == [7, 9]
        assert ids_at_once(session, some.where(literal(value=False))) == []
