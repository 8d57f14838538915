"""Public holidays of a country or of one of its regions, by the `holidays` package.

The package is imported when somebody asks first: that costs a tenth of a second, and an ISP without
holidays in its hours never pays it. What a government decrees after the pinned version was made
(bridge days, elections) is not known here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from functools import lru_cache
from types import MappingProxyType

#: "CO" or "BR-SP": ISO 3166-1, then the part after the dash of ISO 3166-2.
_REGION = re.compile(r"[A-Z]{2}(?:-[A-Z0-9]{1,3})?")


def holiday_in(region: str, day: date) -> str | None:
    """Return the name of the public holiday of that day in the region's language, or None.

    Args:
        region: "CO", or "BR-SP" for the holidays of the country and those of a subdivision.
        day: a date on the wall there.

    Raises:
        ValueError: if no holidays are known for such a region.
    """
    return _of_year(region, day.year).get(day)


@lru_cache(maxsize=256)
def check_region(region: str) -> str:
    """Return the region as given.

    Raises:
        ValueError: if no holidays are known for it, so that a typing error never becomes "none".
    """
    if _REGION.fullmatch(region):
        _of_year(region, 2026)
        return region
    raise _unknown(region)


def _unknown(region: str) -> ValueError:
    return ValueError(
        f"no public holidays known for {region!r} "
        "(a country or one of its regions is wanted, e.g. CO or BR-SP)"
    )


@lru_cache(maxsize=1024)
def _of_year(region: str, year: int) -> Mapping[date, str]:
    import holidays  # noqa: PLC0415 - see above

    country, _, subdivision = region.partition("-")
    try:
        entity = holidays.country_holidays(country, subdiv=subdivision or None)
        # Without a language the names would follow the environment of the process.
        known = holidays.country_holidays(
            country, subdiv=subdivision or None, years=year, language=entity.default_language
        )
    except NotImplementedError:
        raise _unknown(region) from None
    return MappingProxyType(dict(known))
