"""The funnel counts how callers walk, cheaply, exactly, and without knowing anybody."""

import threading
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from urllib.parse import urlencode

import pytest
from flask.testing import FlaskClient
from pydantic import SecretStr
from sqlalchemy import Engine, select, text
from sqlalchemy import func as sql

from core.logging import log
from core.settings import Settings
from menus import Event
from tests.ussd_app.aggregators import AfricasTalkingWire, ArkeselWire, SlowCall, Stopwatch
from tests.ussd_app.conftest import PIN
from ussd_app.application import create_app
from ussd_app.bootstrap import Services, build
from ussd_app.gateway import funnel
from ussd_app.gateway.funnel import NETWORKS_PER_DAY_MAX, Marks
from ussd_app.gateway.tables import MenuFunnel

DAY = date(2026, 11, 22)
Counts = Callable[[str], dict[str, int]]


@pytest.fixture
def clock() -> Stopwatch:
    return Stopwatch()


@pytest.fixture
def services(settings: Settings, clock: Stopwatch) -> Iterator[Services]:
    built = build(settings, clock=clock)
    yield built
    built.close()


@pytest.fixture
def client(services: Services) -> FlaskClient:
    return create_app(services).test_client()


@pytest.fixture
def call(client: FlaskClient, clock: Stopwatch) -> SlowCall:
    return SlowCall(client, AfricasTalkingWire(), clock=clock)


@pytest.fixture
def counts(services: Services) -> Counts:
    """The sums of one screen, after what is in memory was written."""

    def of(screen: str) -> dict[str, int]:
        services.funnel.flush()
        names = [column.name for column in MenuFunnel.__table__.columns][5:]
        with services.sessions.begin() as session:
            row = session.execute(
                select(*(sql.sum(getattr(MenuFunnel, name)).label(name) for name in names)).where(
                    MenuFunnel.screen == screen
                )
            ).one()
        return {name: int(value) for name, value in row._mapping.items() if value}

    return of


def end(client: FlaskClient, call: SlowCall, status: str) -> None:
    fields = {"sessionId": call.session_id, "phoneNumber": call.number, "status": status}
    assert client.post("/gateway/dev/africastalking/ussd/end", data=urlencode(fields)).status_code == 200


def test_a_screen_counts_who_came_who_went_on_and_how_long_it_took(call: SlowCall, counts: Counts) -> None:
    call.dial()
    call.answer("7", "2", "0", "2")
    assert counts("language") == {
        "entered": 2,
        "answered": 2,
        "invalid": 1,
        "left": 2,
        "timed": 3,
        "milliseconds": 12_000,
    }
    assert counts("about")["entered"] == 2


def test_a_post_that_comes_again_is_counted_once(call: SlowCall, counts: Counts) -> None:
    call.dial()
    call.again()
    call.answer("2")
    for _ in range(3):
        call.again()
    assert counts("language") == {"entered": 1, "answered": 1, "left": 1, "timed": 1, "milliseconds": 4000}


def test_a_walk_that_is_rebuilt_is_not_counted_anew(
    settings: Settings, clock: Stopwatch, counts: Counts, services: Services
) -> None:
    storeless = build(
        settings.model_copy(update={"redis_url": SecretStr("redis://127.0.0.1:9/0")}), clock=clock
    )
    call = SlowCall(create_app(storeless).test_client(), AfricasTalkingWire(), clock=clock)
    call.dial()
    call.answer("2", "1")
    storeless.close()
    assert counts("language") == {"entered": 1, "answered": 1, "left": 1}


def test_a_dropped_call_is_counted_where_it_was_dropped(
    client: FlaskClient, call: SlowCall, counts: Counts
) -> None:
    call.dial()
    call.answer("2")
    end(client, call, "Incomplete")
    end(client, call, "Incomplete")
    call.dial()
    assert counts("about")["abandoned"] == 1


def test_where_no_end_is_told_dialling_again_tells_it(
    client: FlaskClient, clock: Stopwatch, counts: Counts
) -> None:
    call = SlowCall(client, ArkeselWire(), clock=clock)
    call.dial()
    call.answer("2")
    call.dial()
    call.dial()
    assert counts("about")["abandoned"] == 1


def test_a_dropped_call_that_is_begun_anew_was_dropped_once(
    client: FlaskClient, call: SlowCall, counts: Counts
) -> None:
    call.dial()
    call.answer("2", "1")
    end(client, call, "Incomplete")
    assert "Start again" in call.dial()
    call.answer("2")
    assert counts("national_id")["abandoned"] == 1


def test_a_call_that_reached_its_end_is_not_abandoned(
    client: FlaskClient, call: SlowCall, counts: Counts
) -> None:
    call.join()
    end(client, call, "Success")
    end(client, call, "Incomplete")
    assert counts("joined_pending")["ended"] == 1
    assert "abandoned" not in counts("joined_pending")


