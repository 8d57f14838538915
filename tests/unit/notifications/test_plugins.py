"""Which of Apprise's plugins reads a URL, and how few of them are loaded for it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from apprise.manager_plugins import NotificationManager
from apprise.plugins import url_to_dict

from notifications.destinations import TRANSPORTS
from notifications.plugins import load_all, parts_of, plugin_of

ROOT = Path(__file__).resolve().parents[3]
URLS = (
    "mailto://u:p%40ss@example.org?from=avisos@isp.example&to=ana@example.org",
    "MAILTOS://u:p@example.org:465/ana@example.org?smtp=mx.example.org&mode=ssl",
    "tgram://123456789:AbC-token/12345/-100123/?image=no",
    "tgram://123456789:AbC-token/#canal/@canal",
    "ntfy://tema",
    "ntfys://u:p@push.example:8443/tema?priority=high",
    "mailto://",
    "tgram://",
    "ntfys://",
)
#: What a process loads for a question, as a list of names.
LOADED = """
import json, sys
{code}
print(json.dumps([name for name in sys.modules if name.startswith("apprise.plugins.")]))
"""


@pytest.mark.parametrize("url", URLS)
def test_a_url_is_read_as_apprise_reads_it(url: str) -> None:
    """The short way to a plugin finds what the long one does."""
    assert parts_of(url) == url_to_dict(url)


def test_the_short_way_leads_to_apprises_own_classes() -> None:
    """Each kind of sending account is known, and by no other class than Apprise's."""
    load_all()
    for schemas, _ in TRANSPORTS.values():
        for schema in schemas:
            assert plugin_of(schema) is NotificationManager()[schema]
    assert plugin_of("discord") is NotificationManager()["discord"]
    assert plugin_of("nonsense") is None


@pytest.mark.parametrize(
    ("scheme", "url", "plugin"),
    [
        ("email", "mailtos://u:p@mx.example.org?from=a@isp.example", "email"),
        ("telegram", "tgram://123456789:AbC-token", "telegram"),
        ("ntfy", "ntfys://push.example", "ntfy"),
    ],
)
def test_a_sending_account_loads_its_own_plugin_alone(scheme: str, url: str, plugin: str) -> None:
    """A command that sends one message does not load 130 kinds of them."""
    loaded = loads(
        f"from notifications.door import AppriseDoor\n"
        f"door = AppriseDoor()\n"
        f"door.check_transport({scheme!r}, {url!r})\n"
        f"door.account_of({scheme!r}, {url!r})\n"
        f"assert door.takes_pdf({scheme!r})\n"
    )
    assert f"apprise.plugins.{plugin}" in loaded
    # `notifications/email.py` builds on the plugin of e-mails
    kinds = {name.split(".")[2] for name in loaded} - {"base", "email", plugin}
    assert not kinds


def test_another_kind_of_url_loads_them_all() -> None:
    """A customer's own webhook is read as well, and so is a page's address that stands for one."""
    for url in ("discord://1234567890/abcdef", "https://discord.com/api/webhooks/1234567890/abcd"):
        loaded = loads(f"from notifications.plugins import parts_of\nassert parts_of({url!r})")
        assert len(loaded) > 100


def loads(code: str) -> list[str]:
    """Run some code in a process of its own; return the plugins that it loaded."""
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", LOADED.format(code=code)],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    names: list[str] = json.loads(ran.stdout)
    return names
