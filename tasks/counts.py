"""The names of what is counted that no row says; `worker/tallies.py` adds it up."""

WISPRO_REQUESTS = "wispro_requests"
LEASE_EXPIRIES = "lease_expiries"
PUT_OFF = "deliveries_put_off"
