"""What a migration makes of rows that were there before."""

from __future__ import annotations

import pytest
from alembic import command
from sqlalchemy import text

from models.database import make_engine
from models.schema import _config, migrate, present_revision


@pytest.fixture
def before(empty_database_url):
    """A database at the revision before channels had an order, with two customers."""
    engine = make_engine(empty_database_url)
    command.upgrade(_config(engine), "0009")
    at = "2026-03-10 15:00:00"
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO isp (id, slug, name, base_url, token_sealed, timezone, locale,"
                " currency, contact_hours, minimum_amount, debt_sign, requests_per_second,"
                " enabled, created_at, failures, hold_share, hold_at_least, hold_volume)"
                " VALUES (1, 'a', 'A', '-', '-', 'UTC', 'es_AR', 'ARS', '00:00-24:00', '0',"
                " 'negative', 2.0, :yes, :at, 0, 10, 20, 5)"
            ),
            {"yes": True, "at": at},
        )
        for account in (1, 2):
            connection.execute(
                text(
                    "INSERT INTO account (id, isp_id, client_id, name) VALUES (:id, 1, :who, 'Ana')"
                ),
                {"id": account, "who": f"c-{account}"},
            )
        for number, account in ((1, 1), (2, 2), (3, 1), (4, 1), (5, 2)):
            connection.execute(
                text(
                    "INSERT INTO channel (id, account_id, scheme, medium, destination_sealed,"
                    " destination_digest, needs_transport, label, created_at)"
                    " VALUES (:id, :account, 'email', 'email', '-', :digest, :yes, '-', :at)"
                ),
                {"id": number, "account": account, "digest": f"d-{number}", "yes": True, "at": at},
            )
    yield engine
    engine.dispose()


def positions(engine):
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT id, position FROM channel ORDER BY id"))
        return [tuple(row) for row in rows]


def test_channels_keep_the_order_in_which_they_were_added(before):
    """Each account counts for itself, and the way back leads to where it began."""
    migrate(before)
    assert positions(before) == [(1, 1), (2, 1), (3, 2), (4, 3), (5, 2)]

    command.downgrade(_config(before), "0009")
    assert present_revision(before) == "0009"
    migrate(before)
    assert positions(before) == [(1, 1), (2, 1), (3, 2), (4, 3), (5, 2)]


def test_customers_are_found_by_what_was_known_of_them(before):
    """Names are taken apart, numbers of invoices end somewhere, clients are read again."""
    with before.begin() as connection:
        connection.execute(text("UPDATE account SET name = 'Núñez, Ana-María' WHERE id = 2"))
        connection.execute(text("UPDATE account SET fingerprint = 7"))
        for number, said in ((1, "A-0001-00793"), (2, "B 0"), (3, None), (4, "borrador")):
            connection.execute(
                text(
                    "INSERT INTO invoice (id, isp_id, account_id, wispro_id, number, state,"
                    " raw_state, amount, baseline, first_seen_at, confirmed_at, missing_reads,"
                    " was_pending) VALUES (:id, 1, 1, :wispro, :said, 'paid', 'paid', 0, :yes,"
                    " '2026-03-10 15:00:00', '2026-03-10 15:00:00', 0, :yes)"
                ),
                {"id": number, "wispro": f"i-{number}", "said": said, "yes": True},
            )
    migrate(before)
    with before.connect() as connection:

        def rows(query):
            return [tuple(row) for row in connection.execute(text(query))]

        words = rows("SELECT account_id, word, isp_id FROM account_word ORDER BY account_id, word")
        assert words == [(1, "ana", 1), (2, "ana", 1), (2, "maria", 1), (2, "nunez", 1)]
        ends = rows("SELECT id, number_end FROM invoice ORDER BY id")
        assert ends == [(1, "793"), (2, "0"), (3, None), (4, None)]
        assert rows("SELECT fingerprint FROM account") == [(None,), (None,)]
