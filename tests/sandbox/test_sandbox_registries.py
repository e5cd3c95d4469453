"""The civil and the fund registry on the DCI wire."""

import base64
import time
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from sandbox.listener import Listener
from sandbox.registries import keys, signature
from sandbox.testing import Box

CLIENT = {
    "grant_type": "client_credentials",
    "client_id": "kibaba",
    "client_secret": "sandbox-registry-secret",
}
NOW = "2026-11-22T00:45:00+03:00"


def token(box: Box, role: str) -> str:
    return str(box.call("POST", f"/{role}/oauth2/client/token", data=CLIENT).get_json()["access_token"])


def envelope(action: str, message: dict[str, Any], count: int = 1, /, **header: Any) -> dict[str, Any]:
    whole = {
        "message_id": "m-1",
        "message_ts": datetime.now(UTC).isoformat(),
        "action": action,
        "sender_id": "kibaba",
        "total_count": count,
    } | header
    return {"header": {key: value for key, value in whole.items() if value is not None}, "message": message}


def ask(box: Box, path: str, body: Any) -> Any:
    headers = {"Authorization": f"Bearer {token(box, path.split('/')[1])}"}
    return box.call("POST", path, json=body, headers=headers)


def search(*queries: Any, kind: str = "idtype-value", **criteria: Any) -> dict[str, Any]:
    return {
        "transaction_id": "t-1",
        "search_request": [
            {
                "reference_id": f"r-{number}",
                "timestamp": NOW,
                "search_criteria": {"version": "1.0.0", "query_type": kind, "query": query} | criteria,
                "locale": "eng",
            }
            for number, query in enumerate(queries, 1)
        ],
    }


def find(box: Box, role: str, *queries: Any, **options: Any) -> list[dict[str, Any]]:
    body = envelope("search", search(*queries, **options), len(queries))
    found: list[dict[str, Any]] = ask(box, f"/{role}/registry/sync/search", body).get_json()["message"][
        "search_response"
    ]
    return found


def uin(value: str) -> dict[str, str]:
    return {"type": "UIN", "value": value}


def event(reference: str = "p-1", **record: Any) -> dict[str, Any]:
    contribution = {
        "@type": "Contribution",
        "member_identifier": [{"identifier_type": "UIN", "identifier_value": "12345678"}],
        "programme_identifier": "HABA",
        "amount": "50.00",
        "currency_code": "KES",
        "period": "2026-11",
        "paid_at": NOW,
        "payer_fa": "254712345678@mpesa.ke",
        "provider_reference": "UKM1ABC2DE",
        "status": "rcvd",
    } | record
    data = {
        "version": "1.0.0",
        "reg_type": "ns:org:RegistryType:Contribution",
        "reg_event_type": "ContributionReceived",
        "reg_record_type": "Contribution",
        "response_entity": "Member",
        "reg_records": contribution,
    }
    return {"reference_id": reference, "timestamp": NOW, "data": data, "locale": "swa"}


def notify(box: Box, *events: Any, transaction: str = "t-2", **header: Any) -> Any:
    message = {"transaction_id": transaction, "notify_event": list(events)}
    body = envelope("notify", message, len(events), **header)
    return ask(box, "/fund/registry/notify", body).get_json()["message"]


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


def test_replies_are_signed_with_the_published_key(box: Box) -> None:
    answer = ask(box, "/civil/registry/sync/search", envelope("search", search(uin("12345678")))).get_json()
    published = signature.public_keys(box.get("/civil/.well-known/jwks.json"))
    signature.verify(answer["signature"], published, answer["header"], answer["message"], time.time())
    with pytest.raises(signature.SignatureError):
        signature.verify(answer["signature"], published, answer["header"], {}, time.time())


def test_wrongly_signed_replies_can_be_ordered(box: Box) -> None:
    box.fault("civil", outcome="wrong_signature")
    answer = ask(box, "/civil/registry/sync/search", envelope("search", search(uin("12345678")))).get_json()
    published = signature.public_keys(box.get("/civil/.well-known/jwks.json"))
    with pytest.raises(signature.SignatureError):
        signature.verify(answer["signature"], published, answer["header"], answer["message"], time.time())


