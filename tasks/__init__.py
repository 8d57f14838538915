"""What Celery may call: each task translates its message, calls one use-case, enqueues hints."""
