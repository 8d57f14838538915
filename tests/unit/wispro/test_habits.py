"""How one ISP's Wispro behaves, asked of the stand-in: each habit both ways."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest

from billing.values import Habits
from wispro.client import WisproClient
from wispro.errors import NotAuthorized, RateLimited
from wispro.sandbox import seed
from wispro.sandbox.faults import Rule
from wispro.sandbox.server import SandboxServer

FILTERS = {
    "invoice_state_filter": "/invoicing/invoices?state_eq",
    "contract_state_filter": "/contracts?state_eq",
    "national_id_filter": "/invoicing/invoices?client_national_identification_number_eq",
    "custom_id_filter": "/invoicing/invoices?client_custom_id_eq",
    "payments_after_filter": "/invoicing/payments?created_at_after",
}


@pytest.fixture
def town(sandbox: SandboxServer) -> SandboxServer:
    """Fill the stand-in: 60 clients, 300 invoices of several months, a payment."""
    sandbox.state.clear()
    seed.generate(sandbox.state, clients=60, invoices=300, seed=1)
    sandbox.state.pay(sandbox.state.invoices[sandbox.state.by_state["pending"][0]])
    return sandbox


def passing_on(
    town: SandboxServer, http: httpx.Client
) -> Callable[[httpx.Request], httpx.Response]:
    """Return an answer that is the stand-in's, for a test that changes some of them."""

    def answer(request: httpx.Request) -> httpx.Response:
        got = http.get(
            f"{town.base_url}{request.url.path.removeprefix('/api/v1')}",
            params=dict(request.url.params),
            headers={"Authorization": town.state.token},
        )
        return httpx.Response(got.status_code, content=got.content)

    return answer


def test_a_wispro_as_documented(town: SandboxServer, wispro: WisproClient) -> None:
    """Known filters honoured, unknown ones ignored, oldest first, 100 a page, true totals."""
    state = town.state
    assert wispro.habits() == Habits(
        unknown_filter_ignored=True,
        invoice_state_filter=True,
        contract_state_filter=True,
        national_id_filter=True,
        custom_id_filter=True,
        payments_after_filter=True,
        page_size=100,
        oldest_first=True,
        invoices=len(state.live),
        pending=len(state.by_state["pending"]),
        contracts=len(state.contracts),
        clients=len(state.clients),
    )
    assert len(state.live) == 300
    assert state.by_state["pending"]


def test_it_takes_a_dozen_requests(town: SandboxServer, wispro: WisproClient) -> None:
    """However many invoices there are: an ISP's rate is two a second."""
    del town
    wispro.habits()
    assert wispro.requests <= 12


@pytest.mark.parametrize(("habit", "name"), FILTERS.items())
def test_each_ignored_filter_is_told_from_the_others(
    town: SandboxServer, wispro: WisproClient, habit: str, name: str
) -> None:
    """One filter that does nothing is one habit that is False."""
    town.state.switches.ignored_filters = [name]
    habits = wispro.habits()
    assert {one: getattr(habits, one) for one in FILTERS} == {one: one != habit for one in FILTERS}


def test_where_everything_is_ignored_everything_comes(
    town: SandboxServer, wispro: WisproClient
) -> None:
    """The fault of the stand-in: what is given as pending is every invoice."""
    town.faults.add(Rule(fault="filter_ignored"))
    habits = wispro.habits()
    assert not any(getattr(habits, one) for one in FILTERS)
    assert habits.pending == habits.invoices == 300


def test_a_fault_on_one_list_concerns_that_list(town: SandboxServer, wispro: WisproClient) -> None:
    """Filters of contracts that are ignored say nothing about invoices."""
    town.faults.add(Rule(fault="filter_ignored", path="^/contracts$"))
    habits = wispro.habits()
    assert (habits.contract_state_filter, habits.invoice_state_filter) == (False, True)


def test_an_unknown_filter_that_gives_nothing_is_not_ignored(
    town: SandboxServer, http: httpx.Client, scripted: Callable[..., WisproClient]
) -> None:
    """A Wispro that minds unknown names is told from one that does not."""
    answer = passing_on(town, http)

    def minds(request: httpx.Request) -> httpx.Response:
        if "alerta_probe_eq" in request.url.params:
            pagination = {"total_records": 0, "total_pages": 0, "per_page": 1, "current_page": 1}
            return httpx.Response(
                200, json={"status": 200, "meta": {"pagination": pagination}, "data": []}
            )
        return answer(request)

    assert scripted(minds).habits().unknown_filter_ignored is False


def refusing(
    name: str, answer: Callable[[httpx.Request], httpx.Response], value: str
) -> Callable[[httpx.Request], httpx.Response]:
    """Return an answer that refuses a filter with a value, the way of Wispro: body status 400."""

    def refuse(request: httpx.Request) -> httpx.Response:
        given = request.url.params.get(name)
        if given is not None and value in given:
            return httpx.Response(200, json={"status": 400, "message": "Invalid record"})
        return answer(request)

    return refuse


def test_a_refused_value_of_a_state_leaves_the_known_one_to_decide(
    town: SandboxServer, http: httpx.Client, scripted: Callable[..., WisproClient]
) -> None:
    """A refused probe tells nothing; that only pending ones come for pending does."""
    wispro = scripted(refusing("state_eq", passing_on(town, http), "alerta"))
    habits = wispro.habits()
    assert (habits.invoice_state_filter, habits.contract_state_filter) == (True, None)
    assert habits.pending == len(town.state.by_state["pending"])


