"""A policy as a file: what it means, and what is refused on which line."""

from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as some

from billing.calendar import Caps, ContactHours, preset
from billing.policy import DEFAULT_POLICY, EVENTS, Anchor, Manner, Step
from billing.policy_file import LONGEST_FILE, MOST_STEPS, PolicyError, default_text, read_policy
from billing.policy_sense import SENSE
from billing.values import AlertKind

STEP = '[[step]]\nkind = "due_soon"\nanchor = "first_due"\ndays = -5\n'


def problems(text):
    """Return what is wrong with a text, each with its line."""
    with pytest.raises(PolicyError) as caught:
        read_policy(text)
    found = []
    for line in str(caught.value).split("\n"):
        head, colon, what = line.partition(": ")
        assert colon
        assert head.startswith("line ")
        assert what.isprintable()
        found.append((int(head.removeprefix("line ")), what))
    return found


def step(**keys):
    """Return a [[step]]; values as TOML writes them."""
    return "[[step]]\n" + "".join(f"{name} = {value}\n" for name, value in keys.items())


def dated(kind, anchor, days, **keys):
    """Return a date-driven [[step]]."""
    return step(kind=f'"{kind}"', anchor=f'"{anchor}"', days=days, **keys)


# -- what it means --------------------------------------------------------------------------------


def test_the_default_file_is_the_default_policy():
    """What `show` prints for an ISP without a file is what holds for it."""
    assert read_policy(default_text()) == DEFAULT_POLICY


def test_every_key_is_read():
    """Each key of the file reaches the policy, exactly."""
    policy = read_policy(
        'timezone = "America/Bogota"\npreset = "co"\nhours = "mon-fri 09:00-18:00"\n'
        'minimum_amount = "500.10"\ndigest_from = 0\ncatch_up_days = 3\noverdue_gap_hours = 72\n'
        "[caps]\nper_day = 2\nper_week = 3\ngap_days = 4\nchannels_per_week = 5\n"
        + dated("due_soon", "first_due", -3, channels='["email", "telegram"]', capped="true")
        + dated("overdue", "first_due", 4, template='"issued"')
        + dated("cutoff_warning", "previous", 10)
        + step(kind='"paid"', channels='["chat"]')
    )

    assert policy.timezone == "America/Bogota"
    assert policy.preset is preset("CO")
    assert policy.hours == ContactHours.parse("mon-fri 09:00-18:00")
    assert policy.minimum == Decimal("500.10")
    assert policy.digest_from == 0
    assert policy.catch_up == timedelta(days=3)
    assert policy.overdue_gap == timedelta(hours=72)
    assert policy.caps == Caps(per_day=2, per_week=3, gap_days=4, channels_per_week=5)
    assert policy.steps == (
        Step(
            AlertKind.DUE_SOON,
            Anchor.FIRST_DUE,
            -3,
            Manner(frozenset({"email", "telegram"}), None, capped=True),
        ),
        Step(AlertKind.OVERDUE, Anchor.FIRST_DUE, 4, Manner(template=AlertKind.ISSUED)),
        Step(AlertKind.CUTOFF_WARNING, Anchor.PREVIOUS, 10),
    )
    assert policy.events == {AlertKind.PAID: Manner(frozenset({"chat"}))}


@pytest.mark.parametrize("amount", ["0.10", '"0.10"', "1e-1"])
def test_an_amount_is_exact(amount):
    """Neither a text nor a number with a point becomes a binary fraction."""
    assert read_policy(f"minimum_amount = {amount}\n{STEP}").minimum == Decimal("0.1")


def test_a_kind_that_is_not_named_is_not_sent():
    """Only what the file names goes."""
    policy = read_policy(STEP)
    assert policy.events == {}
    assert policy.manner_of(AlertKind.ISSUED, "first_sight") is None


def test_windows_line_ends_and_tables_in_line_are_read():
    """TOML has other ways to write the same."""
    assert read_policy(STEP.replace("\n", "\r\n")) == read_policy(STEP)
    inline = 'step = [{kind = "due_soon", anchor = "first_due", days = -5}]\ncaps.per_day = 1'
    assert read_policy(inline).caps == Caps(per_day=1)


def test_equal_texts_are_read_once():
    """It is asked for with every batch of sends."""
    assert read_policy(STEP + "# one") is read_policy(STEP + "# one")


