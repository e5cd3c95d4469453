"""Others ask whether somebody saves with us: yes or no, of one person, and nothing else is told or kept."""

import json
import uuid
from typing import Any

import pytest

from members.documents import PASSPORT, REFUGEE_ID, OtherDocument
from members.model import Status
from members.tables import MemberRow
from registry.connection import ReplySignatures, SignatureMode
from registry.keys import public_keys
from registry.questions import PERSON, PERSON_TYPE, PROGRAMME
from registry.server.model import Scope
from registry.signature import verify
from tests.registry.dci_world import DciWorld, Partner, code_of

ID = "12345678"


def question(value: str = ID, kind: str = "", **more: Any) -> dict[str, Any]:
    query: dict[str, Any] = {PERSON: {"eq": value}} | ({PERSON_TYPE: {"eq": kind}} if kind else {})
    criteria = {"query_type": "expression", "response_entity": "Member", "query": query | more}
    return {"transaction_id": str(uuid.uuid4()), "enrolled_criteria": criteria}


def ask(partner: Partner, message: dict[str, Any], **how: Any) -> Any:
    return partner.say("sync/enrolled", "search", message, **how)


def told(partner: Partner, *about: str, **more: Any) -> str:
    """The word of an answer that holds nothing else."""
    answer = ask(partner, question(*about, **more))
    assert (answer["header"]["action"], answer["header"]["status"]) == ("on-search", "succ"), answer
    [entry] = answer["message"]["enrolled_response"]
    assert set(entry) == {"enrolled_status"}
    return str(entry["enrolled_status"])


def change(world: DciWorld, member: MemberRow, **values: Any) -> None:
    with world.sessions.begin() as session:
        row = session.get_one(MemberRow, member.id)
        for name, value in values.items():
            setattr(row, name, value)


def test_a_member_is_known_by_national_id_and_by_number_and_nobody_is_a_clear_no(world: DciWorld) -> None:
    member, partner = world.member(ID), world.partner()
    assert told(partner) == told(partner, ID, "UIN") == told(partner, member.number, "NSSF_NO") == "yes"
    assert told(partner, "7654321") == "no"


@pytest.mark.parametrize("status", list(Status))
def test_who_can_save_is_enrolled_and_the_dead_and_the_closed_are_not(
    world: DciWorld, status: Status
) -> None:
    change(world, world.member(ID), status=status)
    assert told(world.partner()) == ("yes" if status.is_open else "no")


def test_a_merged_membership_counts_as_the_one_that_stayed(world: DciWorld) -> None:
    stayed, merged, partner = world.member(), world.member(ID), world.partner()
    change(world, merged, status=Status.CLOSED, merged_into=stayed.id)
    assert told(partner) == told(partner, merged.number, "NSSF_NO") == "yes"
    change(world, stayed, status=Status.DECEASED)
    assert told(partner) == "no"


def test_a_person_is_known_by_another_paper_and_one_papers_number_is_not_anothers(world: DciWorld) -> None:
    member, partner = world.member(), world.partner()
    paper = OtherDocument.parse(PASSPORT, ID)
    index = world.services.members.indexes.identifier(paper)
    change(world, member, identifier_type=PASSPORT, identifier=paper.number, identifier_index=index)
    assert told(partner, ID, "PASSPORT") == "yes"
    assert told(partner, ID) == told(partner, ID, REFUGEE_ID.upper()) == "no"


@pytest.mark.parametrize("spelling", [PROGRAMME, PROGRAMME.replace(".program.", ".programme.")])
def test_only_our_own_programme_is_ours_to_speak_of(world: DciWorld, spelling: str) -> None:
    world.member(ID)
    partner = world.partner()
    assert told(partner, **{spelling: {"eq": "HABA"}}) == "yes"
    assert told(partner, **{spelling: {"eq": "JAMII"}}) == "no"


