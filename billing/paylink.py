"""The link by which a customer pays: Wispro's own, the ISP's template, or its portal. Pure."""

from __future__ import annotations

import re
import urllib.parse

_PLACEHOLDER = re.compile(r"\{([a-z_]*)\}")
PAY_URL_FIELDS = ("invoice_id", "invoice_number", "client_id", "public_id", "custom_id", "amount")


def fill_pay_url(template: str, values: dict[str, object]) -> str | None:
    """This function will fill a pay-link template, each value percent-encoded.

    Returns:
        None where a value that the template needs is unknown: half a link helps nobody.

    Raises:
        ValueError: naming a placeholder that does not exist.
    """
    for name in _PLACEHOLDER.findall(template):
        if name not in PAY_URL_FIELDS:
            known = ", ".join(f"{{{field}}}" for field in PAY_URL_FIELDS)
            raise ValueError(f"unknown placeholder {{{name}}} in the pay link; known: {known}")
        if values.get(name) in (None, ""):
            return None
    return _PLACEHOLDER.sub(
        lambda match: urllib.parse.quote(str(values[match[1]]), safe=""), template
    )
