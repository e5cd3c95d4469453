"""What every aggregator is promised, whatever its format; and what is peculiar to each."""

import json
from collections.abc import Iterator
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from redis import Redis
from sqlalchemy import func, select

from core.settings import Settings
from members.tables import MemberRow, PinRow
from payments.contributions.tables import Contribution
from tests.ussd_app.aggregators import (
    CODE,
    WIRES,
    AfricasTalkingWire,
    ArkeselWire,
    Call,
    SlowCall,
    Stopwatch,
    TruRouteWire,
)
from tests.ussd_app.conftest import PIN
from ussd_app.application import create_app
from ussd_app.bootstrap import Services, build
from ussd_app.gateway.aggregator import Aggregator, Dialling
from ussd_app.gateway.hop import Hop, SessionEnd, UnreadablePost


@pytest.fixture
def clock() -> Stopwatch:
    return Stopwatch()


@pytest.fixture
def services(settings: Settings, clock: Stopwatch, redis: Redis) -> Iterator[Services]:
    # The store has been remembering for long: nothing on it was lost lately.
    redis.set("ussd:since", 1)
    built = build(settings, clock=clock)
    yield built
    built.close()


@pytest.fixture
def client(services: Services) -> FlaskClient:
    return create_app(services).test_client()


@pytest.fixture(params=WIRES)
def call(request: pytest.FixtureRequest, client: FlaskClient, clock: Stopwatch) -> Call:
    return SlowCall(client, WIRES[request.param](), clock=clock)


def saved(services: Services) -> list[int]:
    with services.sessions.begin() as session:
        return sorted(session.scalars(select(Contribution.amount_cents)))


def test_a_person_joins_and_saves(call: SlowCall, services: Services) -> None:
    call.join()
    call.dial()
    call.answer("1", "4", "50", "1")
    assert call.ended
    assert saved(services) == [5000]


def test_the_same_post_again_gets_the_same_reply_and_no_second_effect(
    call: SlowCall, services: Services
) -> None:
    call.join()
    first = call.dial()
    assert call.again() == first
    for typed in ("1", "4", "50"):
        screen = call.answer(typed)
        assert call.again() == screen
    last = call.answer("1")
    assert call.again() == last
    call.clock.read_a_screen()
    assert call.again() == last, "after the end however late"
    assert saved(services) == [5000]


def test_a_right_answer_twice_the_same_is_two_answers(call: SlowCall, services: Services) -> None:
    call.join()
    call.dial()
    call.answer("1")
    assert "Save KES" in call.answer("1"), "the first amount, then"
    call.answer("1")
    assert call.ended
    assert len(saved(services)) == 1


def test_a_dialled_amount_lands_on_the_confirmation(call: SlowCall, services: Services) -> None:
    call.join()
    assert "Save KES 200 from" in call.dial("200")
    assert saved(services) == []
    call.answer("1")
    assert saved(services) == [20000]


def test_dialled_positions_answer_nothing(call: SlowCall, services: Services) -> None:
    call.join()
    assert "We do not know that code" in call.dial("1*4*60*1")
    assert not call.ended
    assert saved(services) == []


def test_line_breaks_and_special_characters_arrive_as_they_are(call: SlowCall) -> None:
    screen = call.dial()
    assert "\n1 " in screen
    assert "&" not in screen
    assert "#10" not in screen


def test_another_phone_with_the_same_session_id_sees_nothing_of_the_first(
    call: SlowCall, client: FlaskClient
) -> None:
    call.join()
    call.dial()
    call.answer("1")
    other = Call(client, WIRES[call.wire.name](), number="+254733000111")
    assert "Choose language" in other.dial(session_id=call.session_id)


def test_a_session_dropped_is_continued(call: SlowCall) -> None:
    call.dial()
    call.answer("2", "1", "12345678")
    assert "Continue" in call.dial()


def test_stars_in_answers_and_empty_answers_do_no_harm(call: SlowCall, services: Services) -> None:
    call.join()
    call.dial()
    call.answer("1", "4")
    for odd in ("", "5*0", "*", "**", "*50*"):
        assert "KES" in call.answer(odd) or not call.ended
    assert saved(services) == []


def test_a_body_that_cannot_be_read_is_answered_with_an_end(call: SlowCall) -> None:
    for body in ("", "nonsense", "{", "[]", "<ussd>", "a=b&" * 100, "\x00", "é" * 9000):
        assert "dial again" in call.send(body)
        assert call.ended


@pytest.mark.parametrize("wire", [ArkeselWire(), TruRouteWire()], ids=lambda wire: wire.name)
class TestLatestInputAlone:
    """Formats that say neither what came before nor how often a post was sent."""

    def test_the_same_input_within_three_seconds_is_the_same_post(
        self, client: FlaskClient, clock: Stopwatch, wire: ArkeselWire
    ) -> None:
        call = SlowCall(client, wire, clock=clock)
        call.join()
        call.dial()
        amounts = call.answer("1")
        clock.instant += timedelta(seconds=2.9)
        assert call.again() == amounts
        clock.instant += timedelta(seconds=0.2)
        assert "Save KES" in call.again()

    def test_a_session_id_that_comes_back_is_another_session(
        self, client: FlaskClient, clock: Stopwatch, services: Services, wire: ArkeselWire
    ) -> None:
        call = SlowCall(client, wire, clock=clock)
        call.join()
        for amount in ("50", "60"):
            call.dial(session_id="7")
            call.answer("1", "4", amount, "1")
            with services.sessions.begin() as session:
                for row in session.scalars(select(Contribution)):
                    row.state = "failed"
        assert saved(services) == [5000, 6000]

    def test_a_start_in_the_middle_begins_anew_and_offers_to_continue(
        self, client: FlaskClient, clock: Stopwatch, services: Services, wire: ArkeselWire
    ) -> None:
        call = SlowCall(client, wire, clock=clock)
        call.join()
        call.dial(session_id="7")
        assert "Save KES 50 " in call.answer("1", "4", "50")
        assert "Continue" in call.dial(session_id="7")
        assert "Save KES 50 " in call.answer("1"), "what was a yes before is no yes now"
        assert saved(services) == []

    def test_an_answer_to_a_session_nobody_remembers_shows_the_first_screen(
        self, client: FlaskClient, clock: Stopwatch, redis: Redis, services: Services, wire: ArkeselWire
    ) -> None:
        call = SlowCall(client, wire, clock=clock)
        call.join()
        call.dial()
        call.answer("1", "4", "50")
        redis.flushdb()
        assert "little by little" in call.answer("1")
        assert saved(services) == []


