"""Others search us: each within its scope, one member at a time, page by page, item by item."""

import json
from typing import Any

import pytest

from payments.receipts.tables import Receipt
from registry.keys import public_keys
from registry.signature import verify
from tests.registry.dci_world import KEY, DciWorld, code_of, item_of, search_item


def contributions_of(number: str, *more: Any, **criteria: Any) -> dict[str, Any]:
    first = {"attribute_name": "NSSF_NO", "operator": "eq", "attribute_value": number}
    entries = [{"seq_num": 1, "expression1": first}]
    for name, operator, value in more:
        expression = {"attribute_name": name, "operator": operator, "attribute_value": value}
        entries.append({"seq_num": len(entries) + 1, "expression1": expression})
    return {
        "query_type": "predicate",
        "query": entries,
        "reg_record_type": "Contribution",
        **criteria,
    }


def test_a_membership_is_found_by_national_id_and_by_number_and_shows_no_name(world: DciWorld) -> None:
    member = world.member("12345678")
    answer = world.partner().search(("UIN", "12345678"), ("NSSF_NO", member.number), ("UIN", "7654321"))
    by_id, by_number, nobody = answer["message"]["search_response"]
    [record] = by_id["data"]["reg_records"]
    assert record == {
        "@type": "Membership",
        "member_identifier": [
            {"identifier_type": "NSSF_NO", "identifier_value": member.number},
            {"identifier_type": "UIN", "identifier_value": "12345678"},
        ],
        "programme_identifier": "HABA",
        "enrolment_date": "2026-11-01",
        "enrolment_status": "active",
    }
    assert len(by_number["data"]["reg_records"]) == 1
    assert (nobody["status"], nobody["data"]["reg_records"]) == ("succ", [])


def test_contributions_come_with_minimal_fields_and_say_how_far_they_are(world: DciWorld) -> None:
    member, other = world.member(), world.member()
    receipt = world.contribution(member)
    world.contribution(other)
    answer = world.partner().search(contributions_of(member.number))
    [record] = item_of(answer)["data"]["reg_records"]
    assert record == {
        "@type": "Contribution",
        "reference_id": str(receipt.id),
        "member_identifier": [{"identifier_type": "NSSF_NO", "identifier_value": member.number}],
        "programme_identifier": "HABA",
        "amount": "200.00",
        "currency_code": "KES",
        "period": "2026-11",
        "paid_at": "2026-11-20T09:00:00+00:00",
        "status": "rcvd",
    }


def test_contributions_are_narrowed_by_reference_time_and_period(world: DciWorld) -> None:
    member = world.member()
    first, second = world.contribution(member, day=10), world.contribution(member, day=20)
    partner = world.partner()
    for condition, expected in (
        (("reference_id", "in", [str(first.id), "nonsense"]), [first]),
        (("paid_at", "ge", "2026-11-15T00:00:00+03:00"), [second]),
        (("paid_at", "lt", "2026-11-15T00:00:00+03:00"), [first]),
        (("period", "eq", "2026-11"), [first, second]),
        (("period", "eq", "2026-10"), []),
    ):
        item = item_of(partner.search(contributions_of(member.number, condition)))
        found = [record["reference_id"] for record in item["data"]["reg_records"]]
        assert found == [str(receipt.id) for receipt in expected], condition


def test_the_month_that_money_is_to_count_for_is_told_and_found(world: DciWorld) -> None:
    member = world.member()
    receipt = world.contribution(member, period="2026-10")
    partner = world.partner()
    for month, expected in (("2026-10", [str(receipt.id)]), ("2026-11", [])):
        found = item_of(partner.search(contributions_of(member.number, ("period", "eq", month))))
        assert [record["reference_id"] for record in found["data"]["reg_records"]] == expected
    [record] = item_of(partner.search(contributions_of(member.number)))["data"]["reg_records"]
    assert record["period"] == "2026-10"


def test_what_was_given_back_is_no_contribution(world: DciWorld) -> None:
    member = world.member()
    receipt = world.contribution(member)
    with world.sessions.begin() as session:
        # As a refund leaves it: the posting stays until the registry has made its record void.
        session.get_one(Receipt, receipt.id).member_id = None
    assert item_of(world.partner().search(contributions_of(member.number)))["data"]["reg_records"] == []


def test_pages_add_up_and_too_many_without_pages_is_refused(world: DciWorld) -> None:
    member = world.member()
    for number in range(51):
        world.contribution(member, 100 + number)
    partner = world.partner()
    unpaged = item_of(partner.search(contributions_of(member.number)))
    assert (unpaged["status"], unpaged["status_reason_code"]) == (
        "rjct",
        "rjct.search.too_many_records_found",
    )
    amounts = []
    for number in (1, 2, 3):
        page = {"page_size": 20, "page_number": number}
        item = item_of(partner.search(contributions_of(member.number, pagination=page)))
        assert item["pagination"] == page | {"total_count": 51}
        amounts += [record["amount"] for record in item["data"]["reg_records"]]
    assert len(amounts) == 51
    assert len(set(amounts)) == 51


