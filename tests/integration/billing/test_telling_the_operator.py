"""The operator is told once, at once, and knows what became of the telling."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update
from structlog.testing import capture_logs

from billing.ending import LEASE, MAX_TRIES
from billing.notices import USEFUL_FOR, tell_operator
from billing.values import NoticeKind
from models import notice_claims
from models.database import Database
from models.operator import OperatorChannel, OperatorNotice
from tests.support.marks import on_sqlite
from tests.support.town import SLUG, Town

OPERATOR = "noc@interatos.example"
HELD = {"run": "12", "reason": "share", "changed": "640", "open": "1890", "planned": "310"}


def tell(town: Town, kind: NoticeKind = NoticeKind.SYNC_HELD, subject: str = "run:12") -> int:
    """Write a notice down in a transaction of its own."""
    with town.house.database.write() as session:
        return tell_operator(session, town.isp_id, kind, subject, HELD, now=town.now)


def notices(town: Town) -> list[OperatorNotice]:
    """Return every notice."""
    with town.house.database.read() as session:
        return list(session.scalars(select(OperatorNotice).order_by(OperatorNotice.id)))


@pytest.fixture
def told(town: Town) -> Town:
    """Give the ISP an operator with one e-mail address."""
    town.house.operators.add(SLUG, OPERATOR, now=town.now)
    return town


def test_the_operator_is_told_once_at_any_hour(told: Town) -> None:
    """However often the same thing is told and the task runs, one message arrives, at night too."""
    told.now = told.now.replace(hour=7)  # four in the morning in Córdoba
    assert [tell(told), tell(told)] == [1, 0]

    assert told.house.telling.run(told.clock) == {"sent": 1}
    assert told.house.telling.run(told.clock) == {}

    (letter,) = told.letters
    assert letter.recipient == OPERATOR
    assert "Interatos sas" in letter.subject
    for text in (" ".join(letter.text.split()), letter.html):
        assert f"alerta sync {SLUG} --approve 12" in text
        assert f"alerta sync {SLUG} --reject 12" in text
        assert "640 de 1890" in text
    assert (letter.qr, letter.pdf) == (None, None)
    (row,) = notices(told)
    assert (row.state, row.reason, row.tries) == ("sent", None, 1)
    assert row.sent_at == told.now


def test_each_channel_kind_and_subject_is_a_notice_of_its_own(told: Town) -> None:
    """Two destinations are told both; another run is another notice, another kind as well."""
    told.house.operators.add(SLUG, "dueno@interatos.example", now=told.now)
    told.house.operators.add(SLUG, OPERATOR, now=told.now)  # known already

    assert tell(told) == 2
    assert tell(told, subject="run:13") == 2
    assert tell(told, kind=NoticeKind.SYNC_RESUMED) == 2
    assert told.house.telling.run(told.clock) == {"sent": 6}
    assert len({letter.message_id for letter in told.letters}) == 6


@on_sqlite
def test_nobody_to_tell_is_logged(town: Town) -> None:
    """Without an operator nothing is written, and the log says so."""
    with capture_logs() as logs:
        assert tell(town) == 0

    assert [entry["event"] for entry in logs] == ["operator.nobody_to_tell"]
    assert notices(town) == []


@on_sqlite
def test_what_was_told_is_undone_with_what_happened(told: Town) -> None:
    """A notice belongs to the transaction that caused it."""

    def fails() -> None:
        with told.house.database.write() as session:
            tell_operator(session, told.isp_id, NoticeKind.SYNC_HELD, "run:9", HELD, now=told.now)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fails()
    assert notices(told) == []


@on_sqlite
def test_a_refusal_for_now_is_tried_again_and_not_for_ever(told: Town) -> None:
    """Waits grow; the sixth try is the last, and each has its reason."""
    told.inbox.answer = "451 4.3.0 later"
    tell(told)

    seen = []
    for _ in range(MAX_TRIES + 2):
        told.house.telling.run(told.clock)
        (row,) = notices(told)
        seen.append((row.state, row.reason, row.tries))
        told.now = max(row.not_before, told.now + timedelta(seconds=1))

    assert seen[0] == ("planned", "provider_trouble", 1)
    assert seen[MAX_TRIES - 1 :] == [("failed", "tries_spent", MAX_TRIES)] * 3


@on_sqlite
def test_a_wait_is_kept(told: Town) -> None:
    """A notice that was put off does not go before its time."""
    told.inbox.answer = "451 4.3.0 later"
    tell(told)
    told.house.telling.run(told.clock)
    told.inbox.answer = "250 kept"

    told.wait(seconds=59)
    assert told.house.telling.run(told.clock) == {}
    told.wait(seconds=1)
    assert told.house.telling.run(told.clock) == {"sent": 1}


@on_sqlite
def test_after_two_days_it_is_news_no_more(told: Town) -> None:
    """Up to the last second a notice goes, from then on it is skipped as missed."""
    tell(told)
    tell(told, subject="run:13")
    with told.house.database.write() as session:
        session.execute(
            update(OperatorNotice)
            .where(OperatorNotice.subject == "run:13")
            .values(useful_until=told.now + USEFUL_FOR + timedelta(seconds=1))
        )
    told.now += USEFUL_FOR

    assert told.house.telling.run(told.clock) == {"skipped": 1, "sent": 1}
    assert [(row.state, row.reason) for row in notices(told)] == [
        ("skipped", "missed"),
        ("sent", None),
    ]


@on_sqlite
def test_without_a_sending_account_it_waits_for_one(told: Town) -> None:
    """The notice says what is missing and goes once it is there."""
    told.house.operators.add(SLUG, "ntfy:un-tema", now=told.now)
    with told.house.database.write() as session:
        session.execute(
            update(OperatorChannel)
            .where(OperatorChannel.scheme == "email")
            .values(scheme="telegram", destination_sealed=told.house.vault.seal("1"))
        )
    tell(told)

    assert told.house.telling.run(told.clock) == {"planned": 2}
    assert {row.reason for row in notices(told)} == {"no_transport"}
    assert f"alerta isp transport {SLUG} ntfy URL" in str(notices(told)[1].detail)


@on_sqlite
def test_a_destination_that_no_key_opens_is_a_reason(told: Town) -> None:
    """What cannot be opened fails with a reason, and the others are told."""
    told.house.operators.add(SLUG, "dueno@interatos.example", now=told.now)
    with told.house.database.write() as session:
        session.execute(
            update(OperatorChannel)
            .where(OperatorChannel.label.startswith("n"))
            .values(destination_sealed="v1:nonsense")
        )
    tell(told)

    assert told.house.telling.run(told.clock) == {"failed": 1, "sent": 1}
    assert notices(told)[0].reason == "unreadable_secret"


@on_sqlite
def test_a_worker_that_dies_before_the_call_loses_nothing(told: Town) -> None:
    """A claim that never began is planned again when its lease runs out, and goes once."""
    tell(told)
    with told.house.database.write() as session:
        until = told.now + LEASE
        assert len(notice_claims.claim(session, limit=5, now=told.now, lease_until=until)) == 1
    assert told.house.telling.run(told.clock) == {}

    told.now += LEASE
    assert told.house.telling.run(told.clock) == {"sent": 1}
    assert len(told.letters) == 1


@on_sqlite
def test_a_worker_that_dies_after_the_call_is_uncertain(told: Town) -> None:
    """A claim that had begun may have arrived: nobody sends it again by itself."""
    tell(told)
    with told.house.database.write() as session:
        until = told.now + LEASE
        ((notice_id, attempt),) = notice_claims.claim(
            session, limit=5, now=told.now, lease_until=until
        )
        begun = notice_claims.begin(session, notice_id, attempt, now=told.now, lease_until=until)
        assert begun == 1

    told.now += LEASE
    assert told.house.telling.run(told.clock) == {}
    (row,) = notices(told)
    assert (row.state, row.reason, len(told.letters)) == ("uncertain", "interrupted", 0)


@on_sqlite
def test_who_lost_the_claim_sends_and_settles_nothing(told: Town) -> None:
    """Every later write names its attempt: an overtaken worker changes nothing."""
    tell(told)
    with told.house.database.write() as session:
        ((notice_id, attempt),) = notice_claims.claim(
            session, limit=5, now=told.now, lease_until=told.now + LEASE
        )
    told.now += LEASE
    with told.house.database.write() as session:
        late = notice_claims.begin(
            session, notice_id, attempt, now=told.now, lease_until=told.now + LEASE
        )
        assert late is None  # nobody else holds it yet, but its time is over
        assert notice_claims.recover(session, now=told.now) == (1, 0)
        ((_, other),) = notice_claims.claim(
            session, limit=5, now=told.now, lease_until=told.now + LEASE
        )
        begin = notice_claims.begin(
            session, notice_id, attempt, now=told.now, lease_until=told.now + LEASE
        )
        assert begin is None
        assert not notice_claims.settle(session, notice_id, attempt, state="sent")
        assert not notice_claims.give_back(session, notice_id, attempt)
        assert notice_claims.give_back(session, notice_id, other)


def test_two_workers_tell_each_thing_once(told: Town, database_url: str) -> None:
    """Four at once: twenty notices, twenty messages."""
    for number in range(20):
        tell(told, subject=f"run:{number}")

    def work(_: int) -> list[tuple[int, int]]:
        mine = Database(database_url)
        try:
            with mine.write() as session:
                return notice_claims.claim(
                    session, limit=8, now=told.now, lease_until=told.now + LEASE
                )
        finally:
            mine.close()

    with ThreadPoolExecutor(4) as pool:
        claimed = [pair for mine in pool.map(work, range(4)) for pair in mine]
    assert len(claimed) == len(set(claimed)) == 20


@on_sqlite
def test_a_channel_that_is_taken_away_is_told_nothing(told: Town) -> None:
    """Removing a destination ends what waited for it."""
    tell(told)
    assert told.house.operators.remove(SLUG, OPERATOR) == "n…@interatos.example"

    assert told.house.telling.run(told.clock) == {}
    assert (notices(told), told.letters) == ([], [])


@on_sqlite
def test_what_nobody_foresaw_keeps_nobody_else_waiting(
    told: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An unforeseen error is raised, and the other notices go with the next run."""
    tell(told)
    tell(told, subject="run:13")
    send: Callable[..., Any] = told.house.messenger.render_notice
    calls: list[int] = []

    def stumble(*args: Any, **more: Any) -> Any:
        calls.append(1)
        if len(calls) == 1:
            raise RuntimeError("nobody foresaw this")
        return send(*args, **more)

    monkeypatch.setattr(told.house.messenger, "render_notice", stumble)
    with pytest.raises(RuntimeError):
        told.house.telling.run(told.clock)
    assert told.house.telling.run(told.clock) == {"sent": 1}
    assert [row.state for row in notices(told)] == ["sending", "sent"]
