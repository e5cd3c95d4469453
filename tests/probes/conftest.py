"""Kibaba as a subject of the behaviour probes: the real application, with all of its inside to look at."""

import itertools
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from redis import Redis
from sqlalchemy import func, select, text

import menus
from bench.posts import body
from bench.probes.definitions import faults_of_our_menus
from bench.probes.endpoint import Endpoint, Seen
from bench.probes.flow import KIBABA
from bench.probes.subject import Inside, Subject, keys_of
from core.ids import new_id
from core.phone import PhoneNumber
from core.settings import Settings
from payments.contributions.tables import Contribution
from payments.model import EvidenceChannel, MatchStep
from payments.receipts.tables import Receipt
from ussd_app.application import create_app
from ussd_app.bootstrap import Services, build
from ussd_app.gateway.session_store import Record, SessionStore

FORM = "application/x-www-form-urlencoded"
PATH = "/gateway/dev/africastalking/ussd"
XML_PATH = "/gateway/dev/truroute/ussd"


@dataclass(frozen=True)
class InProcess:
    """Posts to an application in this process, each time as another client."""

    app: Flask

    def post(self, session_id: str, phone: str, text: str) -> Seen:
        content = body(session_id, phone, text)
        reply = self.app.test_client().post(PATH, data=content, content_type=FORM)
        return Seen(reply.status_code, reply.get_data(as_text=True))


class House:
    """One running Kibaba, and what its inside tells."""

    def __init__(self, services: Services, settings: Settings, redis: Redis, directory: Path) -> None:
        self.services = services
        self.app = create_app(services)
        self._settings = settings
        self._redis = redis
        self._directory = directory
        self._opened: list[Services] = []

    def close(self) -> None:
        for services in self._opened:
            services.close()

    def session_keys(self) -> Mapping[str, int]:
        return keys_of(self._redis, KIBABA)

    def savings(self) -> int:
        with self.services.sessions.begin() as session:
            return session.scalar(select(func.count()).select_from(Contribution)) or 0

    def redeployed(self) -> Endpoint:
        """Another process on menus whose home screens offer their options in the opposite order."""
        root = self._directory / "menus"
        for part in ("screens", "texts"):
            shutil.copytree(Path(menus.__file__).parent / part, root / part)
        save = root / "screens" / "save.yaml"
        written = save.read_text()
        turned = re.sub(r"(?<=options:\n)(?:      \w+: \w+\n)+", _opposite, written)
        assert turned != written
        save.write_text(turned)
        services = build(self._settings, menu_root=root)
        self._opened.append(services)
        return InProcess(create_app(services))

    def change_list(self, phone: str) -> None:
        """A payment of KES 70 arrives: from now on it is the member's usual amount."""
        now = self.services.clock.now()
        with self.services.sessions.begin() as session:
            member = self.services.members.by_phone(session, PhoneNumber(phone))
            assert member is not None
            session.add(
                Receipt(
                    id=new_id(),
                    wallet="mpesa",
                    shortcode="174379",
                    receipt=new_id().hex[:10].upper(),
                    amount_cents=70_00,
                    currency="KES",
                    member_id=member.id,
                    source=EvidenceChannel.STK_CALLBACK,
                    match_step=MatchStep.PROMPT,
                    particulars="{}",
                    paid_at=now - timedelta(minutes=1),
                    recorded_at=now,
                )
            )

    def stored(self) -> Iterator[tuple[str, str]]:
        """Every row of every table and every value in Redis, as text."""
        with self.services.sessions.begin() as session:
            tables = session.scalars(
                text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
            ).all()
            for table in tables:
                for row in session.scalars(text(f'SELECT t::text FROM "{table}" t')):  # noqa: S608 -- names of the catalogue
                    yield table, row
        for key in self._redis.scan_iter():
            value = self._redis.hgetall(key) if self._redis.type(key) == b"hash" else self._redis.get(key)
            yield "redis", f"{key!r} {value!r}"

    def xml_reply(self, phone: str) -> str:
        content = (
            f"<ussd><msisdn>{phone[1:]}</msisdn><sessionid>1</sessionid><type>1</type>"
            "<msg>*384*96#</msg></ussd>"
        )
        reply = self.app.test_client().post(XML_PATH, data=content, content_type="text/xml")
        # The first line is the declaration; a caller reads what stands in msg.
        shown = re.search(r"<msg>(.*)</msg>", reply.get_data(as_text=True), re.DOTALL)
        assert shown is not None
        return shown[1]


@pytest.fixture
def house(settings: Settings, redis: Redis, tmp_path: Path) -> Iterator[House]:
    services = build(settings)
    house = House(services, settings, redis, tmp_path)
    yield house
    house.close()
    services.close()


@pytest.fixture
def subject(house: House, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> Subject:
    """Every phone is new and joins first, with a national ID of its own."""

    def places_of(secret: str) -> list[str]:
        # Four digits stand in hashes and fractions of seconds by chance; a PIN would stand for itself.
        alone = re.compile(rf"(?<![0-9A-Za-z.+/_=-]){secret}(?![0-9A-Za-z.+/_=-])")
        output = capfd.readouterr()
        places = [("output", output.out), ("errors", output.err), ("log", caplog.text), *house.stored()]
        return [place for place, content in places if alone.search(content)]

    inside = Inside(
        session_keys=house.session_keys,
        savings=house.savings,
        definition_faults=faults_of_our_menus,
        redeployed=house.redeployed,
        change_list=house.change_list,
        crashing=crashing,
        places_of=places_of,
        xml_reply=house.xml_reply,
    )
    people = ((f"+2547123{number:05}", f"{20_000_000 + number}") for number in itertools.count())
    return Subject(InProcess(house.app), KIBABA, people, inside)


@contextmanager
def crashing() -> Iterator[None]:
    """The process breaks after the session was written and before the reply went out."""
    commit: Callable[..., Record | None] = SessionStore.commit

    def commit_and_break(self: SessionStore, *args: object, **kwargs: object) -> None:
        commit(self, *args, **kwargs)
        raise RuntimeError("broken between the write and the reply")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SessionStore, "commit", commit_and_break)
        yield


def _opposite(options: re.Match[str]) -> str:
    return "".join(reversed(options[0].splitlines(keepends=True)))
