"""What is built late is built once."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

from worker.late import late


class Desk:
    """Something with a drawer that takes a moment to build."""

    def __init__(self) -> None:
        self.built = 0

    @late
    def drawer(self) -> object:
        """A drawer."""
        self.built += 1
        threading.Event().wait(0.01)
        return object()


def test_threads_that_need_it_together_get_the_same() -> None:
    """Python's own cached property would build it for each of them."""
    desk = Desk()
    with ThreadPoolExecutor(8) as pool:
        found = {id(one.result()) for one in [pool.submit(lambda: desk.drawer) for _ in range(8)]}
    assert len(found) == 1
    assert desk.built == 1


def test_afterwards_it_is_an_attribute() -> None:
    """Whoever closes what was built sees what was; of the class it is the property itself."""
    desk = Desk()
    assert "drawer" not in vars(desk)
    assert desk.drawer is vars(desk)["drawer"]
    assert isinstance(Desk.drawer, late)
