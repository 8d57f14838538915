"""Processes: the composition root, the Celery app, the command line, the supervisor."""