def test_a_refused_filter_cannot_be_used(
    town: SandboxServer, http: httpx.Client, scripted: Callable[..., WisproClient]
) -> None:
    """Where even pending is refused, nothing can be asked for by state, and all must be read."""
    habits = scripted(refusing("state_eq", passing_on(town, http), "")).habits()
    assert habits.invoice_state_filter is False
    assert habits.pending == habits.invoices == 300


def test_a_state_filter_that_gives_nothing_for_any_state_is_found_out(
    town: SandboxServer, http: httpx.Client, scripted: Callable[..., WisproClient]
) -> None:
    """An impossible state gives nothing, but so does pending, where a pending one was just seen."""
    answer = passing_on(town, http)

    def mute(request: httpx.Request) -> httpx.Response:
        if request.url.params.get("state_eq") == "pending":
            url = request.url.copy_set_param("state_eq", "none-of-these")
            return answer(httpx.Request("GET", url))
        return answer(request)

    newest = town.state.invoices[town.state.live[-1]]
    town.state.set_state(newest, "pending")
    assert scripted(mute).habits().invoice_state_filter is False


def test_a_state_filter_that_gives_other_states_is_found_out(
    town: SandboxServer, http: httpx.Client, scripted: Callable[..., WisproClient]
) -> None:
    """Nothing comes for an impossible state, but paid ones come for pending."""
    answer = passing_on(town, http)

    def leaks(request: httpx.Request) -> httpx.Response:
        if request.url.params.get("state_eq") == "pending":
            return answer(httpx.Request("GET", request.url.copy_remove_param("state_eq")))
        return answer(request)

    habits = scripted(leaks).habits()
    assert habits.invoice_state_filter is False
    assert habits.pending == 300


@pytest.mark.parametrize("size", [20, 99, 100, 250, 500, 1000])
def test_the_size_of_a_page_is_what_comes(
    town: SandboxServer, wispro: WisproClient, size: int
) -> None:
    """300 invoices show any smaller size; a larger one was not seen, so it is not believed."""
    town.state.switches.max_per_page = size
    assert wispro.habits().page_size == (size if size < 300 else 100)


@pytest.mark.parametrize("size", [20, 100, 500])
def test_with_few_invoices_a_small_size_is_believed_and_a_large_one_is_not(
    sandbox: SandboxServer, wispro: WisproClient, size: int
) -> None:
    """Everything fits on one page: only what Wispro says of itself is there to go by."""
    sandbox.state.switches.max_per_page = size
    assert wispro.habits().page_size == min(size, 100)


def test_a_wispro_that_gives_less_than_it_says_is_measured(
    town: SandboxServer, http: httpx.Client, scripted: Callable[..., WisproClient]
) -> None:
    """`per_page` in the answer repeats what was asked; the rows are what counts."""
    answer = passing_on(town, http)

    def boasts(request: httpx.Request) -> httpx.Response:
        got = answer(request).json()
        got["meta"]["pagination"]["per_page"] = 500
        return httpx.Response(200, json=got)

    assert scripted(boasts).habits().page_size == 100


@pytest.mark.parametrize("how", ["refuses", "fails"])
def test_a_large_page_that_is_too_much_is_asked_for_smaller(
    town: SandboxServer, http: httpx.Client, scripted: Callable[..., WisproClient], how: str
) -> None:
    """A Wispro that refuses 500 records, or breaks down over them, is asked for the usual 100."""
    answer = passing_on(town, http)

    def modest(request: httpx.Request) -> httpx.Response:
        if request.url.params["per_page"] == "500":
            status = 400 if how == "refuses" else 500
            return httpx.Response(200, json={"status": status, "message": "no"})
        return answer(request)

    habits = scripted(modest).habits()
    assert (habits.page_size, habits.oldest_first, habits.invoices) == (100, True, 300)


@pytest.mark.parametrize("newest_first", [False, True])
@pytest.mark.parametrize("max_per_page", [100, 1000], ids=["many pages", "one page"])
def test_the_order_of_the_invoices_is_seen(
    town: SandboxServer, wispro: WisproClient, max_per_page: int, *, newest_first: bool
) -> None:
    """The ends of the list are compared, on several pages or on one."""
    town.state.switches.newest_first = newest_first
    town.state.switches.max_per_page = max_per_page
    assert wispro.habits().oldest_first is not newest_first


@pytest.mark.parametrize("created_at", ["2026-03-10T12:00:00Z", "2026-03-10", None])
def test_an_order_that_cannot_be_seen_is_not_guessed(
    sandbox: SandboxServer, wispro: WisproClient, created_at: str | None
) -> None:
    """All of one instant, or without one that can be read: nobody knows."""
    for invoice in sandbox.state.invoices:
        sandbox.state.change_invoice(invoice, created_at=created_at)
    assert wispro.habits().oldest_first is None


def test_an_account_without_records_tells_nothing(
    sandbox: SandboxServer, wispro: WisproClient
) -> None:
    """On empty lists an ignored filter and an honoured one look alike."""
    sandbox.state.clear()
    assert wispro.habits() == Habits()


def test_without_payments_their_filter_cannot_be_told(
    sandbox: SandboxServer, wispro: WisproClient
) -> None:
    """Nothing comes with the filter, and nothing without."""
    sandbox.state.payments.clear()
    assert wispro.habits().payments_after_filter is None


@pytest.mark.parametrize(
    ("fault", "error"), [("body_401", NotAuthorized), ("http_429", RateLimited)]
)
def test_no_answer_is_no_habit(
    town: SandboxServer, wispro: WisproClient, fault: str, error: type[Exception]
) -> None:
    """A refused token and a full queue are errors, not findings."""
    town.faults.add(Rule(fault=fault, path="^/contracts$"))
    with pytest.raises(error):
        wispro.habits()
