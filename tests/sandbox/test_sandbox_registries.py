"""The civil and the fund registry on the DCI wire."""

from typing import Any

import pytest

from sandbox.testing import Box
from tests.sandbox.dci_calls import CLIENT, ask, envelope, event, find, notify, search, token, uin


def test_client_credentials_give_a_bearer(box: Box) -> None:
    body = box.call("POST", "/civil/oauth2/client/token", data=CLIENT).get_json()
    assert body["token_type"] == "Bearer"
    assert body["expires_in"] == 900


@pytest.mark.parametrize(
    ("change", "status"),
    [({"client_secret": "no"}, 401), ({"grant_type": "password"}, 400), ({"scope": "everything"}, 400)],
)
def test_bad_token_requests_are_refused(box: Box, change: dict[str, str], status: int) -> None:
    assert box.call("POST", "/fund/oauth2/client/token", data=CLIENT | change).status_code == status


def test_a_token_of_one_registry_opens_no_other_and_ends(box: Box) -> None:
    body = envelope("search", search(uin("12345678")))
    headers = {"Authorization": f"Bearer {token(box, 'fund')}"}
    answer = box.call("POST", "/civil/registry/sync/search", json=body, headers=headers)
    assert answer.status_code == 401
    assert answer.get_json()["errors"][0]["code"] == "err.request.unauthorized"
    headers = {"Authorization": f"Bearer {token(box, 'civil')}"}
    box.pass_time(901)
    assert box.call("POST", "/civil/registry/sync/search", json=body, headers=headers).status_code == 401


def test_a_person_is_found_by_number(box: Box) -> None:
    [entry] = find(box, "civil", uin("12345678"))
    assert entry["status"] == "succ"
    assert entry["reference_id"] == "r-1"
    [person] = entry["data"]["reg_records"]
    assert person["name"] == {"given_name": "Wanjiku", "second_name": "Njeri", "surname": "Mwangi"}
    assert person["birth_date"] == "1991-04-17"
    assert person["status"] == "alive"
    assert person["identifier"] == [{"identifier_type": "UIN", "identifier_value": "12345678"}]
    assert "death_date" not in person


def test_the_dead_have_a_date_of_death(box: Box) -> None:
    [person] = find(box, "civil", uin("11111111"))[0]["data"]["reg_records"]
    assert person["status"] == "dead"
    assert person["death_date"] == "2024-08-14"


def test_an_unknown_number_is_a_success_without_records(box: Box) -> None:
    [entry] = find(box, "civil", uin("99999999"))
    assert entry["status"] == "succ"
    assert entry["data"]["reg_records"] == []
    assert entry["pagination"]["total_count"] == 0


def test_a_batch_is_answered_item_by_item(box: Box) -> None:
    good, bad = find(box, "civil", uin("12345678"), {"type": "LIBRARY_CARD", "value": "1"})
    assert good["status"] == "succ"
    assert bad["status"] == "rjct"
    assert bad["status_reason_code"] == "rjct.search_criteria.invalid"


def test_namesakes_are_found_by_predicate_page_by_page(box: Box) -> None:
    wanted = [
        {
            "seq_num": 1,
            "expression1": {"attribute_name": "surname", "operator": "eq", "attribute_value": "Wafula"},
            "condition": "and",
            "expression2": {
                "attribute_name": "birth_date",
                "operator": "eq",
                "attribute_value": "1994-12-12",
            },
        }
    ]
    page = {"page_size": 1, "page_number": 2}
    [entry] = find(box, "civil", wanted, kind="predicate", pagination=page)
    assert entry["pagination"] == {"page_size": 1, "page_number": 2, "total_count": 2}
    assert len(entry["data"]["reg_records"]) == 1


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ({"message_ts": "2026-11-22T00:45:00"}, "rjct.message_ts.invalid"),
        ({"total_count": "1"}, "rjct.total_count.invalid"),
        ({"total_count": 2}, "rjct.total_count.invalid"),
        ({"total_count": 5000}, "rjct.total_count.limit_exceeded"),
        ({"action": "notify"}, "rjct.action.not_supported"),
        ({"version": "9"}, "rjct.version.invalid"),
    ],
)
def test_a_bad_header_is_rejected_in_the_reply(box: Box, header: dict[str, Any], code: str) -> None:
    body = envelope("search", search(uin("12345678")), **header)
    answer = ask(box, "/civil/registry/sync/search", body)
    assert answer.status_code == 200
    assert answer.get_json()["header"]["status"] == "rjct"
    assert answer.get_json()["header"]["status_reason_code"] == code


