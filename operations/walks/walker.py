"""Walks: what callers, gateways and servers may do, each step followed by a look at everything."""

import random
import re
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Final, Protocol

from core.phone import PhoneNumber
from menus import Graph
from menus.engine.graph import Kind
from menus.engine.gsm7 import septets
from operations.walks.model import Model
from operations.walks.stand_ins import SteppingClock
from operations.walks.town import Person, Town, sealed
from ussd_app.gateway.hop import Hop, InputMode, Reply, SessionEnd
from ussd_app.gateway.host import Host

PINS: Final = ("4926", "9182", "7777")
_PHONES: Final = ("+254712345678", "+254733000111")
_TYPED: Final = (
    "1", "1", "1", "2", "3", "4", "5", "0", "00", "98", "9", "", "*", "50", "70", "250", "5", "1990",
    "12345670", "12345671", "22334455", "87654323", "x", "1*1", "4*60*1", "50*", " 1 ", *PINS,
)  # fmt: skip
_IDS: Final = ("12345670", "12345671", "12345672", "22334453", "22334457")
_LINKS: Final = ("", "", "", "", "200", "01", "02", "9", "1*4*60*1", "01*4926", "200*1", "x")
# Which of two processes hears one post after the other; no draw of chance, so that seeds stay what they were.
_HEARD_BY: Final = "00010001110110000111001"
_AMOUNT: Final = re.compile(r"KES ([0-9,]+)")
_OPTION: Final = re.compile(r"^(\d{1,2}) ", re.MULTILINE)


class WalkError(AssertionError):
    """A reply or an effect that is not right; the message tells the whole walk."""


class Servers(Protocol):
    """What the host of a walk stands on, and what may happen to it."""

    clock: SteppingClock

    def host(self, town: Town) -> Host:
        """A host as a newly started process has it, on what the others left."""
        ...

    def flush(self) -> None:
        """The session store loses everything."""
        ...

    def set_away(self, *, away: bool) -> None:
        """The session store does not answer, or does again."""
        ...

    def lose_answer(self) -> None:
        """The session store keeps what it is given next, but its answer gets lost."""
        ...

    def remember_for_long(self) -> None:
        """The session store has lost nothing for a day."""
        ...


@dataclass
class Call:
    """A call as its gateway has it: all that was typed, and the posts it made."""

    session_id: str
    phone: str
    input: InputMode
    link: str
    typed: list[str] = field(default_factory=list)
    posts: list[Hop] = field(default_factory=list)
    reply: Reply | None = None
    unseen: int = 0
    # What the caller may see now: the reply to the newest post, or to that post when it came again.
    visible: list[str] = field(default_factory=list)


