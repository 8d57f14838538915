"""How long, how large and how often: every bound of the door in one place, with its reason."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds of the requests to one ISP's Wispro. Times are in seconds, sizes in bytes.

    httpx bounds each socket read and nothing else, so a server that sends a byte now and then would
    hold a worker for ever: the `…_deadline_seconds` bound a whole body, to within one more read.
    Headers that trickle are bounded by their size only; the task's own time limit is behind that.
    """

    page_size: int = 100  # documented up to 1000, clamped to 100 in the documentation's own example
    max_pages: int = 20_000  # two million records; more is a server that does not know its size
    unfiltered_pages: int = 200  # how much of the whole set is read when a filter was ignored
    extra_passes: int = 2  # whole re-reads of a list that changed while it was read
    rereads: int = 20  # pages that are read again because the list shifted to the right
    read_ahead: bool = True  # fetch the next page while this one is stored

    tries: int = 3
    retry_seconds: float = 30.0  # no new try may start later than this after the first
    longest_pause_seconds: float = 20.0  # a longer Retry-After is the caller's to keep
    longest_retry_after: float = 3600.0  # what is believed of a Retry-After

    json_timeout: float = 10.0
    json_deadline_seconds: float = 30.0
    json_max_bytes: int = 32 * 1024 * 1024
    pdf_timeout: float = 30.0
    pdf_deadline_seconds: float = 30.0
