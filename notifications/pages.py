"""The pages that links in messages lead to: small, in the customer's language, without a script."""

from __future__ import annotations

from billing.pages import Standing
from notifications.clean import NAME_LENGTH, SUPPORT_LENGTH, clean_text
from notifications.language import resolve
from notifications.palette import DARK, LIGHT
from notifications.render import environment

_LABEL_LENGTH = 120


def stop_page(standing: Standing) -> str:
    """Return the page that asks whether a channel is to be stopped, or says that it was.

    Args:
        standing: of the channel.
    """
    return _page(
        "web/stop.html",
        standing.locale,
        isp_name=clean_text(standing.isp_name, limit=NAME_LENGTH),
        support=clean_text(standing.support, limit=SUPPORT_LENGTH),
        label=clean_text(standing.label, limit=_LABEL_LENGTH),
        closed=standing.closed,
        others=[clean_text(one, limit=_LABEL_LENGTH) for one in standing.others],
    )


def no_page(locale: str) -> str:
    """Return the page for an address that leads nowhere.

    Args:
        locale: as the browser names it; an unknown one is Spanish.
    """
    return _page("web/nothing.html", locale)


def _page(template: str, locale: str, **values: object) -> str:
    language = resolve(locale)
    page: str = (
        environment(language.tag)
        .get_template(template)
        .render(lang=language.bcp47, light=LIGHT, dark=DARK, **values)
    )
    return page
