"""What the use-cases foresee: errors whose text is for a person."""


class ForeseenError(Exception):
    """Something went as it may; the text is one line, or one a problem, and says what to do.

    A command prints it and ends with exit code 1. Whatever is not one of these is our own mistake.
    """