def signed(key: Ed25519PrivateKey, body: dict[str, Any], now: float | None = None) -> dict[str, Any]:
    text = signature.sign(key, "kibaba|k1|ed25519", body["header"], body["message"], now or time.time())
    return {"signature": text} | body


def sender(box_target: Listener, key: Ed25519PrivateKey) -> None:
    raw = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    entry = {
        "kty": "OKP",
        "crv": "Ed25519",
        "kid": "k1",
        "x": base64.urlsafe_b64encode(raw).decode().rstrip("="),
    }
    box_target.pages["/.well-known/jwks.json"] = {"keys": [entry]}


def test_a_signature_is_checked_against_the_gateways_published_key(box: Box, gateway: Listener) -> None:
    key = Ed25519PrivateKey.generate()
    sender(gateway, key)
    body = envelope("search", search(uin("12345678")))
    good = ask(box, "/civil/registry/sync/search", signed(key, body)).get_json()
    assert good["header"]["status"] == "succ"
    forged = signed(Ed25519PrivateKey.generate(), body)
    bad = ask(box, "/civil/registry/sync/search", forged).get_json()
    assert bad["message"]["error"]["code"] == "err.signature.invalid"
    old = signed(key, body, time.time() - 3600)
    bad = ask(box, "/civil/registry/sync/search", old).get_json()
    assert bad["message"]["error"]["code"] == "err.signature.invalid"


def test_a_new_key_of_the_gateway_is_found_at_once(box: Box, gateway: Listener) -> None:
    body = envelope("search", search(uin("12345678")))
    for _ in range(2):
        key = Ed25519PrivateKey.generate()
        sender(gateway, key)
        answer = ask(box, "/civil/registry/sync/search", signed(key, body)).get_json()
        assert answer["header"]["status"] == "succ"


def test_a_signature_nobody_can_check_is_accepted_and_noted(box: Box) -> None:
    body = signed(Ed25519PrivateKey.generate(), envelope("search", search(uin("12345678"))))
    assert ask(box, "/civil/registry/sync/search", body).get_json()["header"]["status"] == "succ"
    assert "could not be fetched" in box.get("/requests?to=civil")[-1]["note"]


def test_with_a_configured_sender_key_every_message_must_be_signed(tmp_path: Any) -> None:
    key = Ed25519PrivateKey.generate()
    raw = base64.b64encode(key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)).decode()
    box = Box(tmp_path / "strict", "http://127.0.0.1:9", sender_key=raw)
    try:
        body = envelope("search", search(uin("12345678")))
        missing = ask(box, "/civil/registry/sync/search", body).get_json()
        assert missing["message"]["error"]["code"] == "err.signature.missing"
        assert (
            ask(box, "/civil/registry/sync/search", signed(key, body)).get_json()["header"]["status"]
            == "succ"
        )
    finally:
        box.close()


def test_the_signing_key_survives_a_restart(tmp_path: Any) -> None:
    published = []
    for _ in range(2):
        box = Box(tmp_path / "same", "http://127.0.0.1:9")
        published.append(keys.jwks(box.world, "fund"))
        box.close()
    assert published[0] == published[1]
    assert keys.key_id("fund") == published[0]["keys"][0]["kid"]


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


@pytest.mark.parametrize(
    ("number", "programme", "answer"),
    [("24352565", None, "yes"), ("24352565", "JAMII", "yes"), ("24352565", "HABA", "no"), ("1", None, "no")],
)
def test_the_fund_says_who_is_enrolled_elsewhere(
    box: Box, number: str, programme: str | None, answer: str
) -> None:
    query: dict[str, Any] = {"person_identifier": {"eq": number}}
    if programme:
        query["programme_identifier.program.programme_identifier"] = {"eq": programme}
    message = {"transaction_id": "t-1", "enrolled_criteria": {"query_type": "expression", "query": query}}
    told = ask(box, "/fund/registry/sync/enrolled", envelope("search", message)).get_json()["message"]
    assert told["enrolled_response"] == [{"enrolled_status": answer}]