class Walker:
    """One walk. Every action posts to the host and to the model and compares them."""

    def __init__(self, graph: Graph, servers: Servers, budget: int = 160) -> None:
        people = {_PHONES[0]: Person("active", "en", sealed(PINS[0])), _PHONES[1]: Person()}
        self.town, told = Town(deepcopy(people)), Town(deepcopy(people))
        self.graph = graph
        self.servers = servers
        self.budget = budget
        self.model = Model(graph, told, servers.clock, budget)
        self.hosts = self._processes()
        self.calls: list[Call] = []
        self.story: list[str] = []
        self.posts = 0

    def dial(self, phone: int, link: str, *, latest: bool, reuse: bool) -> None:
        """A call begins; with an aggregator that reuses ids, perhaps under an id that was used."""
        mode: InputMode = "latest" if latest else "cumulative"
        used = [call.session_id for call in self.calls if call.input == "latest"]
        session_id = used[0] if reuse and latest and used else f"s{len(self.calls)}"
        call = Call(session_id, _PHONES[phone], mode, link)
        if link.isdigit():
            # Who dials an amount has named it, also when the first screen is lost on its way to them.
            call.visible = [f"KES {link}"]
        if reuse and latest:
            self.calls = [other for other in self.calls if other.session_id != session_id]
        self.calls.append(call)
        self._post(call, Hop(mode, session_id, PhoneNumber(call.phone), link, input=mode, starts=True))

    def answer(self, typed: str, *, arrives: bool = True) -> None:
        """The caller answers; the post may get lost on its way."""
        call = self.call()
        call.typed.append(typed)
        call.unseen += 1
        hop = self._hop(call)
        self.servers.clock.step(4)
        if arrives:
            self._post(call, hop)
        else:
            self.story.append(f"lost {typed!r}")
            if call.input == "latest":
                call.typed.pop()
                call.unseen -= 1

    def repeat(self, back: int) -> None:
        """The gateway posts again what it posted last, or an older post arrives once more."""
        call = self.call()
        if call.input == "latest":
            # An older post cannot be told from a new answer there: only the last one comes again.
            self._post(call, call.posts[-1])
        else:
            self._post(call, call.posts[-1 - back % len(call.posts)], is_new=False)

    def contradict(self, text: str) -> None:
        """A post with a text that this call never had."""
        call = self.call()
        if call.input == "cumulative" and call.reply is not None:
            hop = Hop(call.input, call.session_id, PhoneNumber(call.phone), text, input=call.input)
            self._post(call, hop, is_new=False)

    def turn_to(self, index: int) -> None:
        """Another call goes on."""
        self.calls.append(self.calls.pop(index % len(self.calls)))
        self.story.append(f"now {self.call().session_id}")

    def end(self, *, dropped: bool) -> None:
        """The gateway says that the call is over."""
        call = self.call()
        self.story.append(f"end dropped={dropped}")
        self._host().ended(SessionEnd(call.input, call.session_id, PhoneNumber(call.phone), dropped))

    def restart(self) -> None:
        """Other processes take over."""
        self.story.append("restart")
        self.hosts = self._processes()

    def flush(self) -> None:
        self.story.append("flush")
        self.servers.flush()
        self.model.lose()

    def away(self, *, away: bool) -> None:
        self.story.append(f"away={away}")
        self.servers.set_away(away=away)
        self.model.gone = away
        self.restart()

    def lose_answer(self) -> None:
        self.story.append("the store's next answer is lost")
        self.servers.lose_answer()
        self.model.loses_answer = True

    def remember_for_long(self) -> None:
        if not self.model.away:
            self.story.append("remembers for long")
            self.servers.remember_for_long()
            self.model.remember_for_long()

    def wait(self, seconds: int) -> None:
        self.story.append(f"wait {seconds}")
        self.servers.clock.step(seconds)

    def call(self) -> Call:
        return self.calls[-1]

    def _processes(self) -> tuple[Host, Host]:
        return self.servers.host(self.town), self.servers.host(self.town)

    def _host(self) -> Host:
        """The process that hears the next post: mostly the one that heard the last."""
        return self.hosts[int(_HEARD_BY[self.posts % len(_HEARD_BY)])]

    def _hop(self, call: Call) -> Hop:
        phone = PhoneNumber(call.phone)
        text = call.typed[-1]
        if call.input == "cumulative":
            text = "*".join([*([call.link] if call.link else []), *call.typed])
        return Hop(call.input, call.session_id, phone, text, input=call.input)

    def _post(self, call: Call, hop: Hop, *, is_new: bool = True) -> None:
        self.posts += 1
        if is_new:
            call.posts.append(hop)
        saved = len(self.town.person(call.phone).saved)
        before = call.visible
        one_by_one = is_new and call.unseen <= 1
        self.story.append(f"{hop.session_id} {hop.input} {hop.text!r}{' starts' * hop.starts}")
        right = self.model.post(hop)
        host = self._host()
        reply = host.answer(hop)
        self.story.append(f"    process {self.hosts.index(host)}: {reply.text!r}{' END' * reply.ends}")
        if self.model.is_deaf and not self.model.gone:
            # What it remembers of other calls would be news to the model.
            self.restart()
        if reply != right:
            self._wrong(f"the right reply is {right.text!r}{' END' * right.ends}")
        self._look(reply, call)
        new = self.town.person(call.phone).saved[saved:]
        if new and one_by_one:
            self._named(new, before)
        if is_new:
            call.reply, call.unseen = reply, 0
            if not reply.ends:
                # What ends a call asks nothing: a post that comes again afterwards, with the store back, is
                # still the answer to the question before.
                call.visible = [reply.text]
        elif hop.text == call.posts[-1].text:
            call.visible.append(reply.text)

    def _named(self, saved: list[int], before: list[str]) -> None:
        """What is saved by one answer was named on the screen before it."""
        named = {int(text.replace(",", "")) * 100 for text in _AMOUNT.findall("\n".join(before))}
        if len(saved) > 1 or saved[0] not in named:
            # Two answers in one text (`4*60*1`) go through a screen that nobody saw, as they ask for.
            if "*" in self.call().typed[-1]:
                return
            self._wrong(f"saved {saved}, which the screen before did not name")

    def _look(self, reply: Reply, call: Call) -> None:
        if self.town.people != self.model.town.people:
            self._wrong(f"what was set off differs: {self.town.people} / {self.model.town.people}")
        if septets(reply.text) > self.budget or not reply.text.strip():
            self._wrong("a page over the limit, or an empty one")
        if any(person.joined > 1 for person in self.town.people.values()):
            self._wrong("joined twice")
        if not reply.ends and not _OPTION.search(reply.text) and not self._takes_input(call):
            self._wrong("a screen with nothing to answer")

    def _takes_input(self, call: Call) -> bool:
        kept = self.model.calls.get((call.session_id, call.phone))
        if kept is None or self.model.away:
            return True
        session = kept.place.session
        assert session is not None
        screen = self.graph.screens[session.screen]
        return screen.kind in {Kind.INPUT, Kind.PIN}

    def _wrong(self, what: str) -> None:
        story = "\n".join(self.story)
        raise WalkError(f"{what}\n{story}")


