"""A customer has had enough: one click in the mail program, or one on the page behind the link."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Iterator
from email.message import EmailMessage
from urllib.parse import urlsplit

import httpx
import pytest
from sqlalchemy import select

from models.account import Account, Channel
from models.alert import Delivery
from tests.functional.test_email_that_arrives import read
from tests.support.marks import on_sqlite
from tests.support.pages import serving
from tests.support.town import Town
from web.app import Uses
from wispro.sandbox.model import Client

PUBLIC = "https://avisos.interatos.example"
ONE_CLICK = {"List-Unsubscribe": "One-Click"}


@pytest.fixture
def reachable(make_town: Callable[..., Town]) -> Iterator[tuple[Town, httpx.Client]]:
    """Build a town with pages that customers reach."""
    town = make_town(public_url=PUBLIC)
    town.add_isp()
    with serving(Uses(town.house.stopping, town.clock)) as pages:
        yield town, pages


def link_in(mail: EmailMessage) -> str:
    """Return the path of the link by which a mail program stops what it shows."""
    url = re.match(r"<(https:[^>]+)>", str(mail["List-Unsubscribe"]))
    assert url
    assert url[1].startswith(f"{PUBLIC}/")
    return urlsplit(url[1]).path


def alerted(town: Town, client: Client) -> str:
    """Pair a customer and let an alert reach them; return the path of its link."""
    town.settled(client)
    town.bill(client, due_in=1)
    town.go_round()
    return link_in(read(town.inbox.to(str(client.email))[-1]))


def test_one_click_of_a_mail_program_stops_that_address(
    reachable: tuple[Town, httpx.Client],
) -> None:
    """What had not left is cancelled with the reason, nothing leaves later, and Bea gets hers."""
    town, pages = reachable
    ana, bea = town.customer("Ana"), town.customer("Bea")
    town.settled(ana, bea)
    town.bill(ana, due_in=1)
    town.bill(bea, due_in=1)
    town.go_round()
    mail = read(town.inbox.to("ana@clientes.example")[-1])
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"

    town.wait(hours=80)
    town.bill(ana, due_in=1)
    town.bill(bea, due_in=1)
    town.sync()
    answer = pages.post(link_in(mail), data=ONE_CLICK)
    town.go_round()

    assert answer.status_code == 200
    assert len(town.inbox.to("ana@clientes.example")) == 1
    assert len(town.inbox.to("bea@clientes.example")) == 2
    with town.house.database.read() as session:
        channel = session.scalars(select(Channel).where(Channel.label.startswith("a"))).one()
        assert channel.disabled_reason == "no_consent"
        assert channel.disabled_by is None
        ended = session.scalars(
            select(Delivery).where(Delivery.channel_id == channel.id, Delivery.state != "skipped")
        )
        assert {(row.state, row.reason) for row in ended} == {
            ("sent", None),
            ("cancelled", "no_consent"),
        }


@on_sqlite
def test_looking_at_the_page_stops_nothing(reachable: tuple[Town, httpx.Client]) -> None:
    """Scanners of mail open every link; only the button acts."""
    town, pages = reachable
    ana = town.customer("Ana")
    path = alerted(town, ana)

    page = pages.get(path)
    pages.head(path)

    assert page.status_code == 200
    assert "¿No querés recibir más avisos?" in page.text
    assert "ana@clientes.example" not in page.text
    town.wait(hours=80)
    town.bill(ana, due_in=1)
    town.go_round()
    assert len(town.inbox.to("ana@clientes.example")) == 2


@on_sqlite
def test_the_button_stops_once_and_says_so(reachable: tuple[Town, httpx.Client]) -> None:
    """Pressed twice it says the same; whoever has no other channel left is not paired any more."""
    town, pages = reachable
    path = alerted(town, town.customer("Ana"))

    first, second = (pages.post(path, data={"todo": "0"}) for _ in range(2))

    assert first.text == second.text == pages.get(path).text
    assert "Listo: no te avisamos más acá" in first.text
    assert "ayuda@interatos.example" in first.text
    with town.house.database.read() as session:
        assert not session.scalars(select(Account)).one().paired


@on_sqlite
def test_the_others_stay_open_until_all_are_stopped(
    reachable: tuple[Town, httpx.Client],
) -> None:
    """The page names what goes on, and stops that too if it is told to."""
    town, pages = reachable
    ana = town.customer("Ana")
    town.pair(ana, "ana@clientes.example", "otra@clientes.example")
    town.sync()
    town.bill(ana, due_in=1)
    town.go_round()
    path = link_in(read(town.inbox.to("ana@clientes.example")[-1]))

    one = pages.post(path, data=ONE_CLICK)
    with town.house.database.read() as session:
        assert session.scalars(select(Account)).one().paired
    everything = pages.post(path, data={"todo": "1"})

    assert "Siguen llegando a" in one.text
    assert "Siguen llegando a" not in everything.text
    with town.house.database.read() as session:
        assert not session.scalars(select(Account)).one().paired


@on_sqlite
def test_the_link_stands_in_the_letter_too(reachable: tuple[Town, httpx.Client]) -> None:
    """Both texts have it, since not every mail program shows its own button."""
    town, _pages = reachable
    ana = town.customer("Ana")
    path = alerted(town, ana)

    mail = read(town.inbox.to("ana@clientes.example")[-1])
    html, plain = mail.get_body(("html",)), mail.get_body(("plain",))
    assert html is not None
    assert plain is not None
    assert f'href="{PUBLIC}{path}"' in html.get_content()
    assert f"{PUBLIC}{path}" in plain.get_content()


@on_sqlite
def test_nobody_stops_somebody_else(reachable: tuple[Town, httpx.Client]) -> None:
    """Whatever is changed in a link, it leads nowhere, and nothing is stopped."""
    town, pages = reachable
    path = alerted(town, town.customer("Ana"))
    other = alerted(town, town.customer("Bea"))
    number, _, digest = path.rpartition("/")[2].partition("-")
    theirs = other.rpartition("-")[2]
    wrong = [
        f"/baja/{number}-{theirs}", f"/baja/{number}", f"/baja/{number}-{digest[:-1]}",
        f"/baja/{number}-{digest.upper()}", f"/baja/0{number}-{digest}",
        f"/baja/9{number}-{digest}", f"/baja/{'9' * 30}-{digest}", f"/baja/١-{digest}",
        "/baja/", "/", "/baja/%00",
    ]  # fmt: skip

    for bad in wrong:
        assert pages.get(bad).status_code == 404, bad
        assert pages.post(bad, data=ONE_CLICK).status_code == 404, bad

    assert "leads nowhere" in pages.get("/baja/1", headers={"Accept-Language": "en-US,en"}).text
    with town.house.database.read() as session:
        assert all(row.disabled_at is None for row in session.scalars(select(Channel)))


@on_sqlite
def test_the_page_keeps_to_itself(reachable: tuple[Town, httpx.Client]) -> None:
    """Neither a search engine, a cache, another page nor a script gets hold of it."""
    town, pages = reachable
    headers = pages.get(alerted(town, town.customer("Ana"))).headers

    assert headers["cache-control"] == "no-store"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["x-robots-tag"] == "noindex, nofollow"
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "set-cookie" not in headers
    assert "Disallow: /" in pages.get("/robots.txt").text


@on_sqlite
def test_an_endless_form_is_not_read_to_its_end(reachable: tuple[Town, httpx.Client]) -> None:
    """It asks for what every form on this page asks for."""
    town, pages = reachable
    path = alerted(town, town.customer("Ana"))

    answer = pages.post(path, content=b"x" * 200_000)

    assert answer.status_code == 200
    assert "Listo" in answer.text


def test_the_command_serves_and_names_what_is_wrong(town: Town) -> None:
    """An address that is taken is one line before anything runs."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ran = town.cli("web", WEB=f"127.0.0.1:{port}")

    assert ran.code == 1
    assert ran.stderr.startswith(f"error: ALERTA_WEB: cannot listen at 127.0.0.1:{port}")
    assert town.cli("web", WEB="8480").stderr.startswith("error: ALERTA_WEB: must be HOST:PORT")