@pytest.mark.parametrize("field", ["message_id", "message_ts", "action", "sender_id", "total_count"])
def test_a_missing_header_field_is_an_err_ack(box: Box, field: str) -> None:
    body = envelope("search", search(uin("12345678")), **{field: None})
    message = ask(box, "/civil/registry/sync/search", body).get_json()["message"]
    assert message["ack_status"] == "ERR"
    assert field in message["error"]["message"]


@pytest.mark.parametrize(
    ("path", "value", "code"),
    [
        (("locale",), "en", "rjct.search_criteria.invalid"),
        (("timestamp",), "2026-11-22 00:45", "rjct.timestamp.invalid"),
        (("reference_id",), "", "rjct.reference_id.invalid"),
        (("search_criteria", "pagination"), {"page_number": 0, "page_size": 1}, "rjct.pagination.invalid"),
        (("search_criteria", "query_type"), "graphql", "rjct.search_criteria.invalid"),
    ],
)
def test_a_bad_item_is_rejected_by_its_reason(box: Box, path: tuple[str, ...], value: Any, code: str) -> None:
    message = search(uin("12345678"))
    place = message["search_request"][0]
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    answer = ask(box, "/civil/registry/sync/search", envelope("search", message)).get_json()
    assert answer["message"]["search_response"][0]["status_reason_code"] == code


@pytest.mark.parametrize("body", [[], "text", {"header": {}}, {"header": [], "message": {}}])
def test_what_is_no_envelope_is_a_bad_request(box: Box, body: Any) -> None:
    message = ask(box, "/civil/registry/sync/search", body).get_json()["message"]
    assert message["error"]["code"] == "err.request.bad"


def test_a_contribution_is_acknowledged_and_can_be_read_back(box: Box) -> None:
    answer = notify(box, event())
    assert answer["ack_status"] == "ACK"
    assert answer["correlation_id"]
    [entry] = find(box, "fund", {"type": "REFERENCE_ID", "value": "p-1"})
    [record] = entry["data"]["reg_records"]
    assert record["provider_reference"] == "UKM1ABC2DE"
    assert record["reference_id"] == "p-1"
    assert record["amount"] == "50.00"
    assert record["currency"] == record["currency_code"] == "KES"
    assert record["status"] == "succ"


def test_the_same_event_again_counts_once(box: Box) -> None:
    notify(box, event())
    notify(box, event(amount="99.00"))
    notify(box, event(), transaction="t-3")
    listed = box.get("/fund/contributions")
    assert [(one["transaction_id"], one["amount"], one["deliveries"]) for one in listed] == [
        ("t-2", "50.00", 2),
        ("t-3", "50.00", 1),
    ]
    assert box.get("/fund/total") == {
        "count": 2,
        "amount_cents": 10_000,
        "amount": "100.00",
        "currency_code": "KES",
    }


