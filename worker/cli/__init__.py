"""`alerta`: one command for operators and support. Errors are one line on stderr."""

from worker.cli.main import main

__all__ = ["main"]
