"""The same import by dlt, into SQLite: what one would write who does not write it by hand.

    python tests/benchmarks/by_dlt.py kept|whole BASE_URL TOKEN FOLDER

Runs in the environment of tests/benchmarks/requirements.lock. Prints one line of JSON. "whole" is
dlt as its documentation shows it, with every field and a child table for the items. "kept" is in
its favour: the fields that we keep and no child tables. Both ask pages as large as ours, send no
telemetry and have large buffers; two workers to normalise, over files of 20 000 rows, were slower
on two cores. Its merge by id goes through a staging table, as it must.
"""

from __future__ import annotations

import json
import os
import sqlite3
import sys
import time
from pathlib import Path
from typing import Any

#: What we keep of an invoice (wispro/records.py).
KEPT = (
    "id",
    "state",
    "amount",
    "balance",
    "invoice_number",
    "contract_id",
    "issued_at",
    "first_due_date",
    "second_due_date",
    "from",
    "to",
    "concept",
)
SETTINGS = {
    "RUNTIME__DLTHUB_TELEMETRY": "false",
    "RUNTIME__LOG_LEVEL": "ERROR",
    "DATA_WRITER__BUFFER_MAX_ITEMS": "50000",
    "NORMALIZE__WORKERS": "1",
    "LOAD__WORKERS": "1",
    "LOAD__TRUNCATE_STAGING_DATASET": "true",
}


def kept(record: dict[str, Any]) -> dict[str, Any]:
    """Return the fields that we keep, the first payment link among them."""
    links = record["payment_links"]
    return {name: record[name] for name in KEPT} | {"pay_url": links[0]["url"] if links else None}


def main() -> None:
    """Import, and print what it took."""
    fields, base_url, token, folder = sys.argv[1:]
    os.environ |= SETTINGS
    import dlt  # after its settings
    from dlt.sources.rest_api import rest_api_source

    file = Path(folder) / "dlt.db"
    source = rest_api_source(
        {
            "client": {
                "base_url": base_url,
                "auth": {
                    "type": "api_key",
                    "name": "Authorization",
                    "api_key": token,
                    "location": "header",
                },
                "paginator": {
                    "type": "page_number",
                    "base_page": 1,
                    "page_param": "page",
                    "total_path": "meta.pagination.total_pages",
                },
            },
            "resources": [
                {
                    "name": "invoices",
                    "primary_key": "id",
                    "write_disposition": "merge",
                    "endpoint": {
                        "path": "invoicing/invoices",
                        "params": {"per_page": 100},
                        "data_selector": "data",
                    },
                    "processing_steps": [{"map": kept}] if fields == "kept" else [],
                }
            ],
        }
    )
    pipeline = dlt.pipeline(
        "bench",
        pipelines_dir=str(Path(folder) / "dlt"),
        destination=dlt.destinations.sqlalchemy(f"sqlite:///{file}"),
        dataset_name="main",
    )
    started, busy = time.perf_counter(), time.process_time()
    pipeline.run(source)
    seconds, cpu = time.perf_counter() - started, time.process_time() - busy
    with sqlite3.connect(file) as database:
        rows = database.execute("SELECT count(*) FROM invoices").fetchone()[0]
    steps = {
        step.step: round((step.finished_at - step.started_at).total_seconds(), 2)
        for step in pipeline.last_trace.steps
    }
    taken = {"seconds": seconds, "cpu_seconds": cpu, "stored": rows, "steps": steps}
    print(json.dumps({**taken, "dlt": dlt.__version__}))


if __name__ == "__main__":
    main()