def test_the_end_comes_in_the_same_place_with_truroute(
    client: FlaskClient, clock: Stopwatch, services: Services
) -> None:
    call = SlowCall(client, TruRouteWire(), clock=clock)
    call.dial()
    for kind in ("3", "4", "10"):
        body = call.wire.body(call.session_id, call.number, ["x"], None)
        assert call.send(body.replace("<type>2</type>", f"<type>{kind}</type>")) == ""
        assert call.ended
    assert call.send(body.replace("<type>2</type>", "<type>7</type>")).startswith("We could not read")


def test_xml_with_a_document_type_is_refused(client: FlaskClient, clock: Stopwatch) -> None:
    call = SlowCall(client, TruRouteWire(), clock=clock)
    bomb = '<!DOCTYPE ussd [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><ussd><msg>&b;</msg></ussd>'
    assert "dial again" in call.send(bomb)


def test_arkesel_is_answered_with_what_it_asked(client: FlaskClient) -> None:
    body = ArkeselWire().body("s1", "+254712345678", [], "")
    reply = client.post("/gateway/dev/arkesel/ussd", data=body)
    answer = json.loads(reply.get_data(as_text=True))
    assert (answer["sessionID"], answer["userID"], answer["msisdn"]) == ("s1", "KIBABA", "254712345678")


@pytest.mark.parametrize("name", sorted(WIRES))
def test_a_wrong_token_or_method_is_refused_before_anything_is_read(client: FlaskClient, name: str) -> None:
    assert client.post(f"/gateway/wrong/{name}/ussd", data="x").status_code == 404
    assert client.get(f"/gateway/dev/{name}/ussd").status_code == 405
    assert client.post(f"/gateway/dev/{name}/ussd/end", data="nonsense").status_code == 200
    assert client.post(f"/gateway/dev/{name}x/ussd", data="x").status_code == 404


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("", ""),
        ("1*2", "1*2"),
        (CODE, ""),
        ("*384*96*200#", "200"),
        ("*384*96#*1*2", "1*2"),
        ("*384*96*200#*1", "200*1"),
        ("*384*961#", "*384*961#"),
        ("*", "*"),
        ("*1", "*1"),
        ("384*96", "384*96"),
    ],
)
def test_the_dialled_code_is_no_answer(text: str, left: str) -> None:
    assert Dialling("KE", CODE).without_code(text) == left


def test_a_code_passed_on_as_an_answer_begins_like_a_plain_dial(client: FlaskClient) -> None:
    call = Call(client, AfricasTalkingWire())
    first = call.dial(CODE)
    assert "Choose language" in first
    assert "We do not know" not in call.answer("1")


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("arkesel", '{"sessionID": "1", "newSession": "true", "msisdn": "254712345678", "userData": "1"}'),
        ("arkesel", '{"sessionID": "", "newSession": true, "msisdn": "254712345678", "userData": "1"}'),
        ("arkesel", '{"sessionID": "1", "newSession": true, "msisdn": "12", "userData": "1"}'),
        ("arkesel", '{"sessionID": "1", "newSession": true, "msisdn": "254712345678", "userData": ["1"]}'),
        ("truroute", "<ussd><msisdn>254712345678</msisdn><sessionid>1</sessionid><msg>1</msg></ussd>"),
        ("truroute", "<ussd><msisdn>254712345678</msisdn><type>1</type><msg>1</msg></ussd>"),
        ("africastalking", "sessionId=1&phoneNumber=12&text="),
        ("africastalking", "phoneNumber=%2B254712345678&text="),
    ],
)
def test_a_post_without_its_fields_is_unreadable(services: Services, name: str, wrong: str) -> None:
    aggregator = by_name(services, name)
    with pytest.raises(UnreadablePost):
        aggregator.parse_hop(wrong.encode())


def by_name(services: Services, name: str) -> Aggregator:
    return next(aggregator for aggregator in services.aggregators if aggregator.name == name)


def test_a_pin_hides_in_every_repr(services: Services) -> None:
    for name, wire in WIRES.items():
        hop = by_name(services, name).parse_hop(wire().body("1", "+254712345678", ["4926"], None).encode())
        assert isinstance(hop, Hop | SessionEnd)
        assert "4926" not in repr(hop)


def test_a_start_posted_twice_is_one_session(call: SlowCall, services: Services) -> None:
    first = call.dial()
    assert call.again() == first
    call.answer("2", "1", "12345678", "1", PIN, PIN)
    with services.sessions.begin() as session:
        assert session.scalar(select(func.count()).select_from(MemberRow)) == 1
        assert session.scalars(select(PinRow.failed_count)).one() == 0