@pytest.mark.parametrize(
    "steps",
    [
        dated("due_soon", "issued", 1) + dated("due_soon", "issued", 60),
        dated("due_soon", "first_due", -60),
        dated("second_due_soon", "second_due", -60),
        dated("overdue", "first_due", 1) + dated("overdue", "first_due", 365),
        dated("overdue", "second_due", 1) + dated("overdue", "cutoff", 1),
        dated("cutoff_warning", "cutoff", 1) + step(kind='"cutoff_warning"'),
        dated("overdue", "first_due", 3) + dated("cutoff_warning", "previous", 1),
        # Without a second due date, `previous` is the step before that one: +10, not +16.
        dated("overdue", "first_due", 3)
        + dated("overdue", "second_due", 9)
        + dated("overdue", "previous", 7),
    ],
)
def test_what_makes_sense_is_read(steps):
    """The edges of each rule, on the right side of it."""
    assert read_policy(steps).steps


# -- what is refused ------------------------------------------------------------------------------

REFUSED = [
    # text, line, words
    ("", 1, "at least one [[step]]"),
    ("# nothing\n", 1, "at least one [[step]]"),
    ("step = []", 1, "at least one [[step]]"),
    ("[step]\nkind = 'paid'", 1, "[[step]]"),
    ("step = 1", 1, "[[step]]"),
    ("\n[[step]\n", 2, "no TOML, column"),
    ("kind", 1, "no TOML"),
    ("hours = '09:00-18:00'\nhours = '09:00-17:00'\n" + STEP, 2, "no TOML"),
    ("digest_from = 2\nminimum_amount = 1e99999999999999999999\n" + STEP, 2, "out of any range"),
    ("\ndigest_from = " + "9" * 5000 + "\n" + STEP, 2, "out of any range"),
    ("\n\nx = " + "[" * 5000 + "\n" + STEP, 3, "nested too deep"),
    ("digest_from = 0x" + "f" * 5000 + "\n" + STEP, 1, "got a huge number"),
    ("#" * (LONGEST_FILE + 1), 1, f"at most {LONGEST_FILE}"),
    ("\n# \ud800\n" + STEP, 2, "UTF-8"),
    # unknown keys
    ("minimum = 1\n" + STEP, 1, "unknown key 'minimum'; did you mean minimum_amount?"),
    ("\n\n'ho\\nurs' = 1\n" + STEP, 3, r"unknown key 'ho\\nurs'"),
    ("[cap]\n" + STEP, 1, "did you mean caps?"),
    ("[caps]\nper_month = 1\n" + STEP, 2, "accepted: per_day, per_week, gap_days"),
    (STEP + "chanels = ['email']\n", 5, "did you mean channels?"),
    # the head
    ("timezone = 3\n" + STEP, 1, "an IANA name"),
    ("timezone = 'America/Cordova'\n" + STEP, 1, "did you mean America/Cordoba?"),
    ("timezone = '../../etc'\n" + STEP, 1, "wanted: an IANA name"),
    ("timezone = 'America'\n" + STEP, 1, "no such one"),
    ("preset = 'AT'\n" + STEP, 1, "accepted: CO, CL"),
    ("hours = '9-18'\n" + STEP, 1, "contact hours are HH:MM-HH:MM"),
    ("hours = '09:00-18:00, no holidays XX'\n" + STEP, 1, "no public holidays known"),
    ("preset = 'EC'\nhours = 'sat 09:00-13:00'\n" + STEP, 2, "nothing would ever go"),
    ("preset = 'CO'\nhours = '20:00-22:00'\n" + STEP, 2, "preset CO"),
    ("minimum_amount = '500,00'\n" + STEP, 1, "an amount from 0"),
    ("minimum_amount = -0.01\n" + STEP, 1, "an amount from 0"),
    ("minimum_amount = nan\n" + STEP, 1, "an amount from 0"),
    ("minimum_amount = inf\n" + STEP, 1, "an amount from 0"),
    ("minimum_amount = 1000000000.01\n" + STEP, 1, "an amount from 0"),
    ("minimum_amount = 0.00001\n" + STEP, 1, "at most 4 decimals"),
    ("minimum_amount = true\n" + STEP, 1, "got true"),
    ("digest_from = -1\n" + STEP, 1, "from 0 to 100; got -1"),
    ("digest_from = 1\n" + STEP, 1, "one alert"),
    ("digest_from = 101\n" + STEP, 1, "from 0 to 100"),
    ("digest_from = 2.0\n" + STEP, 1, "from 0 to 100; got 2.0"),
    ("catch_up_days = 0\n" + STEP, 1, "from 1 to 60"),
    ("catch_up_days = 61\n" + STEP, 1, "from 1 to 60"),
    ("catch_up_days = true\n" + STEP, 1, "from 1 to 60; got true"),
    ("overdue_gap_hours = 23\n" + STEP, 1, "from 24 to 720"),
    ("overdue_gap_hours = 721\n" + STEP, 1, "from 24 to 720"),
    ("caps = 3\n" + STEP, 1, "[caps]: a table"),
    ("[[caps]]\nper_day = 1\n" + STEP, 1, "[caps]: a table"),
    ("caps.per_day = 0\n" + STEP, 1, "from 1 to 24"),
    ("[caps]\nper_day = 25\n" + STEP, 2, "from 1 to 24"),
    ("[caps]\n\nper_week = 101\n" + STEP, 3, "from 1 to 100"),
    ("[caps]\ngap_days = 31\n" + STEP, 2, "from 1 to 30"),
    ("[caps]\nchannels_per_week = '1'\n" + STEP, 2, "from 1 to 10; got '1'"),
    # one step
    (STEP + "[[step]]\ndays = 1\n", 5, "kind: missing"),
    (STEP + "[[step]]\n", 5, "kind: missing"),
    (STEP + step(kind="7"), 6, "kind: one of issued"),
    (STEP + step(kind="'due_son'"), 6, "did you mean due_soon?"),
    (STEP + step(kind="'digest'"), 6, "no step"),
    (STEP + step(kind="'overdue'"), 5, "days: missing"),
    (STEP + step(kind="'overdue'", days=3), 5, "anchor: missing; overdue is counted from first"),
    (STEP + step(kind="'paid'", anchor="'issued'"), 7, "leave anchor out"),
    (STEP + step(kind="'cutoff_warning'", anchor="'cutoff'"), 7, "or say days"),
    (STEP + step(kind="'paid'", days=1), 7, "counted from no date"),
    (STEP + dated("issued", "issued", 1), 8, "counted from no date"),
    (STEP + dated("overdue", "firstdue", 1), 7, "did you mean first_due?"),
    (STEP + dated("overdue", "change", 1), 7, "no such one: 'change'"),
    (STEP + dated("overdue", "issued", 30), 7, "overdue is counted from first_due or second"),
    (STEP + dated("due_soon", "second_due", -1), 7, "counted from first_due or issued"),
    (STEP + dated("due_soon", "previous", 1), 7, "counted from first_due or issued"),
    (STEP + dated("second_due_soon", "first_due", -1), 7, "counted from second_due"),
    (STEP + dated("cutoff_warning", "first_due", 9), 7, "counted from cutoff or previous"),
    (STEP + dated("due_today", "second_due", 0), 7, "counted from first_due"),
    (STEP + dated("due_soon", "first_due", 0), 8, "takes -60 to -1; got 0"),
    (STEP + dated("due_soon", "first_due", -61), 8, "from -60 to 365"),
    (STEP + dated("due_soon", "issued", 0), 8, "takes 1 to 60"),
    (STEP + dated("due_soon", "issued", 61), 8, "takes 1 to 60"),
    (STEP + dated("due_today", "first_due", 1), 8, "takes 0; got 1"),
    (STEP + dated("second_due_soon", "second_due", 0), 8, "takes -60 to -1"),
    (STEP + dated("overdue", "first_due", 0), 8, "takes 1 to 365; got 0"),
    (STEP + dated("overdue", "first_due", -3), 8, "takes 1 to 365; got -3"),
    (STEP + dated("overdue", "first_due", 366), 8, "from -60 to 365"),
    (STEP + dated("cutoff_warning", "cutoff", 0), 8, "takes 1 to 365"),
    (STEP + dated("overdue", "first_due", "'3'"), 8, "from -60 to 365; got '3'"),
    (STEP + dated("overdue", "first_due", 3, channels="[]"), 9, "every channel of the customer"),
    (STEP + dated("overdue", "first_due", 3, channels="'sms'"), 9, 'a list such as ["email"'),
    (STEP + dated("overdue", "first_due", 3, channels="['sms', 3]"), 9, 'a list such as ["email"'),
    (STEP + dated("overdue", "first_due", 3, channels="['telegran']"), 9, "did you mean telegram?"),
    (STEP + dated("overdue", "first_due", 3, template="'due_son'"), 9, "did you mean due_soon?"),
    (STEP + dated("overdue", "first_due", 3, template="'digest'"), 9, "accepted: issued"),
    (STEP + dated("overdue", "first_due", 3, template="'paid'"), 9, "accepted: issued"),
    (STEP + dated("overdue", "first_due", 3, template="'due_today'"), 9, "on the due date only"),
    (STEP + dated("overdue", "first_due", 3, template="'due_soon'"), 9, "says it is ahead"),
    (STEP + step(kind="'paid'", template="'overdue'"), 7, "leave template out"),
    (STEP + "template = 'overdue'", 5, "not overdue"),
    (STEP + step(kind="'issued'", template="'cutoff_warning'"), 7, "not overdue"),
    (STEP + "capped = 1", 5, "true or false; got 1"),
    ("preset = 'CO'\n" + STEP + "capped = false", 6, "preset CO"),
    # several steps
    (dated("overdue", "previous", 3), 3, "needs a step with days before it"),
    (step(kind="'paid'") + dated("overdue", "previous", 3), 5, "needs a step with days before"),
    (STEP + dated("overdue", "previous", 5), 8, "may fall on first_due +0 days"),
    (STEP + dated("cutoff_warning", "previous", 365) + dated("overdue", "previous", 6), 12, "365"),
    (dated("due_soon", "issued", 3) + dated("overdue", "previous", 3), 8, "issued +6 days"),
    # Without a second due date, that overdue would go two days before the first one.
    (
        STEP + dated("second_due_soon", "second_due", -1) + dated("overdue", "previous", 3),
        12,
        "may fall on first_due -2 days",
    ),
    (STEP + STEP, 8, "both be due_soon -5d, see line 1"),
    (
        dated("overdue", "first_due", 3) + dated("overdue", "second_due", 3),
        8,
        "both be overdue +3d, see line 1",
    ),
    (
        dated("overdue", "cutoff", 3) + step(kind="'paid'") + dated("cutoff_warning", "cutoff", 3),
        10,
        "two steps fall on cutoff +3 days, see line 1",
    ),
    (
        STEP
        + dated("overdue", "first_due", 3)
        + dated("overdue", "previous", 4)
        + dated("overdue", "first_due", 7),
        16,
        "two steps fall on first_due +7 days, see line 9",
    ),
    (step(kind="'paid'") + STEP + step(kind="'paid'"), 7, "paid without days comes twice, see"),
    (step(kind="'paid'") * (MOST_STEPS + 1), 2 * MOST_STEPS + 1, f"at most {MOST_STEPS}"),
]


