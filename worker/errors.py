"""What can be wrong with an installation, as one line that says what to do."""

from billing.errors import ForeseenError


class NotReadyError(ForeseenError):
    """The installation cannot work yet; the text says which command mends it."""


class ValkeyError(ForeseenError):
    """The embedded Valkey could not be started; the text says where its log is."""
