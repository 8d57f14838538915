"""What the pages that customers reach from a message have to show."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A channel as its customer sees it; `others` are the labels of those that stay open."""

    isp_name: str
    support: str | None
    locale: str
    label: str
    closed: bool
    others: tuple[str, ...]