@pytest.mark.parametrize(
    ("text", "line", "words"), REFUSED, ids=[f"{n}" for n in range(len(REFUSED))]
)
def test_a_refusal_names_the_line_and_what_would_do(text, line, words):
    """One problem, on the line where it stands."""
    found = problems(text)
    assert len(found) == 1, found
    assert found[0][0] == line, found
    assert words in found[0][1], found


def test_everything_wrong_is_told_at_once_in_order():
    """Nobody mends a file one error at a time."""
    text = "digest_from = 'x'\nnope = 1\n[caps]\nper_day = 0\n" + step(kind="'overdu'", capped="3")
    assert [line for line, _ in problems(text)] == [1, 2, 4, 6, 7]


def test_an_advisory_preset_lets_a_step_go_uncapped():
    """AR and MX bind nobody, and PE has no caps: the ISP decides."""
    for code in ("AR", "MX", "PE", "custom"):
        policy = read_policy(f'preset = "{code}"\n{STEP}capped = false')
        assert policy.steps[0].manner.capped is False


@pytest.mark.parametrize(
    ("head", "line"),
    [
        ("# [[step]] kind =\n", 5),
        ('hours = """09:00-18:00""" # [[step]]\n', 5),
        ("hours = '''09:00-18:00''' # '''\n", 5),
        ('preset = "A\\u0052" # "\n', 5),
        ("caps = {per_day = 1,\n per_week = 2} # [\n".replace(",\n", ", "), 5),
        ('"hours" = "00:00-24:00"\n\n', 6),
        ("caps.per_day = 1\ncaps . 'per_week' = 2\n", 6),
    ],
)
def test_what_looks_like_a_step_is_none(head, line):
    """Brackets, quotes and ends of line in texts and comments move no line."""
    assert problems(head + STEP.replace("-5", '"x"')) == [
        (line, "days: a whole number from -60 to 365; got 'x'")
    ]