def test_contributions_are_found_by_member_and_by_predicate(box: Box) -> None:
    notify(box, event("p-1"), event("p-2", period="2026-10", amount="75.00"))
    assert len(find(box, "fund", uin("12345678"))[0]["data"]["reg_records"]) == 2
    references = [
        {
            "expression1": {
                "attribute_name": "reference_id",
                "operator": "in",
                "attribute_value": ["p-2", "p-9"],
            }
        }
    ]
    [entry] = find(box, "fund", references, kind="predicate")
    assert [one["reference_id"] for one in entry["data"]["reg_records"]] == ["p-2"]
    both = [
        {
            "seq_num": 1,
            "expression1": {"attribute_name": "transaction_id", "operator": "eq", "attribute_value": "t-2"},
        },
        {
            "seq_num": 2,
            "expression1": {"attribute_name": "period", "operator": "eq", "attribute_value": "2026-11"},
        },
    ]
    [entry] = find(box, "fund", both, kind="predicate")
    assert [one["reference_id"] for one in entry["data"]["reg_records"]] == ["p-1"]
    dear = [{"expression1": {"attribute_name": "amount", "operator": "gt", "attribute_value": "60"}}]
    [entry] = find(box, "fund", dear, kind="predicate")
    assert [one["reference_id"] for one in entry["data"]["reg_records"]] == ["p-2"]


@pytest.mark.parametrize(
    "record",
    [{"amount": 50}, {"amount": "-1"}, {"amount": "0"}, {"currency_code": ""}, {"member_identifier": []}],
)
def test_a_contribution_that_makes_no_sense_is_an_err(box: Box, record: dict[str, Any]) -> None:
    answer = notify(box, event(**record))
    assert answer["ack_status"] == "ERR"
    assert answer["error"]["code"] == "err.request.bad"
    assert box.get("/fund/contributions") == []


def test_half_a_batch_can_be_lost_behind_an_ack(box: Box) -> None:
    box.fault("fund", half_post=True)
    assert notify(box, event("p-1"), event("p-2"))["ack_status"] == "ACK"
    assert [one["reference_id"] for one in box.get("/fund/contributions")] == ["p-1"]


def test_a_lost_answer_still_did_the_work(box: Box) -> None:
    box.fault("fund", drop=True)
    message = {"transaction_id": "t-2", "notify_event": [event()]}
    assert ask(box, "/fund/registry/notify", envelope("notify", message)).status_code == 504
    assert len(box.get("/fund/contributions")) == 1


def test_an_outage_closes_every_door(box: Box) -> None:
    good = token(box, "fund")
    box.fault("fund", outage=True)
    answer = box.call("POST", "/fund/oauth2/client/token", data=CLIENT)
    assert answer.status_code == 503
    headers = {"Authorization": f"Bearer {good}"}
    answer = box.call("POST", "/fund/registry/notify", json={}, headers=headers)
    assert answer.status_code == 503
    assert answer.get_json()["errors"][0]["code"] == "err.service.unavailable"


def test_error_codes_can_be_ordered(box: Box) -> None:
    box.fault("fund", error_code="err.service.unavailable")
    assert notify(box, event())["error"]["code"] == "err.service.unavailable"
    box.fault("civil", error_code="rjct.search.too_many_records_found")
    answer = ask(box, "/civil/registry/sync/search", envelope("search", search(uin("1")))).get_json()
    assert answer["header"]["status_reason_code"] == "rjct.search.too_many_records_found"


def test_requests_are_kept_without_secrets(box: Box) -> None:
    find(box, "civil", uin("12345678"))
    kept = box.get("/requests?to=civil")
    assert [one["path"] for one in kept] == ["/civil/oauth2/client/token", "/civil/registry/sync/search"]
    assert kept[0]["body"]["client_secret"] == "***"
    assert "sandbox-registry-secret" not in str(kept)


@pytest.mark.parametrize(("kind", "number"), [("REFUGEE_ID", "KEN00012345"), ("PASSPORT", "AK0123456")])
def test_people_are_found_by_other_papers_without_their_national_number(
    box: Box, kind: str, number: str
) -> None:
    body = envelope("search", search({"type": kind, "value": number}))
    [item] = ask(box, "/civil/registry/sync/search", body).get_json()["message"]["search_response"]
    [record] = item["data"]["reg_records"]
    assert record["identifier"] == [{"identifier_type": kind, "identifier_value": number}]
    assert record["name"]["surname"]