@pytest.mark.parametrize(
    ("kind", "number", "answer"),
    [
        ("UIN", "24352565", [{"enrolled_status": "yes"}]),
        ("PASSPORT", "24352565", [{"enrolled_status": "no"}]),
        ("PASSPORT", "AK0123456", [{"enrolled_status": "no"}]),
        ("MOBILE", "24352565", []),
    ],
)
def test_the_fund_does_not_take_one_papers_number_for_anothers(
    box: Box, kind: str, number: str, answer: list[dict[str, str]]
) -> None:
    query = {"person_identifier": {"eq": number}, "person_identifier.identifier_type": {"eq": kind}}
    message = {"transaction_id": "t-1", "enrolled_criteria": {"query_type": "expression", "query": query}}
    told = ask(box, "/fund/registry/sync/enrolled", envelope("search", message)).get_json()
    assert told["message"]["enrolled_response"] == answer
    assert told["header"]["status"] == ("succ" if answer else "rjct")


def beneficiary(number: str, status: str = "active", **identifiers: str) -> dict[str, Any]:
    named = {"UIN": number} | identifiers
    return {
        "member": {
            "member_identifier": [
                {"identifier_type": kind, "identifier_value": value} for kind, value in named.items()
            ]
        },
        "programme_identifier": {
            "programme": {"programme_identifier": "HABA"},
            "enrolment_date": "2026-11-01",
            "enrolment_status": status,
        },
    }


def enrol(box: Box, transaction_id: str, *people: Any) -> Any:
    message = {"transaction_id": transaction_id, "enrolled_updates": {"beneficiaries": list(people)}}
    path = "/fund/registry/sync/enrollment/updates"
    return ask(box, path, envelope("notify", message, len(people))).get_json()


def test_the_fund_keeps_whom_a_programme_enrols_and_counts_a_repeat_only(box: Box) -> None:
    for transaction_id in ("t-1", "t-1"):
        told = enrol(box, transaction_id, beneficiary("1", NSSF_NO="400000018"), beneficiary("2"))
        assert told["message"]["enrolled_response"] == [{"enrolled_status": "yes"}] * 2
    told = enrol(box, "t-2", beneficiary("2", "inactive"))
    assert told["message"]["enrolled_response"] == [{"enrolled_status": "no"}]
    rows = box.call("GET", "/fund/enrolments").get_json()
    found = {row["membership"]: (row["status"], row["updates"], row["deliveries"]) for row in rows}
    assert found == {"400000018": ("active", 1, 2), "UIN:2": ("inactive", 2, 3)}


@pytest.mark.parametrize(
    ("number", "programme", "answer"),
    [("1", None, "yes"), ("1", "HABA", "yes"), ("1", "JAMII", "no"), ("24352565", "HABA", "yes")],
)
def test_whom_it_was_told_of_is_enrolled_in_that_programme(
    box: Box, number: str, programme: str | None, answer: str
) -> None:
    enrol(box, "t-1", beneficiary("1"), beneficiary("24352565"))
    test_the_fund_says_who_is_enrolled_elsewhere(box, number, programme, answer)
    test_the_fund_says_who_is_enrolled_elsewhere(box, "24352565", "JAMII", "yes")


@pytest.mark.parametrize(
    "people",
    [
        [],
        ["nobody"],
        [beneficiary("1", "unheard of")],
        [beneficiary("1") | {"member": {}}],
        [beneficiary("1") | {"programme_identifier": {}}],
        [{**beneficiary("1"), "member": {"member_identifier": []}}],
    ],
)
def test_an_update_that_names_nobody_is_rejected(box: Box, people: list[Any]) -> None:
    told = enrol(box, "t-1", *people)
    assert told["header"]["status"] == "rjct"
    assert told["header"]["status_reason_code"].startswith("rjct.")
    assert box.call("GET", "/fund/enrolments").get_json() == []
