"""The policies that the manual shows are policies."""

import re
from pathlib import Path

import pytest

from billing.policy_file import read_policy

MANUAL = (Path(__file__).parents[3] / "docs" / "policies.md").read_text("utf-8")
EXAMPLES = re.findall(r"^## ([^\n]+)\n\n```toml\n(.*?)```", MANUAL, re.DOTALL | re.MULTILINE)


def test_there_are_three():
    """None of them is lost to the pattern above."""
    assert len(EXAMPLES) == MANUAL.count("```toml") == 3


@pytest.mark.parametrize(("title", "text"), EXAMPLES, ids=[title for title, _ in EXAMPLES])
def test_an_example_is_read(title, text):
    """What an operator copies from the manual works."""
    policy = read_policy(text)
    assert policy.steps
    assert policy.events
    assert (policy.preset is None) == title.startswith("Suave")
