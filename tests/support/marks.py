"""Marks that several stories share."""

from __future__ import annotations

import pytest

#: For what has nothing to do with the database, or is slow because it runs real processes.
on_sqlite = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
