"""The whole examination: this machine, its stores, the flow of work, and every ISP."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from sqlalchemy import select

from billing.isps import find_isp
from models.isp import Isp
from worker.doctor.finding import Finding
from worker.doctor.flow import flow_findings
from worker.doctor.here import look_here
from worker.doctor.isps import isp_checks
from worker.doctor.stores import broker_findings, database_findings
from worker.doctor.together import Check, look_together
from worker.house import House

#: Seconds for a store to answer, and for everything; of one ISP that is named, more is asked.
STORE_WITHIN = 15.0
WITHIN, WITHIN_NAMED = 60.0, 180.0


def examine(house: House, slug: str | None) -> list[Finding]:
    """This function will check the installation and one ISP, or all of them.

    Of one ISP that is named, Wispro is asked afresh how it behaves, and the DNS about the domain
    that its e-mail comes from; else what was found last is shown. What waits for others is looked
    at side by side, each with a deadline.

    Raises:
        SetupError: if the ISP is unknown.
    """
    stores = look_together(
        [
            _check("database", partial(database_findings, house), "check ALERTA_DATABASE_URL"),
            _check("broker", partial(broker_findings, house.settings), "check ALERTA_REDIS_URL"),
        ],
        within=STORE_WITHIN * 2,
    )
    present = house.clock()
    if not stores[0].ok:
        return [*stores, *look_here(house.settings, (), now=present)]
    with house.database.read() as session:
        isps = [find_isp(session, slug)] if slug else list(session.scalars(select(Isp)))
    here = look_here(house.settings, [isp.timezone for isp in isps], now=present)
    _ = house.http, house.chat, house.messenger  # built once, before several ask for them at once
    checks = [_check("flow of work", partial(flow_findings, house), "alerta doctor, again")]
    for isp in isps:
        checks += isp_checks(house, isp, afresh=slug is not None)
    return [
        *stores,
        *here,
        *look_together(checks, within=WITHIN if slug is None else WITHIN_NAMED),
    ]


def _check(what: str, look: Callable[[], list[Finding]], mend: str) -> Check:
    return Check(what, look, STORE_WITHIN, mend)