@pytest.mark.parametrize(
    "criteria",
    [
        None,
        [],
        {"query_type": "predicate", "query": {PERSON: {"eq": ID}}},
        {"query_type": "expression", "query": [{PERSON: {"eq": ID}}]},
        *(
            {"query_type": "expression", "query": query}
            for query in (
                {},
                {PROGRAMME: {"eq": "HABA"}},
                {PERSON: ID},
                {PERSON: {"eq": [ID, "7654321"]}},
                {PERSON: {"eq": 12345678}},
                {PERSON: {"ge": "1"}},
                {PERSON: {"eq": ID, "ge": "1"}},
                {PERSON: {"eq": "abc"}},
                {PERSON: {"eq": "1" * 100}},
                {PERSON: {"eq": ID}, PERSON_TYPE: {"eq": "MOBILE"}},
                {PERSON: {"eq": ID}, PROGRAMME: {"eq": ""}},
                {PERSON: {"eq": ID}, "member.demographic_info.name": {"eq": "Wanjiru"}},
            )
        ),
    ],
    ids=str,
)
def test_what_yes_or_no_cannot_answer_is_rejected(world: DciWorld, criteria: Any) -> None:
    world.member(ID)
    answer = ask(world.partner(), {"transaction_id": "t", "enrolled_criteria": criteria})
    assert (answer["header"]["status"], code_of(answer)) == ("rjct", "rjct.search_criteria.invalid")
    assert answer["message"]["enrolled_response"] == []


@pytest.mark.parametrize("count", [0, 2])
def test_one_person_is_asked_about_at_a_time(world: DciWorld, count: int) -> None:
    answer = ask(world.partner(), question(), count=count)
    assert code_of(answer) == "rjct.total_count.invalid"


def test_without_the_scope_nothing_is_told(world: DciWorld) -> None:
    partner = world.partner(scopes=[Scope.NOTIFY, Scope.SUBSCRIBE])
    answer = partner.post("sync/enrolled", partner.envelope("search", question()))
    assert (answer.status_code, code_of(answer.get_json())) == (403, "err.request.forbidden")


def test_who_asks_too_often_is_told_when_to_come_back(world: DciWorld) -> None:
    partner = world.partner(requests_per_minute=2)
    answers = [partner.post("sync/enrolled", partner.envelope("search", question())) for _ in range(5)]
    # A minute may have turned over in between; then one more pair passes.
    assert [answer for answer in answers if answer.status_code == 429 and answer.headers["Retry-After"]]


def test_the_question_is_signed_when_it_must_be_and_counts_once(world: DciWorld) -> None:
    partner = world.partner(signatures=ReplySignatures.REQUIRED)
    assert code_of(ask(partner, question(), mode=SignatureMode.NONE)) == "err.signature.missing"
    body = partner.envelope("search", question())
    changed = body.replace(ID.encode(), b"12345679")
    assert code_of(partner.post("sync/enrolled", changed).get_json()) == "err.signature.invalid"
    assert code_of(partner.post("sync/enrolled", body).get_json()) == ""
    assert code_of(partner.post("sync/enrolled", body).get_json()) == "rjct.message_id.duplicate"


def test_the_answer_is_signed_and_names_its_question(world: DciWorld) -> None:
    asked = question()
    answer = ask(world.partner(), asked)
    assert answer["message"]["transaction_id"] == asked["transaction_id"]
    with world.app.test_client() as http:
        keys = public_keys(http.get("/.well-known/jwks.json").get_json())
    now = world.services.clock.now()
    assert verify(answer["signature"], answer["header"], answer["message"], find_key=keys.get, now=now)


def test_of_a_question_only_its_status_stays(world: DciWorld) -> None:
    member, partner, asked = world.member(ID), world.partner(), question()
    answer = json.dumps(ask(partner, asked))
    assert all(secret not in answer for secret in (ID, member.number, member.phone[4:]))
    status = {
        "reference_id": "s-1",
        "txn_type": "search",
        "attribute_type": "transaction_id",
        "attribute_value": asked["transaction_id"],
    }
    heard = partner.say("sync/txn/status", "txn-status", {"transaction_id": "t", "txnstatus_request": status})
    [entry] = heard["message"]["txnstatus_response"]["txn_status"]["search_response"]
    assert set(entry) == {"status", "timestamp"}
    assert entry["status"] == "succ"
    with world.sessions.begin() as session:
        rows = session.connection().exec_driver_sql("SELECT m::text FROM dci_messages m").all()
    assert rows
    assert all(secret not in row[0] for row in rows for secret in (ID, member.number, '"yes"'))
