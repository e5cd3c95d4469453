"""Identifiers that no database can hold, or are no texts: refused with a code, and never told back."""

import uuid
from typing import Any

import pytest

from registry.connection import SignatureMode
from tests.registry.callback_receiver import Receiver
from tests.registry.dci_world import CALLBACK, DciWorld, Partner, code_of, item_of, now_text, search_item

ODD: list[Any] = ["\x00", "a\x00", "\ud800", "", "a" * 100, 7, [], {}, None]
ASKED = ("UIN", "12345678")
PERSON = {"identifier": [{"identifier_type": "UIN", "identifier_value": "12345678"}]}


@pytest.mark.parametrize("odd", [["partner"], *(odd for odd in ODD if odd not in ("", None))], ids=repr)
@pytest.mark.parametrize("mode", SignatureMode)
def test_an_odd_sender_is_refused(world: DciWorld, mode: SignatureMode, odd: Any) -> None:
    partner = world.partner(signatures="checked" if mode is not SignatureMode.NONE else "ignored")
    answer = partner.search(ASKED, header={"sender_id": odd}, mode=mode)
    assert code_of(answer) in {"err.signature.invalid", "err.sender_id.invalid"}


@pytest.mark.parametrize("name", ["receiver_id", "message_id"])
def test_other_odd_ids_of_a_header_are_refused(world: DciWorld, name: str) -> None:
    partner = world.partner()
    for odd in (odd for odd in ODD if odd not in ("", None)):
        assert code_of(partner.search(ASKED, header={name: odd})).startswith("err."), odd


@pytest.mark.parametrize("end", ["\x00", "\ud800", "\n", "a" * 500], ids=["nul", "half", "line", "long"])
def test_an_address_that_cannot_be_kept_is_refused(world: DciWorld, end: str) -> None:
    partner = world.partner()
    answer = partner.search(ASKED, path="search", header={"sender_uri": f"{CALLBACK}/{end}"})
    assert code_of(answer) == "err.sender_uri.invalid"


@pytest.mark.parametrize("path", ["sync/search", "search"])
def test_an_odd_transaction_is_a_bad_request(world: DciWorld, path: str) -> None:
    partner = world.partner()
    for odd in ODD:
        message = {"transaction_id": odd, "search_request": [search_item(ASKED)]}
        assert code_of(partner.say(path, "search", message)) == "err.request.bad", odd


def test_an_odd_reference_is_rejected_and_not_told_back(
    world: DciWorld, partner: Partner, receiver: Receiver
) -> None:
    for odd in ODD:
        asked = {"transaction_id": "t-1", "search_request": [search_item(ASKED) | {"reference_id": odd}]}
        item = item_of(partner.say("sync/search", "search", asked))
        assert (item["reference_id"], item["status_reason_code"]) == ("", "rjct.reference_id.invalid"), odd
        assert code_of(partner.say("search", "search", asked)) == ""
        wanted = {"type": "programme", "value": "HABA"}
        assert code_of(partner.subscribe("MemberJoined", "Membership", wanted, reference_id=odd)) == ""
        world.work("dci_callback")
        (_, found), (_, promised) = receiver.heard
        told = item_of(found), promised["message"]["subscribe_response"][0]
        assert [(one["reference_id"], one["status"]) for one in told] == [("", "rjct")] * 2, odd
        receiver.heard.clear()


def test_odd_codes_of_subscriptions_are_a_bad_request(world: DciWorld) -> None:
    partner = world.partner()
    for odd in ODD:
        message = {"transaction_id": "t-1", "subscription_codes": [str(uuid.uuid4()), odd]}
        assert code_of(partner.say("unsubscribe", "unsubscribe", message)) == "err.request.bad", odd


def test_an_odd_word_about_a_death_is_left_out(world: DciWorld) -> None:
    world.member("12345678")
    civil = world.partner("civil", speaks_for="civil")
    for number, odd in enumerate(ODD):
        answer = civil.notify("death", PERSON | {"death_date": odd}, transaction_id=f"t-{number}")
        assert code_of(answer) == "", odd


@pytest.mark.parametrize("kind", ["UIN", "NSSF_NO", "REFUGEE_ID", "PASSPORT"])
def test_an_odd_identifier_names_nobody(world: DciWorld, kind: str) -> None:
    civil = world.partner("civil", speaks_for="civil")
    for number, odd in enumerate(("\x00", "12345678\x00", "\ud800")):
        record = {"identifier": [{"identifier_type": kind, "identifier_value": odd}], "at": now_text()}
        assert code_of(civil.notify("death", record, transaction_id=f"t-{number}")) == "", odd
