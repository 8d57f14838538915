"""How an installation stands, as people see it."""

from __future__ import annotations

import io
from datetime import timedelta

import pytest
from rich.console import Console

from billing.overview import CircuitState, HeldRun, LastRun, Trouble
from tests.support.standing import NOW, email_queue, isp_standing, pulse, whole
from worker.cli.status_words import ago, page, short
from worker.pulse import BrokerQueue, Pulse
from worker.watcher import Standing


def drawn(
    standing: Standing, *, alone: bool = False, width: int = 80, height: int | None = None
) -> list[str]:
    """The lines, without colours."""
    console = Console(file=io.StringIO(), width=width, color_system=None)
    console.print(page(standing, alone=alone, width=width, height=height))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


HELD = isp_standing(
    isp="a-provider-with-a-name-that-is-far-too-long-for-a-narrow-screen-12",
    held_run=HeldRun(run=1_204, since=NOW, reason="share", detail="300 of 900 invoices changed"),
    open_invoices=1_234_567, planned_today=99_999, sent_today=123_456, failed_today=99_999,
    uncertain_today=99_999, due=99_999, late_seconds=90_000.0, circuit=CircuitState.RESTING,
    circuit_until=NOW + timedelta(minutes=14), circuit_reason="the token was refused", failures=12,
    queues=[email_queue()], holds=3, reasons_today={"failed/rejected": 12},
    last_run=LastRun(
        run=9, mode="sweep", started_at=NOW, outcome="failed", reason="not_authorized",
        seconds=1.5, requests=3, changed=0,
    ),
    trouble=[Trouble.HELD, Trouble.RESTING, Trouble.FAILED],
)  # fmt: skip


@pytest.mark.parametrize("width", [80, 100, 160])
def test_it_fits_the_screen(width):
    """The longest slug and the largest numbers leave every column readable at 80 columns."""
    lines = drawn(whole(HELD, isp_standing()), width=width)
    assert max(len(line) for line in lines) <= width
    row = next(line for line in lines if line.strip().startswith("a-pro"))
    assert row.split()[1:10] == [
        *("0s", "30m", "1234k", "99999", "123k", "99999", "99999", "99999", "1d")
    ]
    assert "held: run" in row


def test_trouble_comes_first_and_the_rest_is_counted():
    """On a screen of few lines those who need somebody are seen, and it is said who is not."""
    fine = [isp_standing(isp=f"isp-{n:03}") for n in range(100)]
    late = isp_standing(isp="zeta", trouble=[Trouble.LATE])
    lines = drawn(whole(*fine, late, HELD), height=24)
    assert len(lines) <= 24
    shown = [line.split()[0] for line in lines if line.strip().startswith(("a-pro", "zeta", "isp"))]
    assert shown[0].startswith("a-pro")
    assert shown[1:3] == ["zeta", "isp-000"]
    assert lines[-1] == f"… and {102 - len(shown)} more, none of them in trouble"
    tight = drawn(whole(*fine, late, HELD), height=13)
    assert tight[-1] == "… and 101 more, 1 of them in trouble"


def test_one_isp_is_told_whole():
    """Each reason is said, and the command that ends a hold."""
    text = " ".join(" ".join(drawn(whole(HELD), alone=True)).split())
    for words in (
        "run 1204 since 2026-03-10 12:00 · share · 300 of 900 invoices changed",
        "--approve 1204, or --reject 1204",
        "resting until 2026-03-10 12:14 -03 after 12 failures: the token was refused",
        "9: failed · not_authorized · 3 requests, 0 changes, 1.5 s",
        "email 3 wait · 2 due · 1 under way · the oldest for 1m",
        "12 failed: rejected",
    ):
        assert words in text, (words, text)


def test_what_does_not_live_is_said():
    """The broker, beat, the worker of a queue; and how long messages wait."""
    assert any(
        "✗ does not answer" in line
        for line in drawn(whole(broker=Pulse(answers=False, why="does not answer")))
    )
    lines = drawn(whole(broker=pulse(workers=[], beat=None)))
    assert "beat     ✗ has not ticked" in lines
    assert "workers  ✗ sync none  ✗ deliver none  ✗ support none  ✗ listen none" in lines
    waits = [BrokerQueue(queue="sync", waiting=12, oldest_seconds=75.0)]
    lines = drawn(whole(broker=pulse(queues=waits), accounts_resting=2))
    assert "queues   sync 12 (1m) · under way 0" in lines
    assert "sending  accounts: 2 resting" in lines


def test_without_an_isp_it_says_how_to_add_one():
    """A new installation is no error."""
    assert drawn(whole())[-1] == "no ISP yet: alerta isp add"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-3, "0s"), (59, "59s"), (60, "1m"), (3_599, "59m"), (7_200, "2h"), (200_000, "2d")],
)
def test_spans_are_short(seconds, text):
    """The largest unit alone."""
    assert ago(seconds) == text


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0"), (99_999, "99999"), (100_000, "100k"), (12_345_678, "12M")]
)
def test_counts_are_short(number, text):
    """Five characters at most."""
    assert short(number) == text