# -- anything -------------------------------------------------------------------------------------


@some.composite
def policies(draw):
    """Write policies that are to be read: any steps that make sense, apart from each other."""
    lines = []
    if draw(some.booleans()):
        lines.append(f'preset = "{draw(some.sampled_from(["AR", "CO", "MX", "custom"]))}"')
        lines.append('hours = "mon-fri 09:00-18:00"')
    if draw(some.booleans()):
        lines.append(f'minimum_amount = "{draw(some.decimals(0, 10**9, places=2))}"')
    lines.append(f"digest_from = {draw(some.sampled_from([0, 2, 5, 100]))}")
    lines.append(f"catch_up_days = {draw(some.integers(1, 60))}")
    lines.append(f"overdue_gap_hours = {draw(some.integers(24, 720))}")
    lines += ["[caps]", f"gap_days = {draw(some.integers(1, 30))}"]
    text = "\n".join(lines) + "\n"
    for kind in draw(some.sets(some.sampled_from(sorted(EVENTS)))):
        text += step(kind=f'"{kind}"')
    places = [
        (kind, anchor, bounds)
        for kind, dates in SENSE.items()
        for anchor, bounds in dates.items()
        if anchor is not Anchor.PREVIOUS
    ]
    taken, names = set(), set()
    for _ in range(draw(some.integers(1, 8))):
        kind, anchor, (least, most) = draw(some.sampled_from(places))
        days = draw(some.integers(least, most))
        name = kind, Step(kind, anchor, days).name
        if (anchor, days) in taken or name in names:
            continue
        taken.add((anchor, days))
        names.add(name)
        text += dated(kind, anchor, days)
    return text


