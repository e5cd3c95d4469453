"""A verdict on a PIN is remembered for that PIN on that screen, and for nothing else."""

import threading
from collections.abc import Callable

import pytest
from flask import Flask
from redis import Redis
from sqlalchemy import select

from members.tables import PinRow
from tests.ussd_app.conftest import PIN, Phone, join
from ussd_app.bootstrap import Services

NUMBER = "+254712345678"


def failures(services: Services) -> int:
    with services.sessions.begin() as session:
        return session.scalars(select(PinRow.failed_count)).one()


@pytest.fixture
def member(phone: Callable[[str], Phone]) -> Phone:
    caller = phone(NUMBER)
    join(caller)
    return caller


@pytest.mark.parametrize("way", ["2", "3"])
def test_a_right_pin_opens_nothing_to_another_pin_once_the_session_is_forgotten(
    services: Services, redis: Redis, member: Phone, way: str
) -> None:
    """Who holds the aggregator's token may begin the same session anew; its answers have the same numbers."""
    member.dial()
    member.answer("2")
    assert "saved" in member.answer(PIN)
    redis.flushdb()
    redis.set("ussd:since", 1)
    member.text = ""
    member.post()
    member.answer(way)
    assert "not right" in member.answer("9182")
    assert failures(services) == 1


def test_the_same_pin_again_after_the_session_is_forgotten_is_not_counted_again(
    services: Services, redis: Redis, member: Phone
) -> None:
    member.dial()
    member.answer("2")
    wrong = member.answer("9182")
    redis.flushdb()
    assert member.post() == wrong
    redis.flushdb()
    assert "saved" in member.answer(PIN)
    redis.flushdb()
    member.post()
    assert failures(services) == 0


def test_a_wrong_pin_posted_four_times_at_once_counts_once(
    app: Flask, services: Services, member: Phone
) -> None:
    member.dial()
    member.answer("2")
    together = threading.Barrier(4)

    def post() -> None:
        again = Phone(app.test_client(), NUMBER, member.session_id, "2*9182")
        together.wait()
        again.post()

    threads = [threading.Thread(target=post) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures(services) == 1
