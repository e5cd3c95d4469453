"""Whatever callers, gateways and servers do: every reply is the right one, every effect happens once.

The model is `operations.walks.model`. Hypothesis walks on plain memory, where it can look for the shortest
way to a fault; seeds walk on real servers. `bin/kibaba menus walk --count 100000` is the long run.
"""

import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test
from redis import Redis
from redis.exceptions import ConnectionError as RedisAwayError
from redis.exceptions import TimeoutError as RedisSlowError

from core.database import Sessions
from core.vault import Vault
from operations.walks.memory import Memory
from operations.walks.run import quietly, run
from operations.walks.stand_ins import DEAF_SECONDS, SteppingClock, no_funnel
from operations.walks.town import Town
from operations.walks.walker import Walker, WalkError, random_walk
from tests.ussd_app.planted_faults import FAULTS
from ussd_app.gateway.graphs import Definition, Graphs
from ussd_app.gateway.host import Host
from ussd_app.gateway.session_store import SessionStore
from ussd_app.gateway.turns import Turns

DEFINITION = Definition.read()
VAULT = Vault([b"pii-key-of-the-walks-0123456789abcdef"], b"index-key-of-the-walks-0123456789abcd")
TYPED = st.sampled_from(
    ["1", "2", "3", "4", "5", "0", "00", "98", "", "*", "50", "250", "1990", "12345670", "22334453", "4926"]
) | st.text("0123456789* x", max_size=9)


class Walks(RuleBasedStateMachine):
    """One caller's day, as Hypothesis would have it."""

    def __init__(self) -> None:
        super().__init__()
        self.walker = Walker(DEFINITION.graph, Memory(DEFINITION, VAULT, 160))

    @initialize(phone=st.integers(0, 1), latest=st.booleans(), settled=st.booleans())
    def first_call(self, phone: int, latest: bool, settled: bool) -> None:
        if settled:
            self.walker.remember_for_long()
        self.walker.dial(phone, "", latest=latest, reuse=False)

    @rule(
        phone=st.integers(0, 1),
        link=st.sampled_from(["", "200", "01", "1*1", "01*4926"]),
        latest=st.booleans(),
        reuse=st.booleans(),
    )
    def dial(self, phone: int, link: str, latest: bool, reuse: bool) -> None:
        self.walker.dial(phone, link, latest=latest, reuse=reuse)

    @rule(typed=TYPED, arrives=st.integers(0, 9).map(bool))
    def answer(self, typed: str, arrives: bool) -> None:
        self.walker.answer(typed, arrives=arrives)

    @rule(typed=st.lists(st.sampled_from(["1", "1", "2", "4926", "12345670", "50"]), min_size=2, max_size=7))
    def answer_in_a_row(self, typed: list[str]) -> None:
        for text in typed:
            self.walker.answer(text)

    @rule(back=st.integers(0, 6))
    def post_again(self, back: int) -> None:
        self.walker.repeat(back)

    @rule(text=st.text("0129*", max_size=6))
    def contradict(self, text: str) -> None:
        self.walker.contradict(text)

    @rule(index=st.integers(0, 3))
    def turn_to(self, index: int) -> None:
        self.walker.turn_to(index)

    @rule(dropped=st.booleans())
    def end(self, dropped: bool) -> None:
        self.walker.end(dropped=dropped)

    @rule()
    def restart(self) -> None:
        self.walker.restart()

    @rule()
    def flush(self) -> None:
        self.walker.flush()

    @rule(away=st.booleans())
    def redis_away_or_back(self, away: bool) -> None:
        self.walker.away(away=away)

    @rule()
    def redis_stores_and_is_not_heard(self) -> None:
        self.walker.lose_answer()

    @rule(seconds=st.sampled_from([1, 2, 60, 280, 400, 1000]))
    def wait(self, seconds: int) -> None:
        self.walker.wait(seconds)


def test_every_reply_is_the_right_one_whatever_happens() -> None:
    with quietly():
        run_state_machine_as_test(
            Walks,
            settings=settings(
                max_examples=200,
                stateful_step_count=25,
                deadline=None,
                suppress_health_check=list(HealthCheck),
            ),
        )


def test_a_thousand_walks_from_seeds() -> None:
    tally = run(1000, seed=7_000_000, steps=25, told=lambda _tally: None)
    assert tally.walks == 1000
    assert min(tally.joined, tally.saved, tally.losses, tally.restarts) > 0


@pytest.mark.parametrize("seed", [58_893, 1_002_097])
def test_walks_that_once_went_wrong(seed: int) -> None:
    assert run(1, seed=seed, steps=25, told=lambda _tally: None).walks == 1


class Unheard(SessionStore):
    """A store whose answers may get lost; afterwards it is not asked for a second of the walk's time."""

    servers: "Servers"

    def _run(self, *told: Any) -> Any:
        answer = super()._run(*told)
        if self.servers.loses_answer and answer is None:
            self.servers.loses_answer = False
            self.servers.deaf_until = self.servers.clock.now() + timedelta(seconds=DEAF_SECONDS)
            raise RedisSlowError("no answer in time")
        return answer

    def _ask(self, *command: str | bytes | int) -> Any:
        if self.servers.clock.now() < self.servers.deaf_until:
            raise RedisAwayError("no answer a moment ago")
        return super()._ask(*command)


class Servers:
    """Real PostgreSQL and Redis under the same walk. Time does not pass for them as the walk has it."""

    def __init__(self, redis: Redis, sessions: Sessions, stack: ExitStack) -> None:
        self.clock = SteppingClock()
        self.redis = redis
        self.sessions = sessions
        self.nowhere = Redis.from_url("redis://127.0.0.1:9/0")
        stack.callback(self.nowhere.close)
        self.is_away = self.loses_answer = False
        self.deaf_until = self.clock.now()

    def host(self, town: Town) -> Host:
        store = Unheard(self.nowhere if self.is_away else self.redis, VAULT, session_seconds=300)
        store.servers = self
        return Host(
            graphs=Graphs(self.sessions, self.clock, DEFINITION),
            store=store,
            sessions=self.sessions,
            turns=Turns(self.sessions, town, self.clock, 160),
            funnel=no_funnel(),
            vault=VAULT,
            clock=self.clock,
        )

    def flush(self) -> None:
        self.redis.flushdb()

    def set_away(self, *, away: bool) -> None:
        self.is_away = away

    def lose_answer(self) -> None:
        self.loses_answer = True

    def remember_for_long(self) -> None:
        self.redis.set("ussd:since", 1)


class Unhurried(Walker):
    """A walk without long pauses: Redis would not notice them."""

    def wait(self, seconds: int) -> None:
        super().wait(min(seconds, 2))


@pytest.mark.parametrize("seed", range(40))
def test_the_same_walks_on_real_servers(redis: Redis, sessions: Sessions, seed: int) -> None:
    with ExitStack() as stack, quietly():
        walker = Unhurried(DEFINITION.graph, Servers(redis, sessions, stack))
        random_walk(walker, random.Random(seed), 30)  # noqa: S311 -- walked again from its seed


@contextmanager
def planted(plant: Callable[[pytest.MonkeyPatch], None]) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        plant(patch)
        yield


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_found(fault: str) -> None:
    with planted(FAULTS[fault]), pytest.raises(WalkError, match=r"seed \d+: "):
        run(3000, seed=10_000, steps=25, told=lambda _tally: None)
