"""On which line of a TOML file something stands."""

import pytest

from billing.toml_lines import NoTomlError, Places, read_toml

TEXT = """\
# [[step]] # "
a = "[[step]]" # '''
'b.c' = 'x"'
d . "e" = {f = [1, {g = 2}], h = '#'}
[caps] # [x]
per_day = [
  1, # ]
  2,
]
i = \"\"\"
[[step]]
j = 1 \\\"""
\"\"\"
k = '''
[[step]] ' ''
'''
[[step]]
l = \"\"\"one quote\"\"\"\" # "[
m = '''one quote'''' # '[
[[step]]
n = 1
[step.sub]
o = 1
[[step.sub2]]
[[step.sub2]]
p = 1
"""

PLACES = [
    (("a",), 2),
    (("b.c",), 3),
    (("d", "e"), 4),
    (("d", "e", "f"), 4),
    (("caps",), 5),
    (("caps", "per_day"), 6),
    (("caps", "i"), 10),
    (("caps", "k"), 14),
    (("step", 0), 17),
    (("step", 0, "l"), 18),
    (("step", 0, "m"), 19),
    (("step", 1), 20),
    (("step", 1, "n"), 21),
    (("step", 1, "sub"), 22),
    (("step", 1, "sub", "o"), 23),
    (("step", 1, "sub2", 1, "p"), 26),
    # of what is not there, the line of what would hold it
    (("step", 1, "days"), 20),
    (("step", 0, "n"), 17),
    (("caps", "j"), 5),
    (("j",), 1),
    ((), 1),
]


@pytest.mark.parametrize(("path", "line"), PLACES, ids=[".".join(map(str, p)) for p, _ in PLACES])
@pytest.mark.parametrize("ends", ["\n", "\r\n"], ids=["unix", "windows"])
def test_everything_is_found(path, line, ends):
    """Whatever strings, comments and lists look like."""
    text = TEXT.replace("\n", ends)
    assert read_toml(text)["step"][1]["sub2"] == [{}, {"p": 1}]
    assert Places(text).line_of(path) == line


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a = 1\nb = 1e99999999999999999999\nc = 2\nd = 3\n", 2),
        ("a = [\n1,\n1e99999999999999999999]\n", 3),
        ("a = 1\nb = 2\nc = " + "9" * 5000, 3),
        ("a = 1\n\n\nb = " + "[" * 5000 + "\nc = 1", 4),
        ("a = 1\nb = \n", 2),
        ('a = 1\nb = """\n\n', 2),
    ],
)
def test_a_text_that_cannot_be_read_names_its_line(text, line):
    """Of a number that Python cannot hold as well."""
    with pytest.raises(NoTomlError) as caught:
        read_toml(text)
    assert caught.value.line == line