def test_counts_are_written_at_the_end_of_a_process_and_kept_while_the_database_is_away(
    settings: Settings, clock: Stopwatch, counts: Counts, services: Services
) -> None:
    other = build(settings, clock=clock)
    call = SlowCall(create_app(other).test_client(), AfricasTalkingWire(), clock=clock)
    call.dial()
    with services.sessions.begin() as session:
        session.execute(text("ALTER TABLE menu_funnel RENAME TO menu_funnel_away"))
    other.funnel.flush()
    with services.sessions.begin() as session:
        session.execute(text("ALTER TABLE menu_funnel_away RENAME TO menu_funnel"))
    assert counts("language") == {}
    other.close()
    assert counts("language") == {"entered": 1}


def test_networks_that_are_made_up_are_counted_together(services: Services, clock: Stopwatch) -> None:
    """Whoever posts chooses the network's code, and what it makes in the database stays."""

    def networks() -> set[str]:
        services.funnel.flush()
        with services.sessions.begin() as session:
            return set(session.scalars(select(MenuFunnel.network)))

    def post(codes: range) -> None:
        for number in codes:
            services.funnel.count(Marks("graph", "en", f"N{number}"), [Event("entered", "menu")])

    post(range(200))
    post(range(200))
    kept = networks()
    assert "" in kept
    assert len(kept) == NETWORKS_PER_DAY_MAX
    clock.instant += timedelta(days=1)
    post(range(200, 203))
    assert networks() - kept == {"N200", "N201", "N202"}


def test_what_is_kept_while_the_database_is_away_has_a_bound(
    services: Services, counts: Counts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(funnel, "_KEPT_MAX", 5)
    with services.sessions.begin() as session:
        session.execute(text("ALTER TABLE menu_funnel RENAME TO menu_funnel_away"))
    dropped: list[int] = []
    monkeypatch.setattr(log, "warning", lambda _event, **said: dropped.append(said.get("answers", 0)))
    for _ in range(2):
        for number in range(8):
            services.funnel.count(Marks("graph", "en", f"N{number}"), [Event("entered", "menu")])
        services.funnel.flush()
    with services.sessions.begin() as session:
        session.execute(text("ALTER TABLE menu_funnel_away RENAME TO menu_funnel"))
    assert counts("menu") == {"entered": 10}
    assert sum(dropped) == 6


def test_who_closes_waits_for_who_is_writing(
    settings: Settings, clock: Stopwatch, engine: Engine, counts: Counts
) -> None:
    built = build(settings, clock=clock)
    SlowCall(create_app(built).test_client(), AfricasTalkingWire(), clock=clock).dial()
    writer = threading.Thread(target=built.funnel.flush)
    closer = threading.Thread(target=built.close)
    with engine.begin() as other:
        other.execute(text("LOCK TABLE menu_funnel IN ACCESS EXCLUSIVE MODE"))
        writer.start()
        waiting = text(
            "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'menu_funnel'::regclass"
        )
        while not other.scalar(waiting):
            pass
        closer.start()
        # Closing now would drop the pool under the writer, whose connection nobody would close.
        closer.join(0.2)
        assert closer.is_alive()
    closer.join()
    writer.join()
    assert counts("language")["entered"] == 1


def test_rows_of_two_processes_add_up(settings: Settings, clock: Stopwatch, counts: Counts) -> None:
    for _ in range(2):
        built = build(settings, clock=clock)
        SlowCall(create_app(built).test_client(), AfricasTalkingWire(), clock=clock).dial()
        built.close()
    assert counts("language") == {"entered": 2, "abandoned": 1}


def test_staff_read_screens_in_the_order_of_the_menus_with_their_words(
    call: SlowCall, services: Services
) -> None:
    call.join()
    services.funnel.flush()
    screens = services.funnel_reading.screens(DAY, DAY)
    names = [count.screen for count in screens]
    assert names[:2] == ["language", "about"]
    assert names.index("pin") < names.index("joined_pending")
    assert "save bit by bit" in screens[1].says
    assert screens[0].seconds == 4.0
    assert all(count.dropped == 0 for count in screens)
    assert services.funnel_reading.choices(DAY, DAY) == (["en"], ["63902"])
    assert services.funnel_reading.screens(DAY, DAY, network="63903") == []


def test_who_reads_the_balance_and_hangs_up_did_not_drop_out(
    client: FlaskClient, call: SlowCall, services: Services
) -> None:
    call.join()
    call.dial("01")
    call.answer(PIN)
    end(client, call, "Incomplete")
    services.funnel.flush()
    screens = {count.screen: count for count in services.funnel_reading.screens(DAY, DAY)}
    assert (screens["balance"].entered, screens["balance"].done, screens["balance"].dropped) == (1, 1, 0)


def test_the_page_shows_them(client: FlaskClient, call: SlowCall) -> None:
    call.dial()
    assert client.get("/dashboard/funnels/").status_code == 302, "staff sign in first"


def test_events_are_metrics_too(client: FlaskClient, call: SlowCall, services: Services) -> None:
    call.dial()
    services.funnel.flush()
    metrics = client.get("/metrics").get_data(as_text=True)
    assert 'kibaba_ussd_screen_events_total{event="entered",screen="language"}' in metrics
