"""An operator writes a policy: what is refused, what is kept, and what customers get of it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from billing.isps import find_isp
from billing.policy_file import default_text
from tests.support.cli import Cli
from tests.support.marks import on_sqlite
from tests.support.town import SLUG, Town

SOFT = """\
[[step]]
kind = "issued"

[[step]]
kind = "due_soon"
anchor = "first_due"
days = -2
channels = ["email"]
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Give the test a file with a policy that can be used."""
    found = tmp_path / "policy.toml"
    found.write_text(SOFT, "utf-8")
    return found


@on_sqlite
def test_a_policy_is_taken_out_changed_and_put_in_force(
    town: Town, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What `show` prints goes through `check` and `set`, and the customer gets the new steps."""
    monkeypatch.setattr("worker.house.utc_now", town.clock)
    ana = town.customer()
    town.settled(ana)
    town.bill(ana, due_in=6)
    town.go_round()
    file = tmp_path / "policy.toml"
    file.write_text(cli.well_here("policy", "show", SLUG).stdout, "utf-8")
    assert file.read_text("utf-8") == default_text()
    text = default_text().replace("days = -5", "days = -4").replace("days = 14", "days = 10")
    file.write_text(text.replace('# preset = "AR"', 'preset = "AR"'), "utf-8")

    checked = cli.well_here("policy", "check", str(file))
    assert "4 d before first_due" in checked.stdout
    assert "advisory" in checked.stdout
    done = cli.well_here("policy", "set", SLUG, str(file), "--yes", "--by", "ana")
    assert f"{SLUG}: preset: none → AR\n" in done.stdout
    assert f"{SLUG}: caps.per_week: none → 3\n" in done.stdout
    assert f"{SLUG}: removed: due_soon 5 d before first_due" in done.stdout
    assert f"{SLUG}: added: due_soon 4 d before first_due" in done.stdout
    assert "added: overdue 10 d after first_due" in done.stdout
    assert "due_today" not in done.stdout
    assert "1 open invoices are decided anew" in done.stdout
    assert cli.well_here("policy", "show", SLUG).stdout == file.read_text("utf-8")
    shown = cli.well_here("policy", "show", SLUG, "--json").json
    assert (shown["author"], shown["default"]) == ("ana", False)

    town.wait(days=1)
    town.go_round()
    assert town.kinds() == ["issued"]
    town.wait(days=1)
    town.go_round()
    assert town.ends()[-1][:3] == ("due_soon", "-4d", "sent")


@on_sqlite
def test_the_history_tells_who_changed_it(town: Town, cli: Cli, file: Path) -> None:
    """Newest first; the same file again is no version."""
    del town
    assert cli.well_here("policy", "show", SLUG, "--history").stdout.endswith("none\n")
    for by in ("ana", "bruno"):
        done = cli.well_here("policy", "set", SLUG, str(file), "--yes", "--by", by)
    assert "it does the same as the one in force" in done.stdout
    assert "in force already" in done.stdout
    file.write_text(SOFT.replace("-2", "-3"), "utf-8")
    cli.well_here("policy", "set", SLUG, str(file), "--yes", "--by", "carla")

    lines = cli.well_here("policy", "show", SLUG, "--history", "--json").json
    assert [(line["author"], line["in_force"]) for line in lines] == [
        ("carla", True),
        ("ana", False),
    ]
    assert lines[1]["text"] == SOFT
    assert "carla" in cli.well_here("policy", "show", SLUG, "--history").stdout


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (SOFT.replace("due_soon", "due_son"), ["line 5: kind: no such one: 'due_son'; did you"]),
        (SOFT.replace("-2", "2"), ["line 7: days: due_soon from first_due takes -60 to -1; got 2"]),
        (SOFT + "[[step]\n", ["line 9: no TOML, column"]),
        (
            'preset = "ARG"\nhour = "9-18"\n' + SOFT.replace("email", "pigeon"),
            ["line 1: preset: no", "line 2: unknown key 'hour'; did", "line 10: channels: no such"],
        ),
        ('preset = "CO"\nhours = "sun 09:00-12:00"\n' + SOFT, ["line 2: hours: nothing would"]),
        ("", ["line 1: no step"]),
    ],
)
@on_sqlite
def test_a_wrong_file_is_refused_line_by_line(
    town: Town, cli: Cli, file: Path, text: str, lines: list[str]
) -> None:
    """Exit 1, one line for each problem, and the old policy stays."""
    del town
    cli.well_here("policy", "set", SLUG, str(file), "--yes")
    file.write_text(text, "utf-8")
    for words in (("check",), ("set", SLUG)):
        ran = cli.here("policy", *words, str(file), *(("--yes",) if "set" in words else ()))

        assert ran.code == 1
        assert ran.stdout == ""
        said = ran.stderr.splitlines()
        assert len(said) == len(lines), said
        for line, wanted in zip(said, lines, strict=True):
            assert line.startswith(f"error: {wanted}")
    assert cli.well_here("policy", "show", SLUG).stdout == SOFT


