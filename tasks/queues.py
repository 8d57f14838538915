"""The queues, and the budget of time that every task lives within."""

from __future__ import annotations

SYNC = "sync"
DELIVER = "deliver"
SUPPORT = "support"
LISTEN = "listen"
#: By-hand work has a queue and a worker of its own, so that it never waits behind a sweep; so has
#: listening, which does nothing but wait.
QUEUES = (SYNC, DELIVER, SUPPORT, LISTEN)

#: Seconds. One request or send < soft limit < hard limit < lease < visibility timeout
#: (engine.md, rule 13); a test holds the chain together.
SOFT_LIMIT = 300
HARD_LIMIT = 330
VISIBILITY_TIMEOUT = 900
#: How long one sync task goes on before it hands the rest to another, so that ISPs take turns.
SYNC_BUDGET = 60


def children_of(queue: str, concurrency: int) -> int:
    """This function will return how many children work off a queue; some need one only."""
    return 1 if queue in {SUPPORT, LISTEN} else concurrency


def children(concurrency: int) -> int:
    """This function will return how many children a daemon has that may ask Wispro at once."""
    return sum(children_of(queue, concurrency) for queue in QUEUES if queue != LISTEN)
