"""Celery warns of root where it is root."""

from __future__ import annotations

import grp
import os
import warnings

import pytest
from celery.exceptions import SecurityWarning
from celery.platforms import check_privileges

from worker.celery_app import no_false_alarm


def warned(monkeypatch: pytest.MonkeyPatch, *, user: int) -> list[str]:
    """Return what a start says of its user, whose group no file names."""

    def nameless(gid: int) -> None:
        raise KeyError(gid)

    monkeypatch.setattr(grp, "getgrgid", nameless)
    for name in ("getuid", "geteuid", "getgid", "getegid"):
        monkeypatch.setattr(os, name, lambda: user)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        no_false_alarm()
        check_privileges(["json"])
    return [str(one.message) for one in said if issubclass(one.category, SecurityWarning)]


def test_a_user_without_a_name_is_not_taken_for_root(monkeypatch: pytest.MonkeyPatch) -> None:
    """As systemd's DynamicUser gives us one."""
    assert warned(monkeypatch, user=62_215) == []


def test_root_is_still_told_not_to_be(monkeypatch: pytest.MonkeyPatch) -> None:
    """A daemon that customers' data passes through need not be able to do everything."""
    assert any("superuser" in one for one in warned(monkeypatch, user=0))