@pytest.mark.parametrize(
    ("item", "code"),
    [
        ({"reference_id": ""}, "rjct.reference_id.invalid"),
        ({"reference_id": 7}, "rjct.reference_id.invalid"),
        ({"timestamp": "2026-11-22T09:00:00"}, "rjct.timestamp.invalid"),
        ({"locale": "en"}, "rjct.search_criteria.invalid"),
        ({"search_criteria": None}, "rjct.search_criteria.invalid"),
    ],
    ids=str,
)
def test_an_item_is_rejected_by_its_own_code_and_its_neighbour_answered(
    world: DciWorld, item: dict[str, Any], code: str
) -> None:
    world.member("12345678")
    bad = search_item(("UIN", "12345678"), 0) | item
    good = search_item(("UIN", "12345678"), 1)
    message = {"transaction_id": "t", "search_request": [bad, good]}
    answer = world.partner().say("sync/search", "search", message, count=2)
    rejected, answered = answer["message"]["search_response"]
    assert (rejected["status"], rejected["status_reason_code"]) == ("rjct", code)
    assert answered["status"] == "succ"


@pytest.mark.parametrize(
    ("criteria", "code"),
    [
        ({"query_type": "expression"}, "rjct.search_criteria.invalid"),
        ({"query": {"type": "MOBILE", "value": "1"}}, "rjct.search_criteria.invalid"),
        ({"query": {"type": "UIN", "value": "abc"}}, "rjct.search_criteria.invalid"),
        ({"reg_record_type": "Person"}, "rjct.search_criteria.invalid"),
        ({"version": "2.0.0"}, "rjct.search_criteria.invalid"),
        ({"sort": [{"attribute_name": "amount", "sort_order": "asc"}]}, "rjct.sort.invalid"),
        ({"pagination": {"page_size": 0}}, "rjct.pagination.invalid"),
        ({"pagination": {"page_number": "1"}}, "rjct.pagination.invalid"),
        ({"pagination": [1]}, "rjct.pagination.invalid"),
        ({"query_type": "predicate", "query": []}, "rjct.search_criteria.invalid"),
        (
            {
                "query_type": "predicate",
                "query": [
                    {"expression1": {"attribute_name": "period", "operator": "eq", "attribute_value": "x"}}
                ],
            },
            "rjct.search_criteria.invalid",
        ),
    ],
    ids=str,
)
def test_criteria_nobody_can_answer_are_rejected(
    world: DciWorld, criteria: dict[str, Any], code: str
) -> None:
    item = search_item(("UIN", "12345678"), **criteria)
    message = {"transaction_id": "t", "search_request": [item]}
    answered = item_of(world.partner().say("sync/search", "search", message))
    assert (answered["status"], answered["status_reason_code"]) == ("rjct", code)


def test_the_same_reference_twice_in_a_batch_is_rejected_once(world: DciWorld) -> None:
    item = search_item(("UIN", "12345678"))
    message = {"transaction_id": "t", "search_request": [item, item]}
    first, second = world.partner().say("sync/search", "search", message, count=2)["message"][
        "search_response"
    ]
    assert (first["status"], second["status_reason_code"]) == ("succ", "rjct.reference_id.duplicate")


def test_the_answer_is_a_signed_envelope_that_our_published_keys_verify(world: DciWorld) -> None:
    answer = world.partner().search(("UIN", "12345678"))
    header = answer["header"]
    assert (header["action"], header["status"], header["sender_id"]) == ("on-search", "succ", "kibaba")
    with world.app.test_client() as http:
        published = public_keys(http.get("/.well-known/jwks.json").get_json())
    fields = verify(
        answer["signature"],
        header,
        answer["message"],
        find_key=published.get,
        now=world.services.clock.now(),
    )
    assert fields.key_id in published
    assert fields.key_id != KEY.key_id


def test_a_batch_that_does_not_add_up_is_rejected_as_a_whole(world: DciWorld) -> None:
    answer = world.partner().search(("UIN", "12345678"), count=2)
    assert (answer["header"]["status"], code_of(answer)) == ("rjct", "rjct.total_count.invalid")


def test_no_answer_tells_names_phones_or_wallet_receipts(world: DciWorld) -> None:
    member = world.member("12345678")
    receipt = world.contribution(member)
    answer = world.partner().search(("UIN", "12345678"), contributions_of(member.number))
    text = json.dumps(answer)
    assert receipt.receipt not in text
    assert member.phone[4:] not in text