def random_walk(walker: Walker, chance: random.Random, steps: int) -> None:
    """Calls as they come: mostly people answering what they are asked, sometimes everything else."""
    walker.dial(chance.randrange(2), "", latest=chance.random() < 0.3, reuse=False)  # noqa: PLR2004 -- three in ten
    if chance.random() < 0.7:  # noqa: PLR2004 -- most stores have been up for long
        walker.remember_for_long()
    for _ in range(steps):
        if chance.random() < 0.75:  # noqa: PLR2004 -- three in four steps are answers
            walker.answer(_typed(walker, chance), arrives=chance.random() > 0.04)  # noqa: PLR2004 -- few are lost
        else:
            chance.choice(_ODD)(walker, chance)


def _typed(walker: Walker, chance: random.Random) -> str:
    reply = walker.call().reply
    if reply is None or chance.random() > 0.8:  # noqa: PLR2004 -- one in five types anything
        return chance.choice(_TYPED)
    first, *lines = reply.text.split("\n")
    if "PIN" in first:
        return PINS[0]
    if " ID" in first and len(lines) <= 1:
        return chance.choice(_IDS)
    # Options on lines of their own are pressed more often than Back and Home, which share the last.
    options = [line.split(" ")[0] for line in lines if line[:1].isdigit()]
    return chance.choice(options) if options else chance.choice(("50", "250", "1990"))


def _dial(walker: Walker, chance: random.Random) -> None:
    latest, reuse = chance.random() < 0.3, chance.random() < 0.3  # noqa: PLR2004 -- three in ten
    walker.dial(chance.randrange(2), chance.choice(_LINKS), latest=latest, reuse=reuse)


_ODD: Final[tuple[Callable[[Walker, random.Random], None], ...]] = (
    _dial,
    _dial,
    lambda walker, _: walker.repeat(0),
    lambda walker, _: walker.repeat(0),
    lambda walker, chance: walker.repeat(chance.randrange(6)),
    lambda walker, chance: walker.contradict(chance.choice(("", "1", "1*4*60*1", "2*4926", "9*9", "1**1"))),
    lambda walker, chance: walker.turn_to(chance.randrange(4)),
    lambda walker, chance: walker.end(dropped=chance.random() < 0.5),  # noqa: PLR2004 -- half of them
    lambda walker, _: walker.restart(),
    lambda walker, _: walker.flush(),
    lambda walker, chance: walker.away(away=chance.random() < 0.5),  # noqa: PLR2004 -- half of them
    lambda walker, chance: walker.wait(chance.choice((1, 1, 2, 60, 280, 400, 1000))),
    lambda walker, _: walker.remember_for_long(),
    lambda walker, _: walker.lose_answer(),
)
