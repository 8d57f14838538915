"""The pages that a full sweep reads, by httpx alone: sequential, read, thrown away, not decoded.

    python -m tests.benchmarks.bare BASE_URL TOKEN

Prints one line of JSON. The client has the settings of the daemon's, as the measured looks do.
"""

from __future__ import annotations

import sys
import time

import httpx
import msgspec

from tests.benchmarks.machine import peak_mib
from wispro.limits import Limits

#: Whose an invoice is belongs to every sweep: invoices, the contract map, the clients.
_LISTS = ("/invoicing/invoices", "/contracts", "/clients")


def main() -> None:
    """Download, and print what it took."""
    base_url, token = sys.argv[1:]
    limits = Limits()
    with httpx.Client(follow_redirects=False, verify=False) as http:  # noqa: S501 - plain HTTP
        started, busy = time.perf_counter(), time.process_time()
        requests, size = 0, 0
        for path in _LISTS:
            number, pages = 0, 1
            while number < pages:
                number += 1
                request = http.build_request(
                    "GET",
                    base_url + path,
                    params={"page": number, "per_page": limits.page_size},
                    headers={"Accept": "application/json", "Authorization": token},
                    timeout=limits.json_timeout,
                )
                response = http.send(request, stream=True)
                body = b"".join(response.iter_bytes())
                response.close()
                size += len(body)
                if number == 1:
                    pages = msgspec.json.decode(body)["meta"]["pagination"]["total_pages"]
            requests += number
        taken = {
            "seconds": time.perf_counter() - started,
            "cpu_seconds": time.process_time() - busy,
            "requests": requests,
            "bytes": size,
            "peak_mib": peak_mib(),
        }
    print(msgspec.json.encode(taken).decode())


if __name__ == "__main__":
    main()
