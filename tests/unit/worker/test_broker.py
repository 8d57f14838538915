"""Where the broker is."""

from pathlib import Path

from config.settings import Settings
from worker.broker import broker_url, socket_path


def test_the_socket_lies_in_home(tmp_path):
    """As long as the kernel can address it."""
    short = Path("/tmp/x")
    assert socket_path(short) == Path("/tmp/x/valkey/valkey.sock")


def test_a_home_too_deep_for_a_socket_gets_a_short_one():
    """unix(7) holds 107 bytes; each home still has a place of its own."""
    one, two = (socket_path(Path("/srv") / ("x" * 120) / name) for name in "ab")
    assert len(str(one)) < 100
    assert one != two


def test_a_redis_of_ones_own_is_used_as_it_is():
    """The operator's URL wins."""
    assert broker_url(Settings(redis_url="redis://r:6379/3")) == "redis://r:6379/3"
