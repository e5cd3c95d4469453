"""The fund's registry knows who is in which programme: what it is asked, and what it is told (IBR)."""

from typing import Any

import pytest

from sandbox.testing import Box
from tests.sandbox.dci_calls import ask, envelope


def question(box: Box, query: dict[str, Any]) -> Any:
    message = {"transaction_id": "t-1", "enrolled_criteria": {"query_type": "expression", "query": query}}
    return ask(box, "/fund/registry/sync/enrolled", envelope("search", message)).get_json()


def enrolled(box: Box, number: str, programme: str | None) -> str:
    """Whether the fund says yes or no."""
    query: dict[str, Any] = {"person_identifier": {"eq": number}}
    if programme:
        query["programme_identifier.program.programme_identifier"] = {"eq": programme}
    [entry] = question(box, query)["message"]["enrolled_response"]
    assert set(entry) == {"enrolled_status"}
    return str(entry["enrolled_status"])


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


@pytest.mark.parametrize(
    ("number", "programme", "answer"),
    [("24352565", None, "yes"), ("24352565", "JAMII", "yes"), ("24352565", "HABA", "no"), ("1", None, "no")],
)
def test_the_fund_says_who_is_enrolled_elsewhere(
    box: Box, number: str, programme: str | None, answer: str
) -> None:
    assert enrolled(box, number, programme) == answer


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
    told = question(
        box, {"person_identifier": {"eq": number}, "person_identifier.identifier_type": {"eq": kind}}
    )
    assert told["message"]["enrolled_response"] == answer
    assert told["header"]["status"] == ("succ" if answer else "rjct")


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
    assert enrolled(box, number, programme) == answer
    assert enrolled(box, "24352565", "JAMII") == "yes"


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