@given(policies())
def test_any_policy_that_makes_sense_is_read(text):
    """And means the same each time."""
    one = read_policy(text)
    read_policy.cache_clear()
    assert read_policy(text) == one
    assert len(one.steps) + len(one.events) == text.count("[[step]]")


PIECES = some.one_of(
    some.text(max_size=20),
    some.sampled_from(
        [
            *("[[step]]\n", "[caps]\n", "kind = ", "days = ", "anchor = ", "hours = ", "step = "),
            *("preset = ", "timezone = ", "minimum_amount = ", "channels = [", "template = "),
            *("=", "\n", '"""', "'", '"', "[", "]", "{", "}", ",", ".", "#", "\\", "\r\n"),
            *('"due_soon"\n', '"first_due"\n', "-5\n", "nan\n", "1979-05-27\n", "07:32:00\n"),
            *("true\n", '"AR"\n', '"09:00-19:00"\n', "0xff\n", "1e400\n", '"previous"\n'),
        ]
    ),
)


@given(some.lists(PIECES, max_size=30).map("".join))
def test_junk_is_refused_and_nothing_else(text):
    """Whatever is typed: a policy, or problems with their lines within the file."""
    try:
        read_policy(text)
    except PolicyError:
        most = text.count("\n") + text.count("\r") + 1
        assert all(1 <= line <= most for line, _ in problems(text))


@given(policies(), some.data())
def test_a_line_that_is_cut_out_or_twisted_breaks_nothing_else(text, data):
    """Near misses of real files reach further than junk does."""
    lines = text.split("\n")
    place = data.draw(some.integers(0, len(lines) - 1))
    lines[place] = data.draw(
        some.sampled_from(["", lines[place][:-1], lines[place] + "x", "[[step]]", "days = 3"])
    )
    try:
        read_policy("\n".join(lines))
    except PolicyError:
        assert all(1 <= line <= len(lines) for line, _ in problems("\n".join(lines)))
