"""What can be wrong with an installation, as one line that says what to do."""


class NotReadyError(Exception):
    """The installation cannot work yet; the text says which command mends it."""


class ValkeyError(Exception):
    """The embedded Valkey could not be started; the text says where its log is."""