@on_sqlite
def test_a_file_that_cannot_be_read_is_named(town: Town, cli: Cli, tmp_path: Path) -> None:
    """A missing file, a folder, a picture."""
    del town
    picture = tmp_path / "logo.png"
    picture.write_bytes(b"\x89PNG\r\n\x1a\n\xff")
    for path in (tmp_path / "none.toml", tmp_path, picture):
        for words in (("check",), ("set", SLUG)):
            ran = cli.here("policy", *words, str(path))
            assert ran.code == 1
            assert ran.stderr.startswith(f"error: FILE: cannot read {path}: ")
            assert ran.stderr.count("\n") == 1


@on_sqlite
def test_a_mark_and_line_ends_of_windows_are_no_error(town: Town, cli: Cli, file: Path) -> None:
    """Operators have all kinds of editors."""
    del town
    file.write_bytes(b"\xef\xbb\xbf" + SOFT.replace("\n", "\r\n").encode())
    cli.well_here("policy", "check", str(file))
    cli.well_here("policy", "set", SLUG, str(file), "--yes")


@pytest.mark.rule(number=19)
@on_sqlite
def test_nothing_is_put_in_force_without_a_yes(
    town: Town, cli: Cli, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where much would move it asks at a terminal; without one it wants --yes."""
    ana = town.customer()
    town.settled(ana)
    town.bill(ana, due_in=2)
    town.sync()
    monkeypatch.setattr("worker.house.utc_now", town.clock)
    asks = ("--ask-above", "0")
    ran = cli.here("policy", "set", SLUG, str(file), *asks)
    assert ran.code == 1
    assert "add --yes" in ran.stderr
    assert "removed: overdue 3 d after first_due" in ran.stdout
    cli.terminal = True
    assert "messages in the next 7 days: " in ran.stdout
    ran = cli.here("policy", "set", SLUG, str(file), *asks, stdin="n\n")
    assert ran.code == 1
    assert "nothing was changed" in ran.stderr
    assert cli.well_here("policy", "show", SLUG).stdout == default_text()
    cli.well_here("policy", "set", SLUG, str(file), *asks, stdin="y\n")
    assert cli.well_here("policy", "show", SLUG).stdout == SOFT


@on_sqlite
def test_an_unreadable_policy_in_force_is_told(town: Town, cli: Cli, file: Path) -> None:
    """Whoever asks what happens gets one line; `show` still prints it; `set` mends it."""
    ana = town.customer()
    town.settled(ana)
    cli.well_here("policy", "set", SLUG, str(file), "--yes")
    with town.house.database.write() as session:
        find_isp(session, SLUG).policy = "from_the_future = 1\n"
    ran = cli.here("account", "show", SLUG, ana.id)
    assert ran.code == 1
    assert ran.stderr.count("\n") == 1
    assert f"cannot read the policy of {SLUG}" in ran.stderr
    ran = cli.here("policy", "show", SLUG)
    assert (ran.code, ran.stdout) == (0, "from_the_future = 1\n")
    assert "error: line 1: unknown key 'from_the_future'" in ran.stderr
    ran = cli.well_here("policy", "set", SLUG, str(file), "--yes")
    assert "cannot be read by this program" in ran.stdout
    cli.well_here("account", "show", SLUG, ana.id)


@on_sqlite
def test_nothing_is_lost_while_a_policy_cannot_be_read(town: Town) -> None:
    """What was planned waits, for days if need be, says why, and goes when it was mended."""
    ana = town.customer()
    town.settled(ana)
    town.bill(ana, due_in=20)
    town.sync()
    town.house.policies.set(SLUG, SOFT, author="ana", now=town.now)
    with town.house.database.write() as session:
        find_isp(session, SLUG).policy = "from_the_future = 1\n"
    for _ in range(3):
        assert town.deliver().deferred == 1
        town.wait(days=1)
    (line,) = town.lines()
    assert (line.state, line.reason) == ("planned", "unforeseen")
    assert "cannot read the policy" in str(line.detail)
    town.house.policies.set(SLUG, SOFT, author="ana", now=town.now)
    town.go_round()
    assert town.kinds() == ["issued"]


@on_sqlite
def test_a_customer_wants_it_otherwise(town: Town, cli: Cli) -> None:
    """Support sets language, quiet hours and steps; what cannot be used is one clear line."""
    ana = town.customer()
    town.settled(ana)
    terms = cli.well_here(
        *("account", "set", SLUG, ana.id, "--locale", "pt-BR", "--hours", "mon-fri 14:00-18:00"),
        *("--off", "due_soon -5d", "--off", "overdue", "--json"),
    ).json
    assert (terms["locale"], terms["hours"]) == ("pt_BR", "mon-fri 14:00-18:00")
    assert terms["steps_off"] == ["due_soon -5d", "overdue"]
    assert cli.well_here("account", "show", SLUG, ana.id, "--json").json == terms
    said = cli.well_here("account", "set", SLUG, ana.id, "--on", "overdue").stdout
    assert "due_soon -5d" in said
    assert "mon-fri 14:00-18:00" in said

    for words, wanted in (
        (("--off", "due_soon -9d"), "error: --off: no such step: 'due_soon -9d'; accepted: "),
        (("--on", "paid"), "error: --on: 'paid' is not off; off are: due_soon -5d"),
        (("--hours", "20-22"), "error: --hours: contact hours are"),
        (("--locale", "Español"), "error: --locale: 'Español' is not a locale"),
    ):
        ran = cli.here("account", "set", SLUG, ana.id, *words)
        assert ran.code == 1
        assert ran.stderr.startswith(wanted)
        assert ran.stderr.count("\n") == 1
    assert cli.here("account", "set", SLUG, "nobody", "--locale", "en").code == 1
    assert cli.well_here("account", "show", SLUG, ana.id, "--json").json["locale"] == "pt_BR"


@on_sqlite
def test_as_a_script_sees_it(cli: Cli, tmp_path: Path) -> None:
    """From the outside: a wrong file is exit 1 and its lines, without a traceback."""
    file = tmp_path / "policy.toml"
    file.write_text("nope = 1\n", "utf-8")
    ran = cli("policy", "check", str(file))

    assert ran.code == 1
    assert ran.stderr.splitlines()[0].startswith("error: line 1: ")
    assert "Traceback" not in ran.text
    file.write_text(SOFT, "utf-8")
    assert cli.well("policy", "check", str(file)).stderr == ""


@pytest.mark.rule(number=7)
def test_a_reminder_waits_for_the_hours_of_the_preset(town: Town, cli: Cli, tmp_path: Path) -> None:
    """A Saturday afternoon is closed in AR; the reminder goes on Monday morning."""
    file = tmp_path / "policy.toml"
    file.write_text(f'preset = "AR"\n{SOFT}', "utf-8")
    cli.well_here("policy", "set", SLUG, str(file), "--yes")
    ana = town.customer()
    town.settled(ana)
    town.wait(days=4, hours=4)  # Saturday, 16:00
    town.bill(ana, due_in=20)
    town.go_round()
    assert town.kinds() == []
    town.wait(days=1, hours=16)
    town.go_round()
    assert town.kinds() == []
    town.wait(hours=1)
    assert (town.now - timedelta(hours=3)).strftime("%A %H:%M") == "Monday 09:00"
    town.go_round()
    assert town.kinds() == ["issued"]
