"""What can be wrong with serving pages, as one line that says what to do."""


class ListenError(Exception):
    """Nobody can listen at this address; the text says what to do."""
