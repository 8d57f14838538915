"""What can be wrong with serving pages, as one line that says what to do."""

from billing.errors import ForeseenError


class ListenError(ForeseenError):
    """Nobody can listen at this address; the text says what to do."""
